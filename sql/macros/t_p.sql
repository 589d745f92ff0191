-- Two-sided p-value of Student's t with `freedom` degrees of freedom, with an error below 4e-7: up to four
-- degrees by the closed forms (Abramowitz and Stegun, 26.7.3 and 26.7.4), beyond by the normal deviate of
-- Hill, Algorithm 395: Student's t-distribution, CACM 13 (10), 1970.
t_p(t, freedom) as
    (
        case
            when freedom = 1 then 1 - 2 / pi() * atan(abs(t))
            when freedom = 2 then 1 - abs(t) / sqrt(2 + t * t)
            when freedom = 3
                then 1 - 2 / pi() * (atan(abs(t) / sqrt(3)) + abs(t) * sqrt(3) / (3 + t * t))
            when freedom = 4 then 1 - abs(t) / sqrt(4 + t * t) * (1 + 2 / (4 + t * t))
            else p_value(hill_deviate(
                (freedom - 0.5) * ln(1 + t * t / freedom), 48 * (freedom - 0.5) ** 2
            ))
        end
    )
