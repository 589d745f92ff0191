-- Standard error of a mean whose errors are clustered: `residual` is the sum over clusters of their
-- squared deviations, `size` that of their squares, `total` what the mean is divided by. What is
-- 1e-12 of `size` or less is the rounding of a zero. NULL with one cluster alone.
clustered_error(residual, size, clusters, total) as
    (
        case
            when clusters <= 1 then null
            when residual <= 1e-12 * size then 0.0
            else sqrt(residual * clusters / (clusters - 1)) / total
        end
    )
