-- score_reach of what a run keeps of its baseline, paired by cluster, to a `side`, -1 or 1: of the
-- sums of both, Σx² Σxy Σy², and of their differences, Σ(x-y)² Σ|x-y|. The worst that a cluster can
-- lose is what it has: the mean of y over the baseline's value. looks: as of score_reach.
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
