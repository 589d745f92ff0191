"""The pairs whose thresholds a tile's scores are compared with, along its rows and its columns.

What a tile adds to them is counted apart, by the thread that owns the tile, and added at its end.
"""

from __future__ import annotations

import numpy as np

from cmr.score.blocks import Block
from cmr.score.cpu.strip_counts import RowPairs
from cmr.score.cpu.strips import WIDTH
from cmr.score.cpu.tile_counts import FEW, ColumnPairs
from cmr.score.judgments import Indices
from cmr.score.tally import Bounds, Counts, Tally


def no_counts(*shape: int) -> Counts:
    """Counts of a tile, none so far."""
    return Counts(np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32))


def row_pairs(tally: Tally | None, first: int, height: int) -> RowPairs:
    """Pairs of the texts first:first + height; of those with more than FEW none are counted."""
    if tally is None:
        begin = np.zeros(height, dtype=np.int64)
        none, exact = np.zeros(0, dtype=np.float32), np.zeros(0)
        return RowPairs(begin, begin, Bounds(none, none, exact, exact), no_counts(0))
    start = tally.judged.start[first : first + height + 1]
    begin, end = start[:-1], start[1:]
    few = np.where(end - begin <= FEW, end, begin)
    return RowPairs(begin, few, tally.bounds, no_counts(int(end[-1] - begin[0])))


def many_relevants(tally: Tally, first: int, queries: int) -> Indices:
    """Those of so many queries from `first` on that have more than FEW relevant items."""
    return first + np.flatnonzero(np.diff(tally.judged.start[first : first + queries + 1]) > FEW)


class Slots:
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
            depth = np.where(relevants <= FEW, relevants, 0)
            column = np.repeat(np.arange(width), relevants)
            order = np.lexsort((tally.exact[start[0] : start[-1]], column))
            # Columns stay where they are, so their places do.
            slot = np.arange(len(order)) - (start[:-1] - start[0])[column]
            few = relevants[column] <= FEW
            self._pairs = start[0] + order[few]
            self._column, self._slot = column[few], slot[few]
        shape = (int(depth.max(initial=0)), width)
        types = (np.float32, np.float32, np.float64, np.float64)
        self._bounds = Bounds(*(np.full(shape, np.inf, dtype=dtype) for dtype in types))
        self._counts = no_counts(*shape)
        if tally is not None:
            for mine, theirs in zip(self._bounds, tally.bounds, strict=True):
                mine[self._slot, self._column] = theirs[self._pairs]
        stretches = range(0, width, WIDTH)
        self._depths = np.array([depth[s : s + WIDTH].max() for s in stretches])

    def columns(self, first: int, last: int) -> ColumnPairs:
        """Those of a tile's columns, first:last of the block; `first` is a multiple of WIDTH."""
        depths = self._depths[first // WIDTH : -(-last // WIDTH)]
        counts = no_counts(len(self._counts.more), last - first)
        return ColumnPairs(self._bounds, counts, depths, first)

    def add(self, columns: ColumnPairs) -> None:
        """Add what a tile has counted."""
        here = slice(columns.offset, columns.offset + columns.counts.more.shape[1])
        for mine, its in zip(self._counts, columns.counts, strict=True):
            mine[:, here] += its

    def flush(self) -> None:
        """Hand the counts over to the tally, once the block is done."""
        if self._tally is not None:
            self._tally.more[self._pairs] += self._counts.more[self._slot, self._column]
            self._tally.tied[self._pairs] += self._counts.tied[self._slot, self._column]
