-- How far a sum over clusters may lie from what was seen, by its 95% score interval: the root of
-- reach² = t² (spread + piece * reach), for what moves the sum comes in pieces (see piece), and adds
-- their variance. Where nothing differs that is t² of the worst, the counterpart of the rule of three.
score_reach(spread, piece, clusters) as
    (
        t_quantile(clusters) ** 2 * piece / 2
        + sqrt((t_quantile(clusters) ** 2 * piece / 2) ** 2 + t_quantile(clusters) ** 2 * spread)
    )
