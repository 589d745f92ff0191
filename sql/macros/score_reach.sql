-- How far a sum over clusters may lie from what was seen, by its 95% score interval (see reach_at).
-- Where nothing differs that is t² of the worst, the counterpart of the rule of three. looks: of how
-- many figures it is chosen. more: standard errors added to t; .842 of them give how far it must lie
-- off to be seen in four of five samples.
score_reach(spread, piece, clusters, looks := 1, more := 0.0) as
    (reach_at(t_quantile(clusters, looks := looks) + more, spread, piece))
