-- An end of the 95% score interval of a mean difference over `queries`, from the sum of differences and its
-- reach towards `side`, -1 or 1; within [-1, 1] for measures where higher is better, which are 0 to 1.
difference_end(total, reach, queries, better, side) as
    (
        case
            when better = 'lower' or reach is null then (total + side * reach) / queries
            else greatest(-1, least(1, (total + side * reach) / queries))
        end
    )
