"""Scores that float32 leaves in doubt on a device, settled there in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cmr.score.judgments import Indices
from cmr.score.tally import Tally

Scales = npt.NDArray[np.float32]

# Pairs of vectors that are held in float64 at a time.
GROUP = 16_384


@dataclass(frozen=True)
class Cells:
    """Queries and items as they are multiplied, (n, d) and (m, d), on the device.

    Scales are on the CPU; they are empty where a product is the score.
    """

    queries: torch.Tensor
    items: torch.Tensor
    query_scales: Scales
    item_scales: Scales

    def exact(self, query: torch.Tensor, item: torch.Tensor) -> npt.NDArray[np.float64]:
        """The exact scores of some cells, (cells,)."""
        found = self._dots(query, item)
        if not len(self.query_scales):
            return found
        i, j = query.cpu().numpy(), item.cpu().numpy()
        # In the order of the CPU's kernel; a product of three such numbers is the same in any.
        return np.asarray(found * self.item_scales[j] * self.query_scales[i])

    def _dots(self, query: torch.Tensor, item: torch.Tensor) -> npt.NDArray[np.float64]:
        """Float64 sums, exact of codes; on the device if it has that type, as Apple's have not."""
        parts = [np.zeros(0)]
        for at in range(0, len(query), GROUP):
            left = self.queries[query[at : at + GROUP]]
            right = self.items[item[at : at + GROUP]]
            if left.device.type == "mps":
                left, right = left.cpu(), right.cpu()
            parts.append((left.double() * right.double()).sum(1).cpu().numpy())
        return np.concatenate(parts)


def settle(
    tally: Tally, pairs: Indices, where: Indices, values: npt.NDArray[np.float64]
) -> tuple[Indices, Indices]:
    """How many of `values` are above each of `pairs`, and tied with it, (pairs,) each.

    `where`: the place in `pairs` of the pair that a value is compared with.
    """
    high, low = tally.bounds.high[pairs][where], tally.bounds.low[pairs][where]
    level = (values >= low) & (values <= high)
    more = np.bincount(where, values > high, len(pairs)).astype(np.int64)
    return more, np.bincount(where, level, len(pairs)).astype(np.int64)
