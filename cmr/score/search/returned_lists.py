"""Lists instead of ranks: what a search returned, and what is known of a pair from it.

A relevant item that a list holds has its rank in it: how many listed items are above and tied. Of
one that it does not hold nothing is known but that it is not among them. A search puts what it
lists before what it does not, so a tie that the end of a list cuts is a tie of those listed.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from cmr.score.compiled import compiled
from cmr.score.judgments import Indices, Judged
from cmr.score.pools import Drawn, PoolCounts, Pools, smallest_pool
from cmr.score.tally import UNKNOWN, Counted

Values = npt.NDArray[np.float64]
# Queries whose pools are drawn at a time.
GROUP = 65_536


@dataclass(frozen=True)
class Lists:
    """Each query's list, best first: (queries, length) gallery ordinals, -1 where it is shorter.

    `scores`: similarities. `exact_above`: how many gallery items an exact search puts above each,
    UNKNOWN where they are as many as the list or more. `tolerance`: within which scores tie.
    """

    items: Indices
    scores: Values
    exact_above: Indices
    tolerance: float


class _Listed(NamedTuple):
    """Items and scores of some queries' lists, as `Lists` has them."""

    items: Indices
    scores: Values


def exact_above(scores: Values, exact: Values, tolerance: float) -> Indices:
    """How many of the exact top (queries, length) lie above each listed score."""
    found = np.empty(scores.shape, dtype=np.int64)
    for query in range(len(scores)):
        # Ascending, for searchsorted: what is above a score begins after it and its ties.
        ascending = exact[query, ::-1]
        place = np.searchsorted(ascending, scores[query] + tolerance, side="right")
        found[query] = len(ascending) - place
    found[found >= exact.shape[1]] = UNKNOWN
    found[~np.isfinite(scores)] = UNKNOWN
    return found


def counts(direction: str, judged: Judged, lists: Lists, pools: Pools | None) -> Counted:
    """What the lists say of every relevant pair; UNKNOWN where an item is not in its list.

    `relevants_above` of such a pair are the query's relevant items that the list holds: those are
    above it whatever else is.
    """
    pairs = len(judged.query)
    found = np.zeros((4, pairs), dtype=np.int64)
    scores = np.full(pairs, np.nan)
    every = _Listed(lists.items, lists.scores)
    _count(every, judged.start, judged.item, lists.tolerance, scores, found)
    draws, sizes = (pools.draws, len(pools.sizes)) if pools else (0, 0)
    drawn = np.zeros((2, draws, sizes, pairs), dtype=np.int32)
    if pools is not None:
        # What never asks has no list.
        for first in range(0, len(lists.items), GROUP):
            last = min(len(lists.items), first + GROUP)
            listed = _Listed(lists.items[first:last], lists.scores[first:last])
            start = judged.start[first : last + 1]
            for draw, pool in enumerate(pools.get(direction, judged, first, last)):
                into = PoolCounts(pools.sizes, *drawn[:, draw])
                _count_members(listed, start, judged.item, lists.tolerance, pool, into)
    more, level = np.cumsum(drawn, axis=2, dtype=np.int32)
    missing = found[0] == UNKNOWN
    more[..., missing] = level[..., missing] = UNKNOWN
    above, tied, relevants_above, relevants_tied = found
    own = scores.astype(np.float32)
    return Counted(judged, own, above, tied, relevants_above, relevants_tied, more, level)


@compiled()
def _is_relevant(item: Indices, begin: int, end: int, what: int) -> bool:
    place = begin + np.searchsorted(item[begin:end], what)
    return bool(place < end and item[place] == what)


@compiled()
def _place(items: Indices, what: int) -> int:
    """Where a list holds an item, or -1."""
    for place in range(len(items)):
        if items[place] == what:
            return place
    return -1


@compiled(parallel=True)
def _count(
    listed: _Listed,
    start: Indices,
    item: Indices,
    tolerance: float,
    own: Values,
    found: Indices,
) -> None:
    items, scores = listed.items, listed.scores
    for query in numba.prange(len(items)):
        begin, end = start[query], start[query + 1]
        for pair in range(begin, end):
            place = _place(items[query], item[pair])
            high = low = np.inf
            if place >= 0:
                own[pair] = scores[query, place]
                high, low = own[pair] + tolerance, own[pair] - tolerance
            above, tied, relevants_above, relevants_tied = 0, 0, 0, 0
            for other in range(items.shape[1]):
                if items[query, other] < 0 or other == place:
                    continue
                relevant = _is_relevant(item, begin, end, items[query, other])
                value = scores[query, other]
                if value > high or (place < 0 and relevant):
                    relevants_above += relevant
                    above += not relevant
                elif value >= low:
                    relevants_tied += relevant
                    tied += not relevant
            found[2, pair] = relevants_above
            if place < 0:
                found[0, pair] = found[1, pair] = found[3, pair] = UNKNOWN
            else:
                found[0, pair], found[1, pair], found[3, pair] = above, tied, relevants_tied


@compiled(parallel=True)
def _count_members(
    listed: _Listed,
    start: Indices,
    item: Indices,
    tolerance: float,
    drawn: Drawn,
    counts: PoolCounts,
) -> None:
    """Count the pool members that lists hold, in the smallest pool that has them."""
    for i in numba.prange(len(listed.items)):
        _count_held(listed, np.int64(i), start, item, tolerance, drawn, counts)


@compiled()
def _count_held(
    listed: _Listed,
    query: int,
    start: Indices,
    item: Indices,
    tolerance: float,
    drawn: Drawn,
    counts: PoolCounts,
) -> None:
    items, scores = listed.items[query], listed.scores[query]
    members, places = drawn.members[query], drawn.places[query]
    begin, end = start[query], start[query + 1]
    for other in range(len(items)):
        at = np.searchsorted(members, items[other])
        if items[other] < 0 or at >= len(members) or members[at] != items[other]:
            continue
        place = places[at] + (end - begin)
        if place >= counts.sizes[-1]:
            continue
        smallest = smallest_pool(counts.sizes, place)
        for pair in range(begin, end):
            mine = _place(items, item[pair])
            if mine >= 0:
                value, own = scores[other], scores[mine]
                counts.more[smallest, pair] += value > own + tolerance
                counts.tied[smallest, pair] += own - tolerance <= value <= own + tolerance
