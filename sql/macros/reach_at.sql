-- How far a sum over clusters may be from the observed one at a quantile t of Student's t: the root of
-- reach² = t² (spread + piece * reach), because whatever moves the sum comes in pieces (see piece), which
-- add variance.
reach_at(t, spread, piece) as
    (
        list_transform(
            [{'half': t ** 2 * piece / 2, 'still': t ** 2 * spread}],
            lambda one: one.half + sqrt(one.half * one.half + one.still)
        )[1]
    )
