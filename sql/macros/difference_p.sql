-- Two-sided p-value of no difference: the level at which an end of the score interval of the sum of
-- differences (see score_reach) is at 0, by Student's t with clusters - 1 degrees of freedom. At least
-- 2^(1 - clusters), the smallest p-value of a sign-flip test with that many clusters; 1 if there is no
-- difference.
difference_p(total, spread, piece, clusters) as
    (
        case
            when spread is null then null
            when abs(total) <= 1e-12 then 1.0
            else greatest(
                t_p(abs(total) / sqrt(spread + piece * abs(total)), clusters - 1),
                2.0 ** (1 - clusters)
            )
        end
    )
