"""The local engine: two passes over the tiles of texts x visuals.

The first pass scores the relevant pairs, with the same kernel; the second scores every tile
once and counts for both directions. Both sides are read in blocks, so memory is set by the
plan and not by the gallery, and the matrix of all scores never exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from cmr.represent.precisions import Encoded
from cmr.score import count
from cmr.score.judged import Judged
from cmr.score.plan import Plan
from cmr.score.pools import Pools
from cmr.score.tally import Counted, Tally

Progress = Callable[[int], None]
PAIR_GROUP = 64


class Vectors(Protocol):
    """One side's stored vectors."""

    @property
    def rows(self) -> int:
        """How many there are."""

    def blocks(self, rows: int) -> Iterator[tuple[int, Encoded]]:
        """All of them in order, at most `rows` at a time, with the first one's ordinal."""


@dataclass(frozen=True)
class Block:
    """A stretch of one side, ready to be multiplied. `scales` is empty where unused."""

    first: int
    operand: torch.Tensor
    scales: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.operand)

    @property
    def last(self) -> int:
        """The ordinal after the last one."""
        return self.first + len(self.operand)


class Side:
    """One side's blocks; kept if there is only one, else read again in every pass."""

    def __init__(self, vectors: Vectors, rows: int, plan: Plan) -> None:
        self._vectors, self._rows, self._plan = vectors, rows, plan
        self._kept: Block | None = None

    def __iter__(self) -> Iterator[Block]:
        if self._kept is not None:
            yield self._kept
            return
        kernel = self._plan.kernel
        for first, encoded in self._vectors.blocks(self._rows):
            # A copy: numba compiles once more for an array that must not be written.
            scales = np.array(encoded.scales if kernel.scaled else encoded.scales[:0])
            block = Block(first, kernel.prepare(encoded), scales)
            if len(block) == self._vectors.rows:
                self._kept = block
            yield block


def score(
    texts: Vectors,
    visuals: Vectors,
    directions: dict[str, Judged],
    pools: Pools | None,
    plan: Plan,
    progress: Progress = lambda cells: None,
) -> dict[str, Counted]:
    """Count every relevant pair's competitors, in one or both directions.

    `directions` maps `t2v` and/or `v2t` to its pairs, which are the same pairs. `progress` is
    told how many query-item scores were just counted.
    """
    rows = Side(texts, plan.text_rows, plan)
    columns = Side(visuals, plan.visual_rows, plan)
    with plan.kernel.active():
        values, scores = _pair_values(rows, columns, directions, plan)
        draws, sizes = (pools.draws, len(pools.sizes)) if pools else (0, 0)
        tallies = {
            name: Tally(judged, plan.kernel, values[judged.order], draws, sizes)
            for name, judged in directions.items()
        }
        room = plan.kernel.empty(plan.tile_rows, plan.tile_columns)
        for text_block in rows:
            for visual_block in columns:
                _count_blocks(text_block, visual_block, tallies, pools, plan, room, progress)
    return {name: tally.result(scores[tally.judged.order]) for name, tally in tallies.items()}


