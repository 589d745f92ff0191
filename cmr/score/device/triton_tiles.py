"""Two blocks counted inside their product, on CUDA: launches, and what they leave in doubt."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cmr.errors import CmrError
from cmr.progressbar import Advance
from cmr.score.blocks import FULL, Block
from cmr.score.device.rechecks import Cells, settle
from cmr.score.device.regions import Regions
from cmr.score.device.triton_kernel import LaunchQueries, launch
from cmr.score.kernels import Kernel
from cmr.score.plan import Plan
from cmr.score.pools import Pools
from cmr.score.tally import Tally

# Scores of a launch: some hundredths of a second, so that progress moves and Ctrl-C is heard.
LAUNCH = 2**34
# Scores in doubt that a launch and a direction may leave; 8 bytes each.
DOUBTS = 2**22


def count_blocks_fused(
    texts: Block,
    visuals: Block,
    tallies: dict[str, Tally],
    pools: Pools | None,
    plan: Plan,
    progress: Advance,
) -> None:
    """Score two blocks on their device and count them there; without drawn pools."""
    assert pools is None
    Launches(texts, visuals, tallies, plan.kernel, progress).count(0, len(texts), 0, len(visuals))


class Launches(Regions):
    """Launches over two blocks, smaller ones where too many scores are in doubt."""

    def __init__(
        self,
        texts: Block,
        visuals: Block,
        tallies: dict[str, Tally],
        kernel: Kernel,
        progress: Advance,
    ) -> None:
        super().__init__(LAUNCH, progress)
        self._texts, self._visuals, self._kernel = texts, visuals, kernel
        self._scales = [_on_device(block.scales, block) for block in (texts, visuals)]
        self._t2v = _Direction(tallies["t2v"], texts) if "t2v" in tallies else None
        self._v2t = _Direction(tallies["v2t"], visuals) if "v2t" in tallies else None

    def fits(self, a: int, b: int, c: int, d: int) -> bool:
        """Count a piece of the blocks, or none of it if its doubts are too many to list."""
        texts, visuals = self._texts.operand[a:b], self._visuals.operand[c:d]
        scales = None
        if self._kernel.scaled:
            scales = self._scales[0][a:b], self._scales[1][c:d]
        try:
            t2v = self._t2v.part(a, b) if self._t2v else None
            v2t = self._v2t.part(c, d) if self._v2t else None
        except torch.OutOfMemoryError:
            # A smaller piece would need as much.
            raise CmrError(FULL) from None
        launch(texts, visuals, scales, t2v, v2t, self._kernel.sure)
        for part in (t2v, v2t):
            if part and int(part.found) > len(part.doubts):
                self.limit = (b - a) * (d - c) // 2
                return False
        rows, columns = self._texts.scales[a:b], self._visuals.scales[c:d]
        if self._t2v and t2v:
            self._t2v.add(t2v, a, Cells(texts, visuals, rows, columns))
        if self._v2t and v2t:
            self._v2t.add(v2t, c, Cells(visuals, texts, columns, rows))
        return True


class _Direction:
    """A block's queries in one direction: their bounds on the device."""

    def __init__(self, tally: Tally, queries: Block) -> None:
        self._tally, self._first = tally, queries.first
        start = tally.judged.start[queries.first : queries.last + 1]
        pairs, bounds = slice(start[0], start[-1]), tally.bounds
        self._pairs = np.arange(start[0], start[-1])
        self._start = _on_device(start - start[0], queries)
        self._high = _on_device(bounds.fast_high[pairs], queries)
        self._low = _on_device(bounds.fast_low[pairs], queries)
        lowest = np.full(len(queries), np.inf, dtype=np.float32)
        np.minimum.at(lowest, tally.judged.query[pairs] - queries.first, bounds.fast_low[pairs])
        self._lowest = _on_device(lowest, queries)

    def part(self, first: int, last: int) -> LaunchQueries:
        """Queries first:last of the block, nothing found yet."""
        device = self._high.device
        more, tied = torch.zeros((2, len(self._high)), dtype=torch.int32, device=device)
        return LaunchQueries(
            self._start[first : last + 1],
            self._lowest[first:last],
            self._high,
            self._low,
            more,
            tied,
            torch.empty((DOUBTS, 2), dtype=torch.int32, device=device),
            torch.zeros(1, dtype=torch.int64, device=device),
        )

    def add(self, part: LaunchQueries, first: int, cells: Cells) -> None:
        """Add what a launch found of queries from `first` on, whose vectors are in `cells`."""
        tally, pairs = self._tally, self._pairs
        doubts = part.doubts[: int(part.found)].long()
        pair = doubts[:, 0].cpu().numpy()
        query = tally.judged.query[pairs[pair]] - self._first - first
        values = cells.exact(torch.from_numpy(query).to(doubts.device), doubts[:, 1])
        more, tied = settle(tally, pairs, pair, values)
        tally.more[pairs] += more + part.more.cpu().numpy()
        tally.tied[pairs] += tied + part.tied.cpu().numpy()


def _on_device(array: npt.NDArray[Any], block: Block) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(block.operand.device)
