-- Sum of 1 / log2(r + 1) over the ranks r = 1 … n: looked up to 100, which is a constant list to
-- the optimizer; beyond, ln 2 times the sum of 1 / ln(x) over x = 2 … n + 1 by Euler and Maclaurin,
-- whose error is below 1e-14 there. It takes the same memory for every n.
discount_sum(n) as
    case
        when n <= 100
            then list_extract(
                list_transform(
                    range(0, 101),
                    lambda m: coalesce(
                        list_sum(list_transform(range(1, m + 1), lambda r: 1 / log2(r + 1))), 0.0
                    )
                ),
                n + 1
            )
        else ln(2) * (
            -0.24323834289098075542
            + logarithmic_integral(ln(n + 1))
            + 0.5 / ln(n + 1)
            - 1 / (12 * (n + 1) * ln(n + 1) ** 2)
            + (6 / ln(n + 1) ** 4 + 6 / ln(n + 1) ** 3 + 2 / ln(n + 1) ** 2)
                / (720 * (n + 1)::double ** 3)
        )
    end
