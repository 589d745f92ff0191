"""Every tile of two blocks, scored once and counted for the queries along both of its sides."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise

import torch

from cmr.progressbar import Advance
from cmr.score.blocks import Block
from cmr.score.cpu import row_counts, tile_counts
from cmr.score.cpu.bit_counts import count_bits
from cmr.score.cpu.exact_scores import ScoredTile, Tile
from cmr.score.cpu.owned import each_owned
from cmr.score.cpu.popcount import bit_products
from cmr.score.cpu.screening import Screening
from cmr.score.cpu.strip_counts import RowPairs
from cmr.score.cpu.tile_counts import ColumnPairs
from cmr.score.cpu.tile_pairs import Slots, many_relevants, no_counts, row_pairs
from cmr.score.plan import Plan
from cmr.score.pools import Drawn, PoolCounts, Pools
from cmr.score.tally import Counts, Tally

# Rows a:b and columns c:d of two blocks.
Region = tuple[int, int, int, int]
# Where there are few tiles, they are made smaller until each thread has so many, or they are so
# low that products become slow.
TILES_EACH, LEAST_HEIGHT = 4, 256


def count_blocks(
    texts: Block,
    visuals: Block,
    tallies: dict[str, Tally],
    pools: Pools | None,
    plan: Plan,
    progress: Advance,
) -> None:
    """Score the tiles of two blocks and count them, on the CPU; a thread does all of its tile."""
    counting = _Counting(texts, visuals, tallies, pools, plan)
    regions = _regions(texts, visuals, plan)
    if plan.kernel.screened and regions:
        regions = _tried_first(regions, plan.threads)
    each_owned(regions, plan.threads, counting.worker, progress)
    counting.slots.flush()


def _regions(texts: Block, visuals: Block, plan: Plan) -> list[Region]:
    """Columns outside, so that their operand stays in the cache while rows go by."""
    height, width = plan.tile_rows, plan.tile_columns
    across = -(-len(visuals) // width)
    while height > LEAST_HEIGHT and across * -(-len(texts) // height) < TILES_EACH * plan.threads:
        height = max(LEAST_HEIGHT, height // 2)
    return [
        (a, min(len(texts), a + height), c, min(len(visuals), c + width))
        for c in range(0, len(visuals), width)
        for a in range(0, len(texts), height)
    ]


def _tried_first(regions: list[Region], threads: int) -> list[Region]:
    """The same with a low tile for each thread at first: where screening fails, little is lost."""
    a, b, c, d = regions[0]
    ends = [*range(a, b, LEAST_HEIGHT)[: threads + 1], b]
    return [*((first, last, c, d) for first, last in pairwise(ends)), *regions[1:]]


class _Counting:
    """Counts tiles of two blocks, in several threads at once."""

    def __init__(
        self,
        texts: Block,
        visuals: Block,
        tallies: dict[str, Tally],
        pools: Pools | None,
        plan: Plan,
    ) -> None:
        self._texts, self._visuals, self._pools, self._plan = texts, visuals, pools, plan
        self._by_row, self._by_column = tallies.get("t2v"), tallies.get("v2t")
        self.slots = Slots(self._by_column, visuals)
        self._row_pools = _block_pools(pools, "t2v", self._by_row, texts)
        self._column_pools = _block_pools(pools, "v2t", self._by_column, visuals)
        self._screening: Screening | None = None
        # Whether anything is counted that `count_tile` does not.
        self._apart = pools is not None or self._many()
        if plan.kernel.screened and plan.screened.pays and not self._apart:
            self._screening = Screening(texts, visuals, plan.screened)
        # Counts of a tile are added to those of all by one thread at a time.
        self._adding = threading.Lock()

    def _many(self) -> bool:
        """Whether any query has so many relevant items that it is counted by sorting its scores."""
        return any(
            tally is not None and tally.judged.relevants.max(initial=0) > tile_counts.FEW
            for tally in (self._by_row, self._by_column)
        )

    def worker(self) -> Callable[[Region], int]:
        """What one thread calls for each of its tiles."""
        room = self._plan.kernel.empty(self._plan.tile_rows, self._plan.tile_columns)
        return lambda region: self._count(region, room)

    def _count(self, region: Region, room: torch.Tensor) -> int:
        a, b, c, d = region
        texts, visuals, kernel = self._texts, self._visuals, self._plan.kernel
        if self._screening is not None and self._screen(region, room):
            return (b - a) * (d - c)
        if kernel.popcount and not self._apart:
            rows, columns = self._pairs(region)
            count_bits(texts.words[a:b], visuals.lanes, texts.dim, rows, columns)
            self._add(rows, columns)
            return (b - a) * (d - c)
        left, right = texts.operand[a:b], visuals.operand[c:d]
        tile = ScoredTile(
            self._products(region, room),
            texts.scales[a:b],
            visuals.scales[c:d],
            left.numpy(),
            right.numpy(),
            texts.first + a,
            visuals.first + c,
        )
        rows, columns = self._pairs(region)
        tile_counts.count_tile(tile, rows, columns, kernel.sure)
        if not self._apart:
            self._add(rows, columns)
            return (b - a) * (d - c)
        with self._adding:
            self.slots.add(columns)
        if self._by_row is not None:
            pools = [one.part(a, b) for one in self._row_pools]
            self._count_some(tile, self._by_row, pools, rows.counts, flip=False)
        if self._by_column is not None:
            start, first = self._by_column.judged.start, tile.first_column
            counts = no_counts(int(start[first + d - c] - start[first]))
            pools = [one.part(c, d) for one in self._column_pools]
            self._count_some(tile, self._by_column, pools, counts, flip=True)
        return (b - a) * (d - c)

    def _pairs(self, region: Region) -> tuple[RowPairs, ColumnPairs]:
        """The pairs of a tile's queries, along its rows and its columns."""
        a, b, c, d = region
        rows = row_pairs(self._by_row, self._texts.first + a, b - a)
        return rows, self.slots.columns(c, d)

    def _products(self, region: Region, room: torch.Tensor) -> Tile:
        """What is multiplied of a tile, in the front of `room`."""
        a, b, c, d = region
        kernel = self._plan.kernel
        if not kernel.popcount:
            operands = self._texts.operand[a:b], self._visuals.operand[c:d]
            return kernel.tile(*operands, room).numpy()
        out = room.view(-1)[: (b - a) * (d - c)].view(b - a, d - c).numpy()
        texts, visuals = self._texts, self._visuals
        bit_products(texts.words[a:b], visuals.lanes, c, texts.dim, out)
        return out

    def _screen(self, region: Region, room: torch.Tensor) -> bool:
        """Count a tile by products of codes, unless they leave too much in doubt."""
        assert self._screening is not None
        rows, columns = self._pairs(region)
        if not self._screening.counts(region, room, rows, columns):
            return False
        self._add(rows, columns)
        return True

    def _add(self, rows: RowPairs, columns: ColumnPairs) -> None:
        """Add what a tile has counted."""
        with self._adding:
            self.slots.add(columns)
            if self._by_row is not None:
                begin = int(rows.begin[0])
                here = slice(begin, begin + len(rows.counts.more))
                self._by_row.more[here] += rows.counts.more
                self._by_row.tied[here] += rows.counts.tied

    def _count_some(
        self, tile: ScoredTile, tally: Tally, drawn: list[Drawn], counts: Counts, flip: bool
    ) -> None:
        """Count what `count_tile` does not: queries with many relevant items, and drawn pools.

        `counts`: of the pairs of the tile's queries, which run along its columns where `flip`; they
        are added to the tally.
        """
        sure, bounds, start = self._plan.kernel.sure, tally.bounds, tally.judged.start
        first = tile.first_column if flip else tile.first_row
        many = many_relevants(tally, first, tile.products.shape[flip])
        if len(many):
            row_counts.count_sorted(tile, many, start, bounds, counts, sure, flip)
        begin = int(start[first])
        here = slice(begin, begin + len(counts.more))
        with self._adding:
            tally.more[here] += counts.more
            tally.tied[here] += counts.tied
        if self._pools is None:
            return
        sizes = self._pools.sizes
        for draw, pool in enumerate(drawn):
            found = PoolCounts(sizes, *no_counts(len(sizes), len(counts.more)), begin)
            row_counts.count_members_alone(tile, start, bounds, pool, found, sure, flip)
            with self._adding:
                tally.drawn_more[draw][:, here] += found.more
                tally.drawn_tied[draw][:, here] += found.tied


def _block_pools(
    pools: Pools | None, direction: str, tally: Tally | None, block: Block
) -> list[Drawn]:
    """The drawn pools of a block's queries, one a draw; the plan made room for it."""
    if pools is None or tally is None:
        return []
    # What never asks has none.
    last = max(block.first, min(block.last, tally.judged.asking))
    return pools.get(direction, tally.judged, block.first, last)
