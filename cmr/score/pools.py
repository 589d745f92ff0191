"""Sampled candidate pools from a counter-based generator.

A pool of size C for a query with R relevant items is those R and the first C - R of a random
order of its non-relevant gallery items, so the pool of 100 is a prefix of the pool of 200. The
order depends on seed, query, draw and direction alone: see `cmr.score.random_order`.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from cmr.score.compiled import compiled
from cmr.score.judgments import Indices, Judged
from cmr.score.random_order import Stream, shuffle_prefix

Members = npt.NDArray[np.int32]
Places = npt.NDArray[np.uint16]

DIRECTIONS = {"t2v": 0, "v2t": 1}


class Drawn(NamedTuple):
    """The non-relevant pool members of some queries for the largest C, of one draw.

    `members`: (queries, largest) gallery ordinals in ascending order. `places`: the place of each
    in the draw: it belongs to every pool with C - R above its place. Rows shorter than `largest`
    are padded with the gallery size.
    """

    members: Members
    places: Places

    def part(self, first: int, last: int) -> Drawn:
        """Of the queries first:last of these."""
        return Drawn(self.members[first:last], self.places[first:last])


class PoolCounts(NamedTuple):
    """How many pool members lie above a pair's threshold and how many are tied; added to.

    `sizes`: ascending C. `more`, `tied`: (C, pairs), from pair `first` on; a member is added to the
    smallest pool that holds it, so their running sums over C are the counts.
    """

    sizes: Indices
    more: npt.NDArray[np.int32]
    tied: npt.NDArray[np.int32]
    first: int = 0


@compiled()
def smallest_pool(sizes: Indices, place: int) -> int:
    """Which of the ascending `sizes`, the last at the latest above it, holds that place."""
    smallest = 0
    while sizes[smallest] <= place:
        smallest += 1
    return smallest


@compiled(parallel=True)
def _draw(
    first: int,
    start: Indices,
    item: Indices,
    gallery: int,
    stream: Stream,
    drawn: Drawn,
) -> None:
    """Fill `drawn` with the pools of the queries from `first` on."""
    chunks = min(len(drawn.members), 64)
    for chunk in numba.prange(chunks):
        at = np.int64(chunk)
        _draw_chunk(first, start, item, gallery, stream, drawn, at, chunks)


@compiled()
def _draw_chunk(
    first: int,
    start: Indices,
    item: Indices,
    gallery: int,
    stream: Stream,
    drawn: Drawn,
    chunk: int,
    chunks: int,
) -> None:
    rows, largest = drawn.members.shape
    order = np.arange(gallery)
    picks = np.empty(largest, dtype=np.int64)
    for row in range(chunk * rows // chunks, (chunk + 1) * rows // chunks):
        query = first + row
        begin, end = start[query], start[query + 1]
        relevants = end - begin
        count = largest - relevants if relevants else 0
        shuffle_prefix(order, gallery - relevants, count, query, stream, picks)
        for i in range(count):
            # The r-th non-relevant item: step over the relevant ones at or before it.
            index = picks[i]
            for pair in range(begin, end):
                if item[pair] <= index:
                    index += 1
                else:
                    break
            picks[i] = index
        by_item = np.argsort(picks[:count])
        for i in range(count):
            drawn.members[row, i] = picks[by_item[i]]
            drawn.places[row, i] = by_item[i]
        for i in range(count, largest):
            drawn.members[row, i] = gallery
            drawn.places[row, i] = largest


def draw_pools(
    judged: Judged, first: int, last: int, largest: int, draw: int, direction: str, seed: int
) -> Drawn:
    """The non-relevant pool members of queries first:last for the largest C."""
    shape = (last - first, largest)
    drawn = Drawn(np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.uint16))
    stream = Stream(np.uint64(seed), draw, DIRECTIONS[direction])
    _draw(first, judged.start, judged.item, judged.gallery, stream, drawn)
    return drawn


class Pools:
    """The drawn pools of an evaluation; the same for every representation.

    They are kept while they take less than `room` bytes, beside the last stretch asked for in
    each direction, and drawn again where they do not.
    """

    def __init__(self, sizes: list[int], draws: int, seed: int, room: int = 2**28) -> None:
        """`sizes`: the C, any order. `draws`: pools a query. `seed`: 0 to 2^64 - 1."""
        self.sizes = np.array(sorted(sizes), dtype=np.int64)
        self.draws, self.seed, self._room = draws, seed, room
        self._kept: dict[tuple[str, int], Drawn] = {}
        self._last: dict[tuple[str, int], tuple[int, int, Drawn]] = {}

    def get(self, direction: str, judged: Judged, first: int, last: int) -> list[Drawn]:
        """`draw_pools` of queries first:last at the largest size, one a draw."""
        return [self._one(direction, judged, first, last, draw) for draw in range(self.draws)]

    def _one(self, direction: str, judged: Judged, first: int, last: int, draw: int) -> Drawn:
        largest = int(self.sizes[-1])
        key = (direction, draw)
        if key in self._kept:
            return self._kept[key].part(first, last)
        size = judged.queries * largest * 6
        if size <= self._room:
            self._room -= size
            self._kept[key] = draw_pools(
                judged, 0, judged.queries, largest, draw, direction, self.seed
            )
            return self._one(direction, judged, first, last, draw)
        recent = self._last.get(key)
        if recent is None or recent[:2] != (first, last):
            self._last.pop(key, None)
            drawn = draw_pools(judged, first, last, largest, draw, direction, self.seed)
            recent = self._last[key] = (first, last, drawn)
        return recent[2]
