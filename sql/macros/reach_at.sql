-- How far a sum over clusters may lie from what was seen at a quantile t of Student's t: the root of
-- reach² = t² (spread + piece * reach), for what moves the sum comes in pieces (see piece), and adds
-- their variance.
reach_at(t, spread, piece) as
    (
        list_transform(
            [{'half': t ** 2 * piece / 2, 'still': t ** 2 * spread}],
            lambda one: one.half + sqrt(one.half * one.half + one.still)
        )[1]
    )
