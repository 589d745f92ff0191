"""Tiles counted where they were scored, on a GPU, with PyTorch's own operations.

The same counts as on a CPU: float32 bounds tell nearly all scores apart; those that lie within
the error are settled in float64. A tile that does not fit into the device's memory is halved until
it does.
"""

from __future__ import annotations

import torch

from cmr.errors import CmrError
from cmr.progressbar import Advance
from cmr.score.blocks import FULL, Block
from cmr.score.device.rechecks import Cells
from cmr.score.device.regions import Regions
from cmr.score.device.torch_counts import DeviceQueries, DeviceTile, TileCounts
from cmr.score.plan import Plan
from cmr.score.pools import Pools
from cmr.score.tally import Tally

LEAST_TILE = 32


def count_blocks_on_device(
    texts: Block,
    visuals: Block,
    tallies: dict[str, Tally],
    pools: Pools | None,
    plan: Plan,
    progress: Advance,
) -> None:
    """Score the tiles of two blocks on their device and count them there.

    Raises CmrError if not even a small tile fits.
    """
    scorer = tiles_on_device(texts, visuals, tallies, pools, plan, progress)
    for a in range(0, len(texts), plan.tile_rows):
        for c in range(0, len(visuals), plan.tile_columns):
            b, d = min(len(texts), a + plan.tile_rows), min(len(visuals), c + plan.tile_columns)
            scorer.count(a, b, c, d)


def tiles_on_device(
    texts: Block,
    visuals: Block,
    tallies: dict[str, Tally],
    pools: Pools | None,
    plan: Plan,
    progress: Advance,
) -> Regions:
    """What scores and counts rectangles of two blocks."""
    sides = []
    if "t2v" in tallies:
        sides.append(DeviceQueries(tallies["t2v"], "t2v", texts, pools))
    if "v2t" in tallies:
        sides.append(DeviceQueries(tallies["v2t"], "v2t", visuals, pools))
    return _Scorer(texts, visuals, sides, plan, progress)


class _Scorer(Regions):
    """Scores tiles of two blocks, in smaller ones where memory runs out."""

    def __init__(
        self,
        texts: Block,
        visuals: Block,
        sides: list[DeviceQueries],
        plan: Plan,
        progress: Advance,
    ) -> None:
        super().__init__(plan.tile_rows * plan.tile_columns, progress)
        self._texts, self._visuals, self._sides = texts, visuals, sides
        self._kernel = plan.kernel
        device = texts.operand.device
        self._row_scales = torch.from_numpy(texts.scales).to(device)
        self._column_scales = torch.from_numpy(visuals.scales).to(device)

    def fits(self, a: int, b: int, c: int, d: int) -> bool:
        """Count a tile if the device's memory suffices; else make the tiles to come smaller."""
        try:
            found = self._score(a, b, c, d)
        except RuntimeError as error:
            if not _is_full(error):
                raise
            if max(b - a, d - c) <= LEAST_TILE:
                raise CmrError(FULL) from None
        else:
            for side, counts in zip(self._sides, found, strict=True):
                side.add(counts)
            return True
        # Only here are the failed tile's tensors dropped and their memory free to give back.
        self.limit = (b - a) * (d - c) // 2
        if self._texts.operand.device.type == "cuda":
            torch.cuda.empty_cache()
        return False

    def _score(self, a: int, b: int, c: int, d: int) -> list[list[TileCounts]]:
        kernel, texts, visuals = self._kernel, self._texts, self._visuals
        products = kernel.tile(texts.operand[a:b], visuals.operand[c:d])
        scores = products
        if kernel.scaled:
            scores = products.to(torch.float32) * self._column_scales[c:d]
            scores *= self._row_scales[a:b, None]
        rows, columns = texts.scales[a:b], visuals.scales[c:d]
        left, right = texts.operand[a:b], visuals.operand[c:d]
        across = DeviceTile(scores, Cells(left, right, rows, columns), visuals.first + c)
        down = DeviceTile(scores.T, Cells(right, left, columns, rows), texts.first + a)
        return [
            side.count(down, kernel.sure, c, d)
            if side.flip
            else side.count(across, kernel.sure, a, b)
            for side in self._sides
        ]


def _is_full(error: RuntimeError) -> bool:
    """Whether it says that there is no memory; only CUDA has an error of its own for it."""
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error)
