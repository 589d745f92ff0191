-- How far a sum over clusters may be from the observed one, by its 95% score interval (see reach_at). If
-- nothing differs, it is t² times the worst, the counterpart of the rule of three. looks: among how many
-- figures it is chosen. more: standard errors added to t; .842 gives the distance that is detected with 80%
-- power.
score_reach(spread, piece, clusters, looks := 1, more := 0.0) as
    (reach_at(t_quantile(clusters, looks := looks) + more, spread, piece))
