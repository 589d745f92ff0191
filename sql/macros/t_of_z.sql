-- The quantile of Student's t with `freedom` degrees of freedom that corresponds to a normal deviate:
-- Abramowitz and Stegun, Handbook of mathematical functions, 26.7.5.
t_of_z(deviate, freedom) as
    (
        list_transform(
            [deviate],
            lambda z: z + (z ** 3 + z) / (4 * freedom)
            + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
            + (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * freedom ** 3)
            + (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / (92160 * freedom ** 4)
        )[1]
    )
