-- What a random ranking of C items expects of 1 / rank of the first of R relevant ones, 0 where that
-- is beyond K: Σ (1/r) C(C-r, R-1) / C(C, R) over r up to K.
reciprocal_chance(r_all, c_all, deepest) as
    case
        when r_all = 1 then harmonic(least(deepest, c_all)) / c_all
        else list_sum(list_transform(
            range(1, least(deepest, c_all - r_all + 1) + 1),
            lambda r: miss_odds(c_all - 1, r_all - 1, r - 1) * r_all / (c_all * r)
        ))
    end
