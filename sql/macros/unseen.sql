-- The smallest mean difference over `queries` that so many clusters would show in four of five samples,
-- by the 95% score interval of a difference: power 80%, two-sided level 5%. 0.8416 is the 80% quantile
-- of a normal variable. What is to be seen comes in pieces as large as those seen, all of them to one
-- side, and adds their variance, of which what was seen of it (total, the sum of the differences) has its
-- part already.
unseen(spread, squares, absolutes, total, clusters, queries) as
    (
        score_reach(
            greatest(spread - (squares + 3) / (absolutes + 3) * abs(total), 0.0),
            (squares + 3) / (absolutes + 3), clusters, more := 0.8416212335729143
        ) / queries
    )
