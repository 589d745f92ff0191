"""Every tile of two blocks, scored once and counted for the queries along both of its sides."""

from __future__ import annotations

import numpy as np

from cmr.progressbar import Advance
from cmr.score.blocks import Block
from cmr.score.cpu import row_counts, tile_counts
from cmr.score.cpu.exact_scores import ScoredTile
from cmr.score.cpu.strip_counts import RowPairs
from cmr.score.cpu.strips import WIDTH
from cmr.score.plan import Plan
from cmr.score.pools import Drawn, PoolCounts, Pools
from cmr.score.tally import Bounds, Counts, Tally


def count_blocks(
    texts: Block,
    visuals: Block,
    tallies: dict[str, Tally],
    pools: Pools | None,
    plan: Plan,
    progress: Advance,
) -> None:
    """Score the tiles of two blocks and count them, on the CPU."""
    room = plan.kernel.empty(plan.tile_rows, plan.tile_columns)
    by_row, by_column, sure = tallies.get("t2v"), tallies.get("v2t"), plan.kernel.sure
    slots = _Slots(by_column, visuals)
    row_pools = block_pools(pools, "t2v", by_row, texts)
    column_pools = block_pools(pools, "v2t", by_column, visuals)
    # Columns outside, so that their operand stays in the cache while rows go by.
    for c in range(0, len(visuals), plan.tile_columns):
        d = min(len(visuals), c + plan.tile_columns)
        for a in range(0, len(texts), plan.tile_rows):
            b = min(len(texts), a + plan.tile_rows)
            products = plan.kernel.tile(texts.operand[a:b], visuals.operand[c:d], room).numpy()
            tile = ScoredTile(
                products,
                texts.scales[a:b],
                visuals.scales[c:d],
                texts.operand[a:b].numpy(),
                visuals.operand[c:d].numpy(),
                texts.first + a,
                visuals.first + c,
            )
            _count_all(tile, by_row, slots.columns(c, d), sure)
            if by_row is not None:
                _count_some(tile, by_row, pools, _part(row_pools, a, b), sure, flip=False)
            if by_column is not None:
                _count_some(tile, by_column, pools, _part(column_pools, c, d), sure, flip=True)
            progress((b - a) * (d - c))
    slots.flush()


class _Slots:
    """Thresholds and counts of a visual block's queries, laid out along its columns.

    Slot s holds the pair with every query's s-th lowest threshold, so that a row of the tile is
    compared with a row of thresholds, and most values with the first alone. Queries with more than
    FEW pairs stay out and are counted by sorting.
    """

    def __init__(self, tally: Tally | None, block: Block) -> None:
        self._tally = tally
        width = len(block)
        if tally is None:
            depth = np.zeros(width, dtype=np.int64)
            self._pairs = self._slot = self._column = np.zeros(0, dtype=np.int64)
        else:
            start = tally.judged.start[block.first : block.last + 1]
            relevants = np.diff(start)
            depth = np.where(relevants <= tile_counts.FEW, relevants, 0)
            column = np.repeat(np.arange(width), relevants)
            order = np.lexsort((tally.exact[start[0] : start[-1]], column))
            # Columns stay where they are, so their places do.
            slot = np.arange(len(order)) - (start[:-1] - start[0])[column]
            few = relevants[column] <= tile_counts.FEW
            self._pairs = start[0] + order[few]
            self._column, self._slot = column[few], slot[few]
        shape = (int(depth.max(initial=0)), width)
        types = (np.float32, np.float32, np.float64, np.float64)
        self._bounds = Bounds(*(np.full(shape, np.inf, dtype=dtype) for dtype in types))
        self._counts = Counts(np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32))
        if tally is not None:
            for mine, theirs in zip(self._bounds, tally.bounds, strict=True):
                mine[self._slot, self._column] = theirs[self._pairs]
        stretches = range(0, width, WIDTH)
        self._depths = np.array([depth[s : s + WIDTH].max() for s in stretches])

    def columns(self, first: int, last: int) -> tile_counts.ColumnPairs:
        """Those of a tile's columns, first:last of the block; `first` is a multiple of WIDTH."""
        depths = self._depths[first // WIDTH : -(-last // WIDTH)]
        return tile_counts.ColumnPairs(*self._bounds, *self._counts, depths, first)

    def flush(self) -> None:
        """Hand the counts over to the tally, once the block is done."""
        if self._tally is not None:
            self._tally.more[self._pairs] += self._counts.more[self._slot, self._column]
            self._tally.tied[self._pairs] += self._counts.tied[self._slot, self._column]


def block_pools(
    pools: Pools | None, direction: str, tally: Tally | None, block: Block
) -> list[Drawn]:
    """The drawn pools of a block's queries, one a draw; the plan made room for it."""
    if pools is None or tally is None:
        return []
    return pools.get(direction, tally.judged, block.first, block.last)


def _part(drawn: list[Drawn], first: int, last: int) -> list[Drawn]:
    return [one.part(first, last) for one in drawn]


def _count_all(
    tile: ScoredTile, by_row: Tally | None, columns: tile_counts.ColumnPairs, sure: bool
) -> None:
    """Count every score of the tile for the queries that have few relevant items."""
    height = len(tile.products)
    if by_row is None:
        begin = end = np.zeros(height, dtype=np.int64)
        none, exact = np.zeros(0, dtype=np.float32), np.zeros(0)
        rows = RowPairs(begin, end, none, none, exact, exact, begin[:0], begin[:0])
    else:
        start = by_row.judged.start[tile.first_row : tile.first_row + height + 1]
        begin, end = start[:-1], start[1:]
        end = np.where(end - begin <= tile_counts.FEW, end, begin)
        rows = RowPairs(begin, end, *by_row.bounds, by_row.more, by_row.tied)
    tile_counts.count_tile(tile, rows, columns, sure)


def _count_some(
    tile: ScoredTile,
    tally: Tally,
    pools: Pools | None,
    drawn: list[Drawn],
    sure: bool,
    flip: bool,
) -> None:
    """Count what `_count_all` does not: queries with many relevant items, and drawn pools.

    `flip` where the tally's queries run along the columns.
    """
    start, bounds = tally.judged.start, tally.bounds
    first = tile.first_column if flip else tile.first_row
    relevants = np.diff(start[first : first + tile.products.shape[flip] + 1])
    many = first + np.flatnonzero(relevants > tile_counts.FEW)
    if len(many):
        counts = Counts(tally.more, tally.tied)
        row_counts.count_sorted(tile, many, start, bounds, counts, sure, flip)
    if pools is None:
        return
    for draw, pool in enumerate(drawn):
        into = PoolCounts(pools.sizes, tally.drawn_more[draw], tally.drawn_tied[draw])
        row_counts.count_members(tile, start, bounds, pool, into, sure, flip)
