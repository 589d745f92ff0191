-- ln n! - (n ln n - n): the remainder of Stirling's formula, small enough that its differences are accurate.
-- The constants are ln(2 pi) / 2 and those of the series.
create macro stirling_rest(n) as
    case
        when n < 60 then lgamma(n + 1.0) - n * ln(greatest(n, 1)) + n
        else 0.9189385332046727e0 + 0.5e0 * ln(n)
            + (8.333333333333333e-2 - (2.777777777777778e-3 - 7.936507936507937e-4 / n ** 2) / n ** 2) / n
    end;

-- x ln(x / y) + y - x, where y = x - excess (Loader 2000, Fast and accurate computation of
-- binomial probabilities), by ln(x / y) = 2 atanh((x - y) / (x + y)), which does not cancel near y.
create macro deviance(x, excess) as
    case
        when x = 0 then -excess
        else excess ** 2 / (2 * x - excess)
            + 2 * x * (atanh(excess / (2 * x - excess)) - excess / (2 * x - excess))
    end;

-- P(X = x): n items drawn from m_all contain x of b given ones; excess = x - b n / m_all, its distance from
-- the mean. Hypergeometric, by deviances, because the difference of log-gammas loses 1e-9 and more in
-- galleries of a million. All four cells of the table are equally far from their means.
create macro pool_odds(m_all, b, n, x, excess) as
    odds_within(m_all, b, n, x, excess, margin_rest(m_all, b, n));

-- What does not depend on x in pool_odds: of many x it is computed once.
create macro margin_rest(m_all, b, n) as
    (
        stirling_rest(b) + stirling_rest(m_all - b) + stirling_rest(n)
        + stirling_rest(m_all - n) - stirling_rest(m_all)
    );

-- pool_odds, with margin_rest given.
create macro odds_within(m_all, b, n, x, excess, rest) as
    case
        when x < 0 or x > b or x > n or n - x > m_all - b then 0.0
        else exp(
            rest
            - stirling_rest(x) - stirling_rest(b - x)
            - stirling_rest(n - x) - stirling_rest(m_all - b - n + x)
            - deviance(x, excess) - deviance(b - x, -excess)
            - deviance(n - x, -excess) - deviance(m_all - b - n + x, excess)
        )
    end;

-- P(X = 0): n items drawn from m_all contain none of b given ones; pool_odds at x = 0, mean = b n / m_all.
create macro miss_odds(m_all, b, n) as
    case
        when n > m_all - b then 0.0
        else exp(
            stirling_rest(m_all - b) + stirling_rest(m_all - n) - stirling_rest(m_all)
            - stirling_rest(m_all - b - n)
            - b * n / greatest(m_all, 1)
            - deviance(b, b * n / greatest(m_all, 1))
            - deviance(n, b * n / greatest(m_all, 1))
            - deviance(m_all - b - n, -b * n / greatest(m_all, 1))
        )
    end;

-- C(a, k) / C(b, k) for a <= b; 0 if C(a, k) is. The probability that k drawn from b miss b - a of them.
create macro choose_ratio(a, b, k) as
    case when k > a or a < 0 then 0.0 else miss_odds(b, b - a, k) end;

-- The number b of competitors from which n random items of M miss all of them with a probability that is
-- zero to the last digit: C(M-b, n) / C(M, n) falls faster than exp(-b n / M).
create macro faded(others, drawn) as
    ceil(45 * others / greatest(drawn, 1))::bigint;
