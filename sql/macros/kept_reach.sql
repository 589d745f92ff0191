-- score_reach of a run's retention of its baseline, paired by cluster, towards `side`, -1 or 1: from both
-- runs' sums, Σx² Σxy Σy², and those of their differences, Σ(x-y)² Σ|x-y|. The most that a cluster can
-- lose is all it has: the mean of y over the baseline's value. looks: as in score_reach.
kept_reach(total, base, xx, xy, yy, dd, ad, clusters, side, looks := 1) as
    (
        score_reach(
            cluster_spread(
                xx - 2 * (total / base) * xy + (total / base) * (total / base) * yy, xx, clusters
            ),
            piece(dd, ad, yy / base, side * (total - base)),
            clusters,
            looks := looks
        )
    )
