-- Bytes of the scale that each vector of a precision has; ranges of the dimensions take its place.
scale_bytes(precision_, range_low) as
    (
        case
            when range_low is null
                and (precision_ in ('int8', 'int4') or starts_with(precision_, 'fp8') or starts_with(precision_, 'rabitq'))
                then 4
            else 0
        end
    )
