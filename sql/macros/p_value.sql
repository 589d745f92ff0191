-- Two-sided p-value of a standard normal z: erfc(|z| / sqrt 2), by the Chebyshev fit of Press et
-- al., Numerical Recipes, section 6.2, whose relative error is below 1.2e-7 everywhere.
p_value(z) as
    (
        list_transform(
            [{'x': abs(z) / sqrt(2), 't': 1 / (1 + 0.5 * abs(z) / sqrt(2))}],
            lambda one: one.t * exp(-one.x * one.x - 1.26551223 + one.t * (1.00002368 + one.t * (0.37409196
            + one.t * (0.09678418 + one.t * (-0.18628806 + one.t * (0.27886807 + one.t * (-1.13520398
            + one.t * (1.48851587 + one.t * (-0.82215223 + one.t * 0.17087277)))))))))
        )[1]
    )
