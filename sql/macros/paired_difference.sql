-- b - a of one query, NULL where either is not known. The last digits of equal values differ by the
-- order in which they were summed.
paired_difference(a, b) as
    (
        case
            when a is null or b is null then null
            when abs(b - a) > 1e-12 * greatest(1, abs(a)) then b - a
            else 0.0
        end
    )
