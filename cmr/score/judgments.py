"""Relevance judgments as index arrays, read from either side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# A member's place in the draw is kept in two bytes.
LARGEST_POOL = 65_535

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """The relevant pairs of one direction, sorted by query, then by item.

    `query`, `item`: (pairs,) ordinals. `start`: (queries + 1,), the pairs of query q are
    start[q]:start[q + 1]. `order`: (pairs,) where each pair stood in the arrays it came from.
    """

    query: Indices
    item: Indices
    start: Indices
    order: Indices
    gallery: int

    @property
    def queries(self) -> int:
        """Number of queries, those without a relevant item included."""
        return len(self.start) - 1

    @property
    def asking(self) -> int:
        """Number of queries up to the last with a relevant item: distractors after it never ask."""
        return int(self.query[-1]) + 1 if len(self.query) else 0

    @property
    def relevants(self) -> Indices:
        """How many relevant items each query has, (queries,)."""
        return np.diff(self.start)

    def part(self, queries: Indices) -> Judged:
        """The judgments of only these queries, renumbered from 0, on the whole gallery."""
        return with_only(self, queries)


def judge(query: Indices, item: Indices, queries: int, gallery: int) -> Judged:
    """Sort the relevant pairs of a direction. Pairs must be distinct."""
    order = np.lexsort((item, query))
    start = np.zeros(queries + 1, dtype=np.int64)
    np.cumsum(np.bincount(query, minlength=queries), out=start[1:])
    return Judged(query[order], item[order], start, order, gallery)


def with_only(judged: Judged, queries: Indices) -> Judged:
    """The pairs of only these queries, ascending ordinals, renumbered from 0."""
    number = np.full(judged.queries, -1, dtype=np.int64)
    number[queries] = np.arange(len(queries))
    mine = number[judged.query] >= 0
    return judge(number[judged.query[mine]], judged.item[mine], len(queries), judged.gallery)


def clusters(judged: Judged, direction: str, place: Indices) -> Indices:
    """(pairs,) the visual that each query's errors are clustered by: itself, or the first by id.

    `place`: (visuals,) where each visual's id stands among all of them in order.
    """
    if direction == "v2t":
        return judged.query
    order = np.empty(len(place), dtype=np.int64)
    order[place] = np.arange(len(place))
    asked = np.flatnonzero(judged.relevants > 0)
    first = np.minimum.reduceat(place[judged.item], judged.start[asked])
    found: Indices = order[first].repeat(judged.relevants[asked])
    return found
