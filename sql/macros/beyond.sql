-- The normal deviate below which a share p lies, 0 < p < 1: Acklam, as in acklam_tail.
create macro probit(p) as
    (
        case
            when p < 0.02425 then -acklam_tail(sqrt(-2 * ln(p)))
            when p > 1 - 0.02425 then acklam_tail(sqrt(-2 * ln(1 - p)))
            else list_transform(
                [{'q': p - 0.5, 'r': (p - 0.5) * (p - 0.5)}],
                lambda one: (((((-3.969683028665376e1 * one.r + 2.209460984245869e2) * one.r - 2.759285104469687e2)
                * one.r + 1.383577518672690e2) * one.r - 3.066479806614716e1) * one.r + 2.506628277459239) * one.q
                / (((((-5.447609879822406e1 * one.r + 1.615858368580409e2) * one.r - 1.556989798598866e2)
                * one.r + 6.680131188771972e1) * one.r - 1.328068155288572e1) * one.r + 1)
            )[1]
        end
    );

-- Limits of the number of competitors above an item, at which shares_above is fitted.
create macro few_above() as [1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000];

-- Possible shares p of all candidates that are above an item, from the half down, with their normal deviates
-- z and the step dz to the next.
create macro shares_above() as
    list_transform(
        list_transform(range(0, 350), lambda i: exp(-0.7 - 0.125 * i)),
        lambda p: {'p': p, 'z': probit(p), 'dz': probit(p) - probit(p * exp(-0.125))}
    );

-- P(X = x) for x below `most`: so many of n more candidates are above an item that b of m_all have been above
-- so far, if none of them is relevant and they are like those that the gallery has. The share p that is
-- above is known by b, and by what the run's items have in common: the share of them with p below any x has
-- the normal deviate at + steep * probit(x), which priors of `growth_beyond` fits. shares: shares_above().
create macro more_odds(shares, m_all, b, n, at_zero, steep, most) as
    (
        list_transform(
            [list_transform(
                shares,
                lambda one: {
                    'p': one.p,
                    -- Up to a factor that all have.
                    'weight': one.dz * exp(
                        b * ln(one.p * m_all / greatest(b, 1)) + (m_all - b) * ln(1 - one.p) + b
                        - (at_zero + steep * one.z) ** 2 / 2
                    )
                }
            )],
            lambda after: list_transform(
                range(0, most),
                lambda x: list_sum(list_transform(
                    after,
                    lambda one: one.weight * case
                        when x > n then 0.0
                        else exp(
                            lgamma(n + 1.0) - lgamma(x + 1.0) - lgamma(n - x + 1.0)
                            + x * ln(one.p) + (n - x) * ln(1 - one.p)
                        )
                    end
                )) / list_sum(list_transform(after, lambda one: one.weight))
            )
        )[1]
    );
