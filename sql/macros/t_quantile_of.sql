-- What `t_quantile` is for one interval of 95%, for each of `many` that hold together (Bonferroni):
-- the quantile 1 - 0.025 / many of Student's t, of 30 clusters or more. The normal deviate is
-- Acklam's rational approximation, then Abramowitz and Stegun, 26.7.5.
t_quantile_of(clusters, many) as
    (
        case
            when many <= 1 then t_quantile(clusters)
            else student_deviate(
                tail_deviate(sqrt(-2 * ln(0.025 / many))), (clusters - 1)::double
            )
        end
    )
