-- Two-sided p-value of a standard normal z: erfc(|z| / sqrt 2), by the Chebyshev fit of Press et
-- al., Numerical Recipes, section 6.2, whose relative error is below 1.2e-7 everywhere.
p_value(z) as
    (
        select
            t * exp(-x * x - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418
            + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587
            + t * (-0.82215223 + t * 0.17087277)))))))))
        from (select 1 / (1 + 0.5 * abs(z) / sqrt(2)) as t, abs(z) / sqrt(2) as x)
    )
