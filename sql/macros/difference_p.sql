-- Two-sided p-value of no difference, by its standard error; without an error, 1 or 0.
difference_p(difference, error) as
    (
        case
            when error is null then null
            when error > 0 then p_value(difference / error)
            when abs(difference) > 1e-12 then 0.0
            else 1.0
        end
    )
