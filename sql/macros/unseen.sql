-- The smallest mean difference over `queries` that so many clusters would show in four of five samples,
-- by the 95% score interval of a difference: power 80%, two-sided level 5%. 0.8416 is the 80% quantile
-- of a normal variable.
unseen(spread, squares, absolutes, clusters, queries) as
    (score_reach(spread, piece(squares, absolutes, 1, 0), clusters, more := 0.8416212335729143) / queries)
