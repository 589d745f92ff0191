-- ln n! - (n ln n - n): the remainder of Stirling's formula, small enough that its differences are accurate.
-- The constants are ln(2 pi) / 2 and those of the series.
stirling_rest(n) as
    case
        when n < 60 then lgamma(n + 1.0) - n * ln(greatest(n, 1)) + n
        else 0.9189385332046727e0 + 0.5e0 * ln(n)
            + (8.333333333333333e-2 - (2.777777777777778e-3 - 7.936507936507937e-4 / n ** 2) / n ** 2) / n
    end
