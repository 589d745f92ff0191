-- Upper quantile of the normal distribution from root = sqrt(-2 ln p), for a tail p up to 0.02425: Acklam,
-- An algorithm for computing the inverse normal cumulative distribution function, 2003; relative error
-- 1.2e-9.
acklam_tail(root) as
    (
        list_transform(
            [root],
            lambda r: -(((((-7.784894002430293e-3 * r - 3.223964580411365e-1) * r - 2.400758277161838) * r
            - 2.549732539343734) * r + 4.374664141464968) * r + 2.938163982698783)
            / ((((7.784695709041462e-3 * r + 3.224671290700398e-1) * r + 2.445134137142996) * r
            + 3.754408661907416) * r + 1)
        )[1]
    )
