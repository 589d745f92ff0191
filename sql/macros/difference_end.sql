-- An end of the 95% score interval of a mean difference over `queries`, from the sum of differences
-- and its reach to that `side`, -1 or 1; of measures of which higher is better, and which lie from 0 to 1, within [-1, 1].
difference_end(total, reach, queries, better, side) as
    (
        case
            when better = 'lower' or reach is null then (total + side * reach) / queries
            else greatest(-1, least(1, (total + side * reach) / queries))
        end
    )
