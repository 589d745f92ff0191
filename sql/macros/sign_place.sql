-- The position l, from either end of n sorted values, of the ends of a 95% interval of their median: the
-- largest with P(B < l) <= 2.5%, B ~ Binomial(n, 1/2), by the sign test (Conover, Practical nonparametric
-- statistics, 3.2). NULL if n < 6, which allows none.
sign_place(n) as
    nullif(list_max(list_filter(
        range(greatest((n / 2 - 0.98 * sqrt(n))::bigint - 4, 0), (n / 2 - 0.98 * sqrt(n))::bigint + 5),
        lambda l: l = 0 or list_sum(list_transform(
            range(greatest((n / 2 - 5 * sqrt(n))::bigint, 0), l),
            lambda j: exp(lgamma(n + 1.0) - lgamma(j + 1.0) - lgamma(n - j + 1.0) - n * ln(2))
        )) <= 0.025
    )), 0)
