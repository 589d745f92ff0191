"""Extrapolation beyond a gallery, slow and obvious: docs/method.md, "Beyond the gallery".

Every order inside ties is written down; how many further candidates are above is a sum over a fine
grid of shares.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy import stats

LIMITS = np.array([1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000])


def orders(scores, relevant):
    """Every order of what is relevant or ties with it, as lists of (others before, relevant before)
    of each relevant item, by rank."""
    levels = sorted(set(scores[relevant]), reverse=True)
    choices = []
    for level in levels:
        mine = scores == level
        flags = [True] * int((mine & relevant).sum()) + [False] * int((mine & ~relevant).sum())
        choices.append(list(itertools.permutations(flags)))
    for choice in itertools.product(*choices):
        found = []
        for level, flags in zip(levels, choice, strict=True):
            others = int(((scores > level) & ~relevant).sum())
            for is_relevant in flags:
                if is_relevant:
                    found.append((others, len(found)))
                else:
                    others += 1
        yield found


def line(scores, relevant):
    """(α, β) of a run: the line through the shares of relevant items with few others above."""
    above, others = [], []
    for mine, its in zip(scores, relevant, strict=True):
        for own in mine[its]:
            above.append(float((mine[~its] > own).sum() + (mine[~its] == own).sum() / 2))
            others.append(int((~its).sum()))
    above, others = np.array(above), np.array(others)
    points = []
    for few in LIMITS[: (others.min() / 20 >= LIMITS).sum()]:
        part = (above < few).mean()
        if 0 < part < 1:
            points.append((stats.norm.ppf(few / (others.mean() + 1)), stats.norm.ppf(part)))
    slope, at_zero = np.polyfit(*zip(*points, strict=True), 1)
    return at_zero, slope


def at_most(room, b, others, more, at_zero, slope):
    """P(at most `room` of `more` further candidates are above an item that b of `others` are)."""
    if room < 0:
        return 0.0
    z = np.linspace(-12, 0, 6001)
    p = stats.norm.cdf(z)
    after = stats.norm.pdf(at_zero + slope * z) * stats.binom.pmf(b, others, p)
    return float((after * stats.binom.cdf(room, more, p)).sum() / after.sum())


def beyond(scores, relevant, candidates, k):
    """Recall, hit rate and precision at K among so many candidates, in expectation.

    `scores`: (queries, gallery); `relevant`: likewise, bool, at least one in each row.
    """
    at_zero, slope = line(scores, relevant)
    known = {}
    found = {"recall": [], "hit_rate": [], "precision": []}
    for mine, its in zip(scores, relevant, strict=True):
        others, more = int((~its).sum()), candidates - len(mine)
        inside, first = [], []
        for order in orders(mine, its):
            odds = []
            for b, place in order:
                asked = (k - 1 - b - place, b, others, more, at_zero, slope)
                if asked not in known:
                    known[asked] = at_most(*asked)
                odds.append(known[asked])
            inside.append(sum(odds))
            # If any relevant item is among the first K, the first one is.
            first.append(odds[0])
        found["recall"].append(np.mean(inside) / its.sum())
        found["hit_rate"].append(np.mean(first))
        found["precision"].append(np.mean(inside) / k)
    return {name: float(np.mean(values)) for name, values in found.items()}
