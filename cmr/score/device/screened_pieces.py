"""Two blocks of floats counted by what their codes tell, on CUDA; the rest in float64.

Where more is in doubt than the lists hold, a piece is counted by its plain product.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cmr.errors import CmrError
from cmr.progressbar import Advance
from cmr.score.blocks import FULL, Block
from cmr.score.code_bounds import ROUNDINGS
from cmr.score.cpu.tile_counts import FEW
from cmr.score.device.device_codes import screen_there
from cmr.score.device.regions import Regions
from cmr.score.device.screen_launch import (
    CodedBlock,
    ScreenedQueries,
    doubts_of,
    launch_screen,
    launch_settling,
)
from cmr.score.device.torch_tiles import tiles_on_device
from cmr.score.device.triton_tiles import Launches
from cmr.score.plan import Plan
from cmr.score.pools import Pools
from cmr.score.screened import Screened
from cmr.score.tally import Tally

# Texts and visuals of a piece: a hundredth of a second, and 160 MiB of doubts.
PIECE = 2**14
# What share of a piece's scores is listed, 8 bytes each.
LISTED = 1 / 16

Region = tuple[int, int, int, int]


def count_blocks_screened(
    texts: Block,
    visuals: Block,
    tallies: dict[str, Tally],
    pools: Pools | None,
    plan: Plan,
    progress: Advance,
) -> None:
    """Score two blocks on their device and count them there; without drawn pools.

    Raises CmrError if the device has no memory for it.
    """
    assert pools is None
    plain = _Plain(texts, visuals, tallies, plan, progress)
    # As on the CPU: so many thresholds leave nearly all in doubt.
    many = any(tally.judged.relevants.max(initial=0) > FEW for tally in tallies.values())
    screening: CodedPieces | None = None
    for region in _pieces(len(texts), len(visuals)):
        a, b, c, d = region
        scores = (b - a) * (d - c)
        if many or not plan.screened.pays:
            if not many:
                plan.screened.pass_over(scores)
            plain.count(region)
            continue
        try:
            screening = screening or CodedPieces(texts, visuals, tallies, plan.screened, LISTED)
        except torch.OutOfMemoryError:
            raise CmrError(FULL) from None
        settled = screening.count(region)
        plan.screened.add(scores, settled)
        if settled is None:
            plain.count(region)
        else:
            progress(scores)
    if screening is not None:
        screening.flush()


def _pieces(texts: int, visuals: int) -> list[Region]:
    return [
        (a, min(texts, a + PIECE), c, min(visuals, c + PIECE))
        for a in range(0, texts, PIECE)
        for c in range(0, visuals, PIECE)
    ]


class CodedPieces:
    """Counts pieces of two blocks by their codes, into tallies once all are counted.

    `listed`: what share of a piece's scores may be in doubt. Raises torch.OutOfMemoryError.
    """

    def __init__(
        self,
        texts: Block,
        visuals: Block,
        tallies: dict[str, Tally],
        found: Screened,
        listed: float,
    ) -> None:
        kind = getattr(torch, found.by)
        left, right, screen = screen_there(texts.operand, visuals.operand, kind)
        found.reaches(screen.reach)
        self._slack = float(screen.slack)
        self._texts = CodedBlock(texts.operand, left, _on_device(screen.rows, texts))
        self._visuals = CodedBlock(visuals.operand, right, _on_device(screen.columns, visuals))
        self._t2v = _CodedQueries(tallies["t2v"], texts) if "t2v" in tallies else None
        self._v2t = _CodedQueries(tallies["v2t"], visuals) if "v2t" in tallies else None
        tall, wide = min(len(texts), PIECE), min(len(visuals), PIECE)
        room = int(tall * wide * listed) + 1
        self._doubts = doubts_of(tall, wide, room, texts.operand.device)

    def count(self, region: Region) -> int | None:
        """Count texts a:b x visuals c:d; returns how many scores had to be computed.

        None, and nothing is counted, where these are too many to list.
        """
        doubts = self._doubts
        t2v = self._t2v.part() if self._t2v else None
        v2t = self._v2t.part() if self._v2t else None
        blocks = self._texts, self._visuals
        launch_screen(*blocks, self._slack, region, t2v, v2t, doubts)
        launch_settling(*blocks, t2v, v2t, doubts)
        found = int(doubts.found)
        if found > doubts.room:
            return None
        for direction, part in ((self._t2v, t2v), (self._v2t, v2t)):
            if direction and part:
                direction.add(part)
        return found

    def flush(self) -> None:
        """Hand the counts over to the tallies."""
        for direction in (self._t2v, self._v2t):
            if direction:
                direction.flush()


class _CodedQueries:
    """A block's queries in one direction, and what all pieces have counted of them."""

    def __init__(self, tally: Tally, queries: Block) -> None:
        self._tally = tally
        start = tally.judged.start[queries.first : queries.last + 1]
        relevants = np.diff(start)
        self._pairs = slice(int(start[0]), int(start[-1]))
        self._query = np.repeat(np.arange(len(queries)), relevants)
        self._slot = np.arange(len(self._query)) - (start[:-1] - start[0])[self._query]
        shape = (int(relevants.max(initial=0)), len(queries))
        fast_high, fast_low, high, low = tally.bounds
        middle = (fast_high + fast_low) / 2
        half = max(float(np.abs(bound - middle).max(initial=0)) for bound in (fast_high, fast_low))
        # The middle is rounded, and so is what is compared with it.
        half += ROUNDINGS * (half + float(np.abs(middle).max(initial=0)))
        device = queries.operand.device
        unsorted = [
            torch.from_numpy(self._slots(bound, shape)).to(device) for bound in (middle, high, low)
        ]
        self._order = unsorted[0].argsort(0)
        bounds = [bound.gather(0, self._order) for bound in unsorted]
        none = torch.zeros(shape, dtype=torch.int32, device=device)
        end = bounds[0].new_full((1, shape[1]), np.inf)
        self._empty = ScreenedQueries(
            torch.cat([bounds[0], end]), half, bounds[1], bounds[2], none, none
        )
        self._more, self._tied = none.long(), none.long()

    def _slots(self, bound: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[Any]:
        """A bound of every pair, infinite where a query has none."""
        found = np.full(shape, np.inf, dtype=bound.dtype)
        found[self._slot, self._query] = bound[self._pairs]
        return found

    def part(self) -> ScreenedQueries:
        """The queries for one piece, nothing found yet."""
        more, tied = torch.zeros_like(self._empty.more), torch.zeros_like(self._empty.tied)
        return dataclasses.replace(self._empty, more=more, tied=tied)

    def add(self, part: ScreenedQueries) -> None:
        """Add what was found in a piece."""
        self._more += part.more
        self._tied += part.tied

    def flush(self) -> None:
        """Hand the counts over to the tally."""
        for into, sorted_counts in ((self._tally.more, self._more), (self._tally.tied, self._tied)):
            counts = sorted_counts.scatter(0, self._order, sorted_counts)
            into[self._pairs] += counts.cpu().numpy()[self._slot, self._query]


class _Plain:
    """Counts pieces as they are counted without screening."""

    def __init__(
        self,
        texts: Block,
        visuals: Block,
        tallies: dict[str, Tally],
        plan: Plan,
        progress: Advance,
    ) -> None:
        if plan.counting == "triton":
            self._make: Callable[[], Regions] = lambda: Launches(
                texts, visuals, tallies, plan.kernel, progress
            )
        else:
            self._make = lambda: tiles_on_device(texts, visuals, tallies, None, plan, progress)

    @cached_property
    def _regions(self) -> Regions:
        return self._make()

    def count(self, region: Region) -> None:
        """Count texts a:b x visuals c:d. Raises CmrError if not even a small tile fits."""
        self._regions.count(*region)


def _on_device(array: npt.NDArray[Any], block: Block) -> torch.Tensor:
    """An array where a block's vectors are."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(block.operand.device)
