"""Vectors that are copies of others, found without comparing every pair.

Random projections put every vector into a cell of a grid. A copy is at most RADIUS away, so it lies
in the same cell or, near its edge, in the next one: the known vectors are entered in all cells that
they reach, and each further vector is looked up in its own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cmr.represent.unit_vectors import Floats

# Two unit vectors that are no further apart are copies: float16 rounds by less.
RADIUS = 1e-3
# More projections leave fewer pairs to compare, and each adds cells at whose edge a vector lies.
PROJECTIONS, WIDTH, SEED = 6, 16 * RADIUS, 0
# Pairs that are compared at a time.
PAIRS = 65_536

Indices = npt.NDArray[np.int64]


class Copies:
    """Known unit vectors, (n, d), and which of further ones are copies of them."""

    def __init__(self, known: Floats) -> None:
        """`known`: the vectors that copies are looked for of."""
        self._known = known
        generator = np.random.default_rng(SEED)
        bases = generator.standard_normal((known.shape[1], PROJECTIONS))
        self._bases = np.linalg.qr(bases)[0] if known.shape[1] >= PROJECTIONS else bases
        mixed: Indices = np.asarray(generator.integers(1, 2**62, self._bases.shape[1]))
        self._mixed = mixed | 1
        places = self._places(known)
        # Rounding of float32 inputs, and of the projection.
        reach = RADIUS * 1.01 * max(1.0, float(np.linalg.norm(self._bases, axis=0).max()))
        low, high = _cells(places - reach), _cells(places + reach)
        row: Indices = np.arange(len(known))
        key: Indices = np.zeros(len(known), dtype=np.int64)
        for axis in range(places.shape[1]):
            both = np.flatnonzero(high[row, axis] > low[row, axis])
            with np.errstate(over="ignore"):
                key = np.concatenate([
                    key + low[row, axis] * self._mixed[axis],
                    key[both] + high[row[both], axis] * self._mixed[axis],
                ])  # fmt: skip
            row = np.concatenate([row, row[both]])
        order = np.argsort(key, kind="stable")
        self._keys, self._rows = key[order], row[order]

    def of(self, vectors: Floats) -> Indices:
        """(n,) which known vector each unit vector is a copy of, the nearest; -1 for none."""
        found = np.full(len(vectors), -1, dtype=np.int64)
        if not len(self._known):
            return found
        with np.errstate(over="ignore"):
            keys = _cells(self._places(vectors)) @ self._mixed
        first, last = (np.searchsorted(self._keys, keys, side) for side in ("left", "right"))
        some = np.flatnonzero(last > first)
        ends = np.cumsum(last[some] - first[some])
        for at in _slices(ends):
            mine = some[at]
            many = last[mine] - first[mine]
            row = mine.repeat(many)
            start = (first[mine] - (np.cumsum(many) - many)).repeat(many)
            other = self._rows[start + np.arange(len(row))]
            apart = vectors[row].astype(np.float64) - self._known[other]
            far = np.sqrt(np.einsum("ij,ij->i", apart, apart))
            order = np.lexsort((far, row))
            row, other, far = row[order], other[order], far[order]
            nearest = np.r_[True, row[1:] != row[:-1]] & (far <= RADIUS)
            found[row[nearest]] = other[nearest]
        return found

    def _places(self, vectors: Floats) -> npt.NDArray[np.float64]:
        return vectors.astype(np.float64) @ self._bases


def _cells(places: npt.NDArray[np.float64]) -> Indices:
    found: Indices = np.floor(places / WIDTH).astype(np.int64)
    return found


def _slices(ends: Indices) -> list[slice]:
    """Slices of rows with about PAIRS pairs each; `ends`: the pairs up to and with each row."""
    found, at = [], 0
    while at < len(ends):
        before = int(ends[at - 1]) if at else 0
        last = max(at + 1, int(np.searchsorted(ends, before + PAIRS, side="right")))
        found.append(slice(at, last))
        at = last
    return found
