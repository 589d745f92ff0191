-- ln n! - (n ln n - n): the remainder of Stirling's formula, small enough that its differences are accurate.
-- From a table below 60, then ln(2 pi) / 2 + ln(n) / 2 and the series. The table is one string, because
-- DuckDB plans each element of a list.
create macro stirling_rest(n) as
    case
        when n < 60
            then ('[0.0, 1.0, 1.3068528194400546, 1.4959226032237258, 1.6328763858683832,
                1.7403021806115442, 1.828694396641771, 1.9037903176782212, 1.9690705693065629,
                2.0268062840554952, 2.0785616431350586, 2.12545984509181, 2.168334698205882,
                2.207822206123445, 2.244418568125061, 2.2785183673077407, 2.310440550244173,
                2.3404466011812155, 2.368753565902089, 2.3955435830371252, 2.4209709896736653,
                2.445167706285025, 2.468247377952275, 2.490308601393931, 2.511437469761624,
                2.531709601275501, 2.551191772443469, 2.569943244889446, 2.588016852275825,
                2.6054598975602623, 2.622314898965503, 2.638620214275777, 2.654410566523788,
                2.66971748918767, 2.6845697052481916, 2.6989934515576137, 2.7130127577232424,
                2.7266496869511223, 2.7399245449111533, 2.7528560615872486, 2.765461550199943,
                2.777757046585083, 2.7897574318436025, 2.80147654061545, 2.812927256953404,
                2.824121599462826, 2.83507079711794, 2.845785356953615, 2.856275124655495,
                2.866549338924182, 2.876616680365729, 2.8864853155567434, 2.8961629368445627,
                2.90565679836845, 2.9149737487243645, 2.924120260641752, 2.9331024579944445,
                2.9419261404279933, 2.9505968058514496, 2.959119671012043]'::double[])[(n + 1)::bigint]
        else 0.9189385332046727e0 + 0.5e0 * ln(n)
            + (8.333333333333333e-2 - (2.777777777777778e-3 - 7.936507936507937e-4 / n ** 2) / n ** 2) / n
    end;

-- P(X = x): n items drawn from m_all contain x of b given ones; excess = x - b n / m_all, its distance from
-- the mean. Hypergeometric, by deviances (Loader 2000, Fast and accurate computation of binomial
-- probabilities), because the difference of log-gammas loses 1e-9 and more in galleries of a million.
create macro pool_odds(m_all, b, n, x, excess) as
    odds_within(m_all, b, n, x, excess, margin_rest(m_all, b, n));

-- What does not depend on x in pool_odds: of many x it is computed once.
create macro margin_rest(m_all, b, n) as
    (
        stirling_rest(b) + stirling_rest(m_all - b) + stirling_rest(n)
        + stirling_rest(m_all - n) - stirling_rest(m_all)
    );

-- pool_odds, with margin_rest given. All four cells of the table are equally far from their means, so of
-- their deviances y ln(y / mean) + mean - y only the first terms are left; ln(y / mean) is
-- 2 atanh((y - mean) / (y + mean)), which does not cancel near the mean. Of an empty cell it is 0.
create macro odds_within(m_all, b, n, x, excess, rest) as
    case
        when x < 0 or x > b or x > n or n - x > m_all - b then 0.0
        else exp(
            rest
            - stirling_rest(x) - stirling_rest(b - x)
            - stirling_rest(n - x) - stirling_rest(m_all - b - n + x)
            - 2 * (
                x * atanh(excess / (2 * greatest(x, 1) - excess))
                - (b - x) * atanh(excess / (2 * greatest(b - x, 1) + excess))
                - (n - x) * atanh(excess / (2 * greatest(n - x, 1) + excess))
                + (m_all - b - n + x)
                * atanh(excess / (2 * greatest(m_all - b - n + x, 1) - excess))
            )
        )
    end;

-- P(X = 0): n items drawn from m_all contain none of b given ones.
create macro miss_odds(m_all, b, n) as
    case
        when n > m_all - b then 0.0
        when b = 0 or n = 0 then 1.0
        else none_of(m_all, b, n, m_all - b, m_all - n, m_all - b - n)
    end;

-- odds_within at x = 0 for b, n > 0: `others` are not given, `undrawn` are not drawn, `neither` are neither.
-- Its fractions are those of the deviances, with (y - mean) / (y + mean) reduced.
create macro none_of(m_all, b, n, others, undrawn, neither) as
    exp(
        stirling_rest(others) + stirling_rest(undrawn) - stirling_rest(m_all) - stirling_rest(neither)
        - 2 * (
            b * atanh(n / (m_all + undrawn))
            + n * atanh(b / (m_all + others))
            - neither * atanh(b * n / (2.0 * m_all * greatest(neither, 1) + b * n))
        )
    );

-- C(a, k) / C(b, k) for a <= b; 0 if C(a, k) is. The probability that k drawn from b miss b - a of them.
create macro choose_ratio(a, b, k) as
    case
        when k > a or a < 0 then 0.0
        when a = b or k = 0 then 1.0
        else none_of(b, b - a, k, a, b - k, a - k)
    end;

-- The number b of competitors from which n random items of M miss all of them with a probability that is
-- zero to the last digit: C(M-b, n) / C(M, n) falls faster than exp(-b n / M).
create macro faded(others, drawn) as
    ceil(45 * others / greatest(drawn, 1))::bigint;
