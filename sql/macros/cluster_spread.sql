-- Variance of a sum whose errors are clustered: `residual` is the sum over clusters of their squared
-- deviations, `size` that of their squares; G / (G - 1) as of Cameron and Miller (2015), section II.
-- What is 1e-12 of `size` or less is the rounding of a zero. NULL with one cluster alone.
cluster_spread(residual, size, clusters) as
    (
        case
            when clusters <= 1 then null
            when residual <= 1e-12 * size then 0.0
            else residual * clusters / (clusters - 1)
        end
    )
