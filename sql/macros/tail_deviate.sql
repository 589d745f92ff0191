-- The normal deviate that is exceeded with probability p below 0.024, from q = sqrt(-2 ln p): Acklam,
-- An algorithm for computing the inverse normal cumulative distribution function, 2003, to 1e-9.
tail_deviate(q) as
    (
        -(((((-0.007784894002430293 * q - 0.3223964580411365) * q - 2.400758277161838) * q
        - 2.549732539343734) * q + 4.374664141464968) * q + 2.938163982698783)
        / ((((0.007784695709041462 * q + 0.3224671290700398) * q + 2.445134137142996) * q
        + 3.754408661907416) * q + 1)
    )
