"""The slow, obvious measures: every pool and every tie order, in exact fractions.

A query is a list of gallery items, each (score, relevance); a measure's value is its mean over
all pools that hold the relevant items and C - R of the others, and over all orders inside ties.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

MEASURES = ("recall", "hit_rate", "mrr", "mrr@k", "ndcg", "ndcg_exp", "precision")
FULL_MEASURES = ("map", "r_precision", "map_at_r", "mean_rank")


def of_order(gains: list[int], relevances: list[int], k: int) -> dict[str, float]:
    """Measures of one ranking; `gains` are its relevances in order, `relevances` all of them."""
    relevants = sum(gain > 0 for gain in relevances)
    top = gains[:k]
    found = sum(gain > 0 for gain in top)
    first = next((rank for rank, gain in enumerate(gains, 1) if gain > 0), None)
    ideal = sorted(relevances, reverse=True)[:k]

    def dcg(values, gain):
        return sum(gain(value) / math.log2(rank + 1) for rank, value in enumerate(values, 1))

    return {
        "recall": found / relevants,
        "hit_rate": float(found > 0),
        "mrr": 1 / first,
        "mrr@k": 1 / first if first <= k else 0.0,
        "ndcg": dcg(top, float) / dcg(ideal, float),
        "ndcg_exp": dcg(top, lambda v: 2.0**v - 1) / dcg(ideal, lambda v: 2.0**v - 1),
        "precision": found / k,
        "map": sum(
            sum(gain > 0 for gain in gains[:rank]) / rank
            for rank, gain in enumerate(gains, 1)
            if gain > 0
        )
        / relevants,
        "r_precision": sum(gain > 0 for gain in gains[:relevants]) / relevants,
        "map_at_r": sum(
            sum(gain > 0 for gain in gains[:rank]) / rank
            for rank, gain in enumerate(gains[:relevants], 1)
            if gain > 0
        )
        / relevants,
        "mean_rank": float(first),
    }


def tie_orders(items: list[tuple[float, int]]):
    """Every order of the items by falling score, ties in every order."""
    groups = itertools.groupby(sorted(items, key=lambda item: -item[0]), key=lambda item: item[0])
    options = [list(itertools.permutations([rel for _, rel in group])) for _, group in groups]
    for choice in itertools.product(*options):
        yield [relevance for part in choice for relevance in part]


def expectation(items: list[tuple[float, int]], k: int, size: int | None = None):
    """Every measure's mean over pools of `size` (the whole gallery if None) and tie orders."""
    relevant = [item for item in items if item[1] > 0]
    others = [item for item in items if item[1] == 0]
    drawn = len(others) if size is None else size - len(relevant)
    totals = dict.fromkeys(MEASURES + FULL_MEASURES, 0.0)
    pools = 0
    for pool in itertools.combinations(range(len(others)), drawn):
        orders = list(tie_orders([*relevant, *(others[index] for index in pool)]))
        weight = Fraction(1, len(orders))
        for order in orders:
            values = of_order(order, [rel for _, rel in relevant], k)
            for name in totals:
                totals[name] += values[name] * float(weight)
        pools += 1
    return {name: total / pools for name, total in totals.items()}
