-- The normal deviate with the same tail probability as a Student's t: Hill, Algorithm 395, 1970, with his
-- squared y and his b.
hill_deviate(squared, b) as
    (
        (
            (((-0.4 * squared - 3.3) * squared - 24) * squared - 85.5)
            / (0.8 * squared * squared + 100 + b) + squared + 3
        ) / b + 1
    ) * sqrt(squared)
