-- How far a sum over clusters may lie from what was seen, by its 95% score interval (see reach_at).
-- Where nothing differs that is t² of the worst, the counterpart of the rule of three.
score_reach(spread, piece, clusters) as
    (reach_at(t_quantile(clusters), spread, piece))
