-- E[(relevant items before + 1) / rank; rank <= k] of an item whose place is uniform among the `size`
-- places after `base`, of which `before` are relevant, if its group has `mates` more relevant items: at
-- place p of the group, (p - 1) mates / (size - 1) of them come before it on average.
precision_inside(k, base, size, before, mates) as
    case
        when k <= base then 0.0
        when size = 1 then (before + 1.0) / (base + 1)
        else (
            (before + 1 - mates / (size - 1) * (base + 1))
            * (harmonic(least(k, base + size)) - harmonic(base))
            + mates / (size - 1) * (least(k, base + size) - base)
        ) / size
    end
