-- P(rank <= k) of an item whose place is uniform among the `size` places after `base`.
inside_share(k, base, size) as
    (least(greatest((k - base) / size, 0.0), 1.0))