def _pair_values(
    rows: Side, columns: Side, directions: dict[str, Judged], plan: Plan
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
    """The compared value and the score of every pair, in the order the pairs came in."""
    name, judged = next(iter(directions.items()))
    text, visual = (judged.query, judged.item) if name == "t2v" else (judged.item, judged.query)
    kernel = plan.kernel
    values: npt.NDArray[Any] = np.zeros(len(text), dtype=kernel.compared)
    room = kernel.empty(PAIR_GROUP, PAIR_GROUP)
    for texts in rows:
        for visuals in columns:
            inside = (text >= texts.first) & (text < texts.last)
            inside &= (visual >= visuals.first) & (visual < visuals.last)
            found = np.flatnonzero(inside)
            for group in np.split(found, range(PAIR_GROUP, len(found), PAIR_GROUP)):
                i, j = text[group] - texts.first, visual[group] - visuals.first
                tile = kernel.tile(texts.operand[i], visuals.operand[j], room)
                products = tile.diagonal().numpy()
                scales = (texts.scales[i], visuals.scales[j]) if kernel.scaled else (None, None)
                values[group] = kernel.values(products, *scales)
    in_order = np.empty_like(values)
    in_order[judged.order] = values
    return in_order, in_order.astype(np.float32)


def _count_blocks(
    texts: Block,
    visuals: Block,
    tallies: dict[str, Tally],
    pools: Pools | None,
    plan: Plan,
    room: torch.Tensor,
    progress: Progress,
) -> None:
    """Score the tiles of two blocks and count them."""
    by_row, by_column = tallies.get("t2v"), tallies.get("v2t")
    slots = _Slots(by_column, visuals)
    # Columns outside, so that their operand stays in the cache while rows go by.
    for c in range(0, len(visuals), plan.tile_columns):
        d = min(len(visuals), c + plan.tile_columns)
        for a in range(0, len(texts), plan.tile_rows):
            b = min(len(texts), a + plan.tile_rows)
            products = plan.kernel.tile(texts.operand[a:b], visuals.operand[c:d], room).numpy()
            tile = _Tile(
                products,
                texts.scales[a:b],
                visuals.scales[c:d],
                texts.first + a,
                visuals.first + c,
            )
            _count_all(tile, by_row, slots, c, d, plan.kernel.sure)
            if by_row is not None:
                drawn = _row_pools(by_row, pools, texts.first + a, texts.first + b)
                _count_some(tile, by_row, pools, drawn, flip=False)
            if by_column is not None:
                _count_some(tile, by_column, pools, slots.pools(pools, c, d), flip=True)
            progress((b - a) * (d - c))
    slots.flush()


@dataclass(frozen=True)
class _Tile:
    """A tile of products, with its scales and the ordinals of its first row and column."""

    products: npt.NDArray[Any]
    rows: npt.NDArray[np.float32]
    columns: npt.NDArray[np.float32]
    first_row: int
    first_column: int


class _Slots:
    """Thresholds and counts of a visual block's queries, laid out along its columns.

    Slot s holds every query's s-th pair, so that a row of the tile is compared with a row of
    thresholds. Queries with more than FEW pairs stay out and are counted by sorting.
    """

    def __init__(self, tally: Tally | None, block: Block) -> None:
        self._tally, self._block = tally, block
        self._pools: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.uint16]]] | None = None
        width = len(block)
        if tally is None:
            depth = np.zeros(width, dtype=np.int64)
            self._pairs = self._slot = self._column = np.zeros(0, dtype=np.int64)
        else:
            start = tally.judged.start[block.first : block.last + 1]
            relevants = np.diff(start)
            depth = np.where(relevants <= count.FEW, relevants, 0)
            self._pairs = np.arange(start[0], start[-1])
            self._column = np.repeat(np.arange(width), relevants)
            self._slot = self._pairs - start[self._column]
            few = relevants[self._column] <= count.FEW
            self._pairs = self._pairs[few]
            self._column, self._slot = self._column[few], self._slot[few]
        shape = (int(depth.max(initial=0)), width)
        self.high = np.full(shape, np.inf, dtype=np.float32)
        self.low = np.full(shape, np.inf, dtype=np.float32)
        self.exact = np.full(shape, np.inf, dtype=np.float64)
        self.own = np.full(shape, -1, dtype=np.int64)
        self.more = np.zeros(shape, dtype=np.int32)
        self.tied = np.zeros(shape, dtype=np.int32)
        if tally is not None:
            place = (self._slot, self._column)
            self.high[place] = tally.fast_high[self._pairs]
            self.low[place] = tally.fast_low[self._pairs]
            self.exact[place] = tally.exact[self._pairs]
            self.own[place] = tally.judged.item[self._pairs]
        stretches = range(0, width, count.WIDTH)
        self._depths = np.array([depth[s : s + count.WIDTH].max() for s in stretches])

    def depths(self, first: int, last: int) -> npt.NDArray[np.int64]:
        """Slots in use in each stretch of WIDTH columns from `first`, a multiple of WIDTH."""
        return self._depths[first // count.WIDTH : -(-last // count.WIDTH)]

    def pools(
        self, pools: Pools | None, first: int, last: int
    ) -> list[tuple[npt.NDArray[np.int32], npt.NDArray[np.uint16]]]:
        """The drawn pools of columns first:last, a pair of arrays a draw."""
        if pools is None or self._tally is None:
            return []
        if self._pools is None:
            block = self._block
            self._pools = pools.get("v2t", self._tally.judged, block.first, block.last)
        return [(members[first:last], places[first:last]) for members, places in self._pools]

    def flush(self) -> None:
        """Hand the counts over to the tally, once the block is done."""
        if self._tally is not None:
            self._tally.more[self._pairs] += self.more[self._slot, self._column]
            self._tally.tied[self._pairs] += self.tied[self._slot, self._column]


def _row_pools(
    tally: Tally | None, pools: Pools | None, first: int, last: int
) -> list[tuple[npt.NDArray[np.int32], npt.NDArray[np.uint16]]]:
    if tally is None or pools is None:
        return []
    return pools.get("t2v", tally.judged, first, last)


def _count_all(
    tile: _Tile, by_row: Tally | None, slots: _Slots, c: int, d: int, sure: bool
) -> None:
    """Count every score of the tile for the queries that have few relevant items."""
    height = len(tile.products)
    if by_row is None:
        begin = end = np.zeros(height, dtype=np.int64)
        none = np.zeros(0, dtype=np.float32)
        row_side = (none, none, none.astype(np.float64), begin[:0], begin[:0])
    else:
        start = by_row.judged.start[tile.first_row : tile.first_row + height + 1]
        begin, end = start[:-1], start[1:]
        end = np.where(end - begin <= count.FEW, end, begin)
        bounds = (by_row.fast_high, by_row.fast_low, by_row.exact)
        row_side = (*bounds, by_row.more, by_row.tied)
    column_side = (slots.high, slots.low, slots.exact, slots.own, slots.more, slots.tied)
    tile_side = (tile.products, tile.rows, tile.columns, begin, end)
    where = (slots.depths(c, d), c, tile.first_row)
    count.count_tile(*tile_side, *row_side, *column_side, *where, sure)


def _count_some(
    tile: _Tile,
    tally: Tally,
    pools: Pools | None,
    drawn: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.uint16]]],
    flip: bool,
) -> None:
    """Count what `_count_all` does not: many relevant items, relevant ones alone, drawn pools.

    `flip` where the tally's queries run along the columns.
    """
    start, bounds = tally.judged.start, (tally.high, tally.low)
    values = (tile.products, tile.rows, tile.columns)
    first, item = (
        (tile.first_column, tile.first_row) if flip else (tile.first_row, tile.first_column)
    )
    relevants = np.diff(start[first : first + tile.products.shape[flip] + 1])
    many = first + np.flatnonzero(relevants > count.FEW)
    if len(many):
        count.count_sorted(*values, many, first, start, *bounds, tally.more, tally.tied, flip)
    own = (tally.relevant_more, tally.relevant_tied)
    count.count_relevants(*values, first, item, start, tally.judged.item, *bounds, *own, flip)
    if pools is None:
        return
    for draw, pool in enumerate(drawn):
        found = (tally.drawn_more[draw], tally.drawn_tied[draw])
        count.count_members(*values, first, item, start, *bounds, *pool, pools.sizes, *found, flip)
