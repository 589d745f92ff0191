-- b - a for one query, NULL if either is unknown. Equal values may differ in their last digits, by the
-- order of summation.
paired_difference(a, b) as
    (
        case
            when a is null or b is null then null
            when abs(b - a) > 1e-12 * greatest(1, abs(a)) then b - a
            else 0.0
        end
    )
