-- The quantiser of codes: absmax if it was not recorded yet; NULL for floats, which have none.
known_quantizer(named, precision_) as
    (coalesce(named, case when precision_ in ('int8', 'int4', 'b1') then 'absmax' end))
