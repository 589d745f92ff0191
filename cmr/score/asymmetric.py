"""Asymmetric scoring: queries that were not coded against a coded gallery.

The gallery's codes are read as what they stand for, a block at a time, and multiplied in float32
with the queries; scores in doubt are settled in float64, as between floats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from cmr.precision import FP32
from cmr.represent.precisions import Encoded
from cmr.represent.unit_vectors import Floats
from cmr.score.blocks import Vectors
from cmr.score.plan import Plan

# Vectors that are read at a time to find the longest.
GROUP = 16_384


class AsFloats:
    """A side whose blocks are read as fp32 by a function of the stored ones."""

    def __init__(self, vectors: Vectors, read: Callable[[Encoded], Floats]) -> None:
        """`read`: (n, d) float32 of a block."""
        self._vectors, self._read = vectors, read

    @property
    def rows(self) -> int:
        """How many vectors there are."""
        return self._vectors.rows

    def blocks(self, rows: int) -> Iterator[tuple[int, Encoded]]:
        """All of them in order; see `Vectors`."""
        for first, block in self._vectors.blocks(rows):
            floats = np.ascontiguousarray(self._read(block))
            ones = np.ones(len(floats), dtype=np.float32)
            yield first, Encoded(FP32, block.dim, floats, ones)

    def longest(self) -> float:
        """Length of the longest vector; codes do not stand for unit vectors."""
        longest = 0.0
        for _, block in self.blocks(GROUP):
            lengths = np.linalg.norm(block.data.astype(np.float64), axis=1)
            longest = max(longest, float(lengths.max(initial=0.0)))
        return longest


def plan_for(plan: Plan, longest: float) -> Plan:
    """A plan of fp32 whose bound on errors holds for vectors up to that length."""
    kernel = replace(plan.kernel, error=plan.kernel.error * max(1.0, longest))
    return replace(plan, kernel=kernel)
