-- Variance of a sum with clustered errors: `residual` is the sum over clusters of their squared
-- deviations, `size` that of their squares; the factor G / (G - 1) as in Cameron and Miller (2015),
-- section II. A value of at most 1e-12 `size` is a rounded zero. NULL with a single cluster.
cluster_spread(residual, size, clusters) as
    (
        case
            when clusters <= 1 then null
            when residual <= 1e-12 * size then 0.0
            else residual * clusters / (clusters - 1)
        end
    )
