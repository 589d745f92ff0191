-- Whether a measure has a value in a slot of `sums`: over pools not all do, and those without a K have one
-- value, not one per K.
known_here(measure, slot, any_k) as
    ((measure.over_pools or slot.protocol = 'full') and (measure.has_k or slot.k = coalesce(any_k, 1)))
