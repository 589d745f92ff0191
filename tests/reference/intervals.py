"""The 95% intervals of `sql/`, plainly: one sample at a time, the score equations by bisection."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats


def by_cluster(series, clusters):
    """Sums over the clusters, in the order of their names."""
    return np.array([series[clusters == name].sum() for name in np.unique(clusters)])


def quantile(groups, looks=1):
    return stats.t.ppf(1 - 0.025 / looks, groups - 1)


def root(function, high):
    """Where an increasing function crosses 0, between 0 and at most `high`."""
    low = 0.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


def spread(sums, sizes, value):
    """Variance of the sum, by the clusters' deviations from what their sizes let expect."""
    residual = ((sums - value * sizes) ** 2).sum()
    return 0.0 if residual <= 1e-12 * (sums**2).sum() else residual * len(sums) / (len(sums) - 1)


def share(series, clusters):
    """Of a mean of values from 0 to 1: mixed with the bound until it is t errors away."""
    series, clusters = np.asarray(series), np.asarray(clusters)
    sums, sizes = by_cluster(series, clusters), by_cluster(np.ones(len(series)), clusters)
    groups, value = len(sums), series.mean()
    variance = spread(sums, sizes, value) * groups / len(series) ** 2
    # Once: SciPy takes longer for it than for all else here.
    errors = quantile(groups) ** 2 / groups
    ends = []
    for bound in (0.0, 1.0):
        way = bound - value

        def away(u, way=way):
            return (u * way) ** 2 - errors * (1 - u) * (variance + u * way**2)

        ends.append(value + way * root(away, 1.0) if abs(way) > 1e-12 else bound)
    return tuple(ends)


def piece(moved, worst, net):
    """Three clusters that move by the worst, and those that were seen to move."""
    seen = np.abs(moved)
    size = ((seen**2).sum() + 3 * worst**2) / (seen.sum() + 3 * worst)
    return size * (3 * worst + max(net, 0)) / (seen.sum() + 3 * worst)


def reach(variance, piece, groups, looks=1, power=0.5):
    """The move whose square is t² times the variance that it has itself.

    `looks`: of how many figures it is one. `power`: how probably so large a move is seen.
    """
    t = quantile(groups, looks) + stats.norm.ppf(power)
    return root(lambda r: r * r - t * t * (variance + piece * r), 1e7)


def kept(x, y, clusters):
    """Of Σx / Σy, paired."""
    x, y = by_cluster(x, clusters), by_cluster(y, clusters)
    ratio, moved, worst = x.sum() / y.sum(), x - y, (y**2).sum() / y.sum()
    variance = spread(x, y, ratio)
    lower = reach(variance, piece(moved, worst, -moved.sum()), len(x))
    upper = reach(variance, piece(moved, worst, moved.sum()), len(x))
    return ratio * x.sum() / (x.sum() + lower), ratio + upper / y.sum()


def sure(x, y, clusters, looks):
    """The lower end of Σx / Σy that holds for `looks` of them together."""
    x, y = by_cluster(x, clusters), by_cluster(y, clusters)
    moved, worst = x - y, (y**2).sum() / y.sum()
    variance = spread(x, y, x.sum() / y.sum())
    lower = reach(variance, piece(moved, worst, -moved.sum()), len(x), looks)
    return x.sum() / y.sum() * x.sum() / (x.sum() + lower)


def unseen(d, clusters):
    """The mean difference that is seen in four of five samples."""
    sums, sizes = by_cluster(d, clusters), by_cluster(np.ones(len(d)), clusters)
    variance = spread(sums, sizes, np.mean(d))
    worst = (sizes**2).sum() / sizes.sum()
    size = ((sums**2).sum() + 3 * worst**2) / (np.abs(sums).sum() + 3 * worst)
    variance = max(variance - size * abs(sums.sum()), 0.0)
    return reach(variance, size, len(sums), power=0.8) / len(d)


def difference(d, clusters, bounded=True):
    """Of a mean paired difference: its ends and its p-value."""
    d = np.where(np.abs(d) > 1e-12, d, 0.0)
    sums, sizes = by_cluster(d, clusters), by_cluster(np.ones(len(d)), clusters)
    groups, total = len(sums), sums.sum()
    variance = spread(sums, sizes, d.mean())
    # The most that a visual item can move the sum by: 1 for each of its queries.
    worst = (sizes**2).sum() / sizes.sum()
    low = (total - reach(variance, piece(sums, worst, -total), groups)) / len(d)
    high = (total + reach(variance, piece(sums, worst, total), groups)) / len(d)
    if bounded:
        low, high = max(-1.0, low), min(1.0, high)
    if abs(total) <= 1e-12:
        return low, high, 1.0
    t = abs(total) / math.sqrt(variance + piece(sums, worst, 0) * abs(total))
    return low, high, max(2 * stats.t.sf(t, groups - 1), 2.0 ** (1 - groups))


def mean_rank(ranks, clusters, gallery):
    """Of a mean rank: how far behind the first, which it cannot be before."""
    behind = by_cluster(np.asarray(ranks) - 1, np.asarray(clusters))
    sizes = by_cluster(np.ones(len(ranks)), np.asarray(clusters))
    queries, total = len(ranks), behind.sum()
    variance = spread(behind, sizes, total / queries)
    lower = reach(variance, piece(behind, 1, 0), len(behind))
    upper = reach(variance, piece(behind, 1, total), len(behind))
    return (
        1 + total / queries * total / (total + lower),
        min(gallery, 1 + (total + upper) / queries),
    )


def median(series, clusters):
    """The sign test's order statistics; visual items count as an effective number of queries."""
    sizes = np.unique(clusters, return_counts=True)[1]
    effective = int(sizes.sum() ** 2 // (sizes**2).sum())
    places = [
        place
        for place in range(1, effective + 1)
        if stats.binom.cdf(place - 1, effective, 0.5) <= 0.025
    ]
    if not places:
        return None, None
    ordered = np.sort(series)
    place = math.ceil(max(places) * len(series) / effective - 1e-9)
    return ordered[place - 1], ordered[len(series) - place]
