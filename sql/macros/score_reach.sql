-- How far a sum over clusters may lie from what was seen, by its 95% score interval: the root of
-- reach² = t² (spread + piece * reach), for what moves the sum comes in pieces (see piece), and adds
-- their variance. Where nothing differs that is t² of the worst, the counterpart of the rule of three.
-- looks: of how many figures it is chosen. more: standard errors added to t; .842 of them give how far
-- it must lie off to be seen in four of five samples.
score_reach(spread, piece, clusters, looks := 1, more := 0.0) as
    (
        (t_quantile(clusters, looks := looks) + more) ** 2 * piece / 2
        + sqrt(
            ((t_quantile(clusters, looks := looks) + more) ** 2 * piece / 2) ** 2
            + (t_quantile(clusters, looks := looks) + more) ** 2 * spread
        )
    )
