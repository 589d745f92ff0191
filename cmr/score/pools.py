"""Sampled candidate pools from a counter-based generator.

A pool of size C for a query with R relevant items is those R and the first C - R of a random
order of its non-relevant gallery items, so the pool of 100 is a prefix of the pool of 200.

The order is a Fisher-Yates shuffle whose random words are Philox4x64-10 (Salmon et al.,
Parallel random numbers: as easy as 1, 2, 3, 2011) with key (seed, 0) and counter
(block, query, draw, direction); `np.random.Philox(key=[seed, 0], counter=[0, query, draw,
direction]).random_raw()` gives the same words. So a pool depends on nothing but those four:
not on batch, shard, thread or representation. Each 64-bit word gives two 32-bit ones, low half
first; an index below m is (word * m) >> 32, and words whose low product is under 2^32 mod m are
skipped (Lemire, Fast random integer generation in an interval, 2019), which leaves no bias.
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

    `sizes`: ascending C. `more`, `tied`: (C, pairs); a member is added to the smallest pool that
    holds it, so their running sums over C are the counts.
    """

    sizes: Indices
    more: npt.NDArray[np.int32]
    tied: npt.NDArray[np.int32]


class _Stream(NamedTuple):
    """What, beside the query, the random words of a draw depend on."""

    seed: np.uint64
    draw: int
    direction: int


_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_M0 = np.uint64(0xD2E7470EE14C6C93)
_M1 = np.uint64(0xCA5A826395121157)
_W0 = np.uint64(0x9E3779B97F4A7C15)
_W1 = np.uint64(0xBB67AE8584CAA73B)


@compiled(inline="always")
def _high(a: np.uint64, b: np.uint64) -> np.uint64:
    """Upper 64 bits of a 64 x 64 bit product."""
    a0, a1, b0, b1 = a & _LOW, a >> _32, b & _LOW, b >> _32
    middle = a1 * b0 + ((a0 * b0) >> _32)
    other = a0 * b1 + (middle & _LOW)
    return a1 * b1 + (middle >> _32) + (other >> _32)


@compiled()
def _philox(
    block: np.uint64, query: np.uint64, stream: _Stream, out: npt.NDArray[np.uint64]
) -> None:
    """Ten rounds of Philox4x64 into `out`, (4,)."""
    c0, c1, c2, c3 = block, query, np.uint64(stream.draw), np.uint64(stream.direction)
    k0, k1 = stream.seed, np.uint64(0)
    for _ in range(10):
        h0, l0 = _high(_M0, c0), _M0 * c0
        h1, l1 = _high(_M1, c2), _M1 * c2
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
        k0 += _W0
        k1 += _W1
    out[0], out[1], out[2], out[3] = c0, c1, c2, c3


@compiled()
def _shuffle_prefix(
    order: npt.NDArray[np.int64],
    population: int,
    count: int,
    query: int,
    stream: _Stream,
    picks: npt.NDArray[np.int64],
) -> None:
    """Put the first `count` of a random order of range(population) into `picks`.

    `order` is scratch that holds range(population) before and after.
    """
    words = np.empty(4, dtype=np.uint64)
    swapped = np.empty(count, dtype=np.int64)
    block = np.uint64(0)
    half = 8
    for i in range(count):
        width = np.uint64(population - i)
        floor = (np.uint64(1) << _32) % width
        while True:
            if half == 8:
                # NumPy's generator steps its counter before the first block.
                block += np.uint64(1)
                _philox(block, np.uint64(query), stream, words)
                half = 0
            word = words[half >> 1]
            word = (word >> _32) if half & 1 else (word & _LOW)
            half += 1
            product = word * width
            if (product & _LOW) >= floor:
                break
        j = i + np.int64(product >> _32)
        swapped[i] = j
        order[i], order[j] = order[j], order[i]
        picks[i] = order[i]
    for i in range(count - 1, -1, -1):
        j = swapped[i]
        order[i], order[j] = order[j], order[i]


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
    stream: _Stream,
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
    stream: _Stream,
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
        _shuffle_prefix(order, gallery - relevants, count, query, stream, picks)
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
    stream = _Stream(np.uint64(seed), draw, DIRECTIONS[direction])
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
