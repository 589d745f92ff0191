-- The smallest mean difference over `queries` that this many clusters detect by the 95% score interval of a
-- difference: power 80%, two-sided level 5%. 0.8416 is the 80% quantile of the normal distribution. The
-- difference is assumed to come in pieces as large as the observed ones, all in one direction, which add
-- variance.
unseen(spread, squares, absolutes, clusters, queries) as
    (
        score_reach(
            spread, (squares + 3) / (absolutes + 3), clusters, more := 0.8416212335729143
        ) / queries
    )
