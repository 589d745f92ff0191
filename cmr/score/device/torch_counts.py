"""Counts of a tile on a device: for one direction's queries, with PyTorch's own operations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cmr.score.blocks import Block
from cmr.score.device.rechecks import Cells, settle
from cmr.score.judgments import Indices
from cmr.score.pools import Drawn, Pools
from cmr.score.tally import Tally


@dataclass(frozen=True)
class DeviceTile:
    """A tile seen from its queries: (queries, items), its float32 scores and its vectors."""

    scores: torch.Tensor
    cells: Cells
    first_item: int


@dataclass(frozen=True)
class TileCounts:
    """Counts of a tile for some pairs: what they are added to, which pairs, and how many."""

    into: str
    draw: int
    pairs: Indices
    more: npt.NDArray[np.int64]
    tied: npt.NDArray[np.int64]


class DeviceQueries:
    """A block's queries in one direction: their bounds on the device, slot by slot.

    Slot s holds the s-th pair of every query that has one; `rows` says which those are.
    """

    def __init__(self, tally: Tally, direction: str, queries: Block, pools: Pools | None) -> None:
        self.flip = direction == "v2t"
        self._tally, self._pools = tally, pools
        self._device = queries.operand.device
        start = tally.judged.start[queries.first : queries.last + 1]
        relevants = np.diff(start)
        self._begin = start[:-1]
        self._relevants = relevants
        self._slots = []
        for slot in range(int(relevants.max(initial=0))):
            rows = np.flatnonzero(relevants > slot)
            self._slots.append((rows, self._begin[rows] + slot))
        self._high = torch.from_numpy(tally.bounds.fast_high[start[0] : start[-1]]).to(self._device)
        self._low = torch.from_numpy(tally.bounds.fast_low[start[0] : start[-1]]).to(self._device)
        self._drawn = (
            pools.get(direction, tally.judged, queries.first, queries.last) if pools else []
        )

    def count(self, tile: DeviceTile, sure: bool, first: int, last: int) -> list[TileCounts]:
        """The counts of a tile whose queries are first:last of the block."""
        found = []
        for rows, pairs in self._slots:
            a, b = np.searchsorted(rows, (first, last))
            if a < b:
                found.append(
                    self._all(tile, sure, rows[a:b] - first, pairs[a:b], b - a < last - first)
                )
        for draw, drawn in enumerate(self._drawn):
            found += self._members(tile, sure, first, last, draw, drawn)
        return found

    def _bounds(self, pairs: Indices) -> tuple[torch.Tensor, torch.Tensor]:
        at = torch.from_numpy(pairs - self._begin[0]).to(self._device)
        return self._high[at], self._low[at]

    def _all(
        self, tile: DeviceTile, sure: bool, rows: Indices, pairs: Indices, some: bool
    ) -> TileCounts:
        """All scores against one pair of each of `rows`."""
        high, low = self._bounds(pairs)
        chosen = torch.from_numpy(rows).to(self._device)
        scores = tile.scores[chosen] if some else tile.scores
        above = scores > high[:, None]
        more = above.sum(1).cpu().numpy()
        level = (scores >= low[:, None]) ^ above
        if sure:
            return TileCounts("all", 0, pairs, more, level.sum(1).cpu().numpy())
        where, item = level.nonzero(as_tuple=True)
        values = tile.cells.exact(chosen[where], item)
        settled, tied = settle(self._tally, pairs, where.cpu().numpy(), values)
        return TileCounts("all", 0, pairs, more + settled, tied)

    def _members(
        self, tile: DeviceTile, sure: bool, first: int, last: int, draw: int, drawn: Drawn
    ) -> list[TileCounts]:
        """The drawn pool members within the tile, each in the smallest pool that holds it."""
        assert self._pools is not None
        members, places = (
            torch.from_numpy(part[first:last].astype(np.int64)).to(self._device) for part in drawn
        )
        item = members - tile.first_item
        inside = (item >= 0) & (item < tile.scores.shape[1])
        scores = tile.scores.gather(1, item.clamp(0, tile.scores.shape[1] - 1))
        relevants = torch.from_numpy(self._relevants[first:last]).to(self._device)
        sizes = torch.from_numpy(self._pools.sizes).to(self._device)
        place = places + relevants[:, None]
        smallest = torch.bucketize(place, sizes, right=True)
        inside &= smallest < len(sizes)
        smallest = smallest.clamp(max=len(sizes) - 1)
        found = []
        for rows, pairs in self._slots:
            a, b = np.searchsorted(rows, (first, last))
            if a == b:
                continue
            high, low = self._bounds(pairs[a:b])
            chosen = torch.from_numpy(rows[a:b] - first).to(self._device)
            values, into = scores[chosen], smallest[chosen]
            above = (values > high[:, None]) & inside[chosen]
            level = (values >= low[:, None]) & inside[chosen] & ~above
            more = _by_pool(above, into, len(sizes))
            if sure:
                tied = _by_pool(level, into, len(sizes))
            else:
                where, column = level.nonzero(as_tuple=True)
                precise = tile.cells.exact(chosen[where], item[chosen[where], column])
                flat = into[where, column].cpu().numpy() * (b - a) + where.cpu().numpy()
                repeated = np.tile(pairs[a:b], len(sizes))
                settled, tied = settle(self._tally, repeated, flat, precise)
                more, tied = more + settled.reshape(more.shape), tied.reshape(more.shape)
            found.append(TileCounts("drawn", draw, pairs[a:b], more, tied))
        return found

    def add(self, found: list[TileCounts]) -> None:
        """Add a tile's counts, once all of them are there."""
        tally = self._tally
        for part in found:
            if part.into == "all":
                tally.more[part.pairs] += part.more
                tally.tied[part.pairs] += part.tied
            else:
                tally.drawn_more[part.draw][:, part.pairs] += part.more.astype(np.int32)
                tally.drawn_tied[part.draw][:, part.pairs] += part.tied.astype(np.int32)


def _by_pool(mask: torch.Tensor, pool: torch.Tensor, pools: int) -> npt.NDArray[np.int64]:
    """How many of each row's cells fall into each pool, (pools, rows)."""
    counts = torch.zeros((len(mask), pools), dtype=torch.int32, device=mask.device)
    counts.scatter_add_(1, pool, mask.to(torch.int32))
    return counts.T.cpu().numpy().astype(np.int64)
