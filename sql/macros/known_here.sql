-- Whether a measure has a value in a slot of `sums`: over pools not all have, and those without a K
-- are known once, not under every K.
known_here(measure, slot, any_k) as
    ((measure.over_pools or slot.protocol = 'full') and (measure.has_k or slot.k = coalesce(any_k, 1)))
