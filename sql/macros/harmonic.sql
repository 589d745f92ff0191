-- The harmonic number 1 + 1/2 + … + 1/n: looked up to 20, then its asymptotic series, whose
-- error is below 1e-13 there.
harmonic(n) as
    case
        when n <= 20
            then list_extract(
                list_transform(
                    range(0, 21),
                    lambda m: coalesce(
                        list_sum(list_transform(range(1, m + 1), lambda r: 1.0 / r)), 0.0
                    )
                ),
                n + 1
            )
        else ln(n) + 0.57721566490153286061 + 0.5 / n - 1.0 / (12.0 * n * n)
            + 1.0 / (120.0 * n ** 4) - 1.0 / (252.0 * n ** 6)
    end
