"""Sides that are scored as what their codes stand for.

So are a gallery's codes where queries were not coded (asymmetric scoring), and the codes of both
sides where something was subtracted before coding: (s c + m)·(s' c' + m') is more than the product
of codes. They are read as floats a block at a time and multiplied in float32; scores in doubt are
settled in float64, as between floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cmr.precision import FP32, precision_of
from cmr.represent.coded_sets import asking, compares_codes, from_row
from cmr.represent.precisions import Encoded, to_floats
from cmr.represent.unit_vectors import Floats

if TYPE_CHECKING:
    from cmr.score.blocks import Vectors
    from cmr.score.plan import Plan
    from cmr.warehouse.vectors import StoredVectors

Row = dict[str, Any]

# Vectors that are read at a time to find the longest.
GROUP = 16_384


class AsFloats:
    """A side whose blocks are read as fp32 by a function of the stored ones."""

    def __init__(
        self, vectors: Vectors, read: Callable[[Encoded], Floats], unit: bool = False
    ) -> None:
        """`read`: (n, d) float32 of a block. `unit`: whether they are unit vectors."""
        self._vectors, self._read, self._unit = vectors, read, unit

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
        if self._unit:
            return 1.0
        longest = 0.0
        for _, block in self.blocks(GROUP):
            lengths = np.linalg.norm(block.data.astype(np.float64), axis=1)
            longest = max(longest, float(lengths.max(initial=0.0)))
        return longest


def as_compared(vectors: StoredVectors, row: Row, decoded: bool = False) -> Vectors:
    """A set's vectors as they are compared: as they are stored, or as what their codes stand for.

    `row`: its row of `embedding_sets`. `decoded`: whatever its quantiser.
    """
    if compares_codes(row) and not decoded:
        return vectors
    return AsFloats(vectors, from_row(row, vectors.codebook()).decode)


def uncoded(queries: StoredVectors, coded: Row, side: StoredVectors | None = None) -> AsFloats:
    """fp32 queries as they are multiplied with what the codes of the set `coded` stand for.

    `side`: all vectors of the side that the queries are of, by which they may be centred; None
    where `queries` are all.
    """

    def blocks() -> Iterator[Floats]:
        return (to_floats(block) for _, block in (side or queries).blocks(GROUP))

    asked = asking(coded, blocks, queries.codebook(coded))
    precision = coded["precision"]
    shifted = asked.centre is not None and precision_of(precision).is_binary
    return AsFloats(queries, lambda block: asked.ask(to_floats(block), precision), not shifted)


def largest_product(*sides: Vectors) -> float:
    """The most that a product of vectors of both sides can be; of stored unit vectors 1."""
    lengths = [max(1.0, side.longest()) for side in sides if isinstance(side, AsFloats)]
    return math.prod(lengths)


def plan_for(plan: Plan, longest: float) -> Plan:
    """A plan of fp32 whose bound on errors holds for products of vectors up to that size."""
    kernel = replace(plan.kernel, error=plan.kernel.error * max(1.0, longest))
    return replace(plan, kernel=kernel)
