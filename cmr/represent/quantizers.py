"""Quantisers: what is done to unit vectors before and while they are coded.

A quantiser may turn the vectors first, by a matrix; and its codes are either within a range of each
dimension, or, without ranges, of one scale a vector, as in `precisions.encode`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cmr.precision import precision_of
from cmr.represent.dims import orthonormal
from cmr.represent.precisions import Encoded, encode, packed, to_floats, to_integers
from cmr.represent.unit_vectors import Floats


@dataclass(frozen=True)
class Ranges:
    """Smallest and largest value of every dimension that has a code, (d,) float32 each."""

    low: Floats
    high: Floats

    def steps(self, precision: str) -> Floats:
        """Distance of two neighbouring codes, (d,); 1 where a dimension has one value alone."""
        last = 2 * precision_of(precision).half - 1
        steps = (self.high - self.low) / np.float32(last)
        return np.asarray(np.where(steps > 0, steps, 1), dtype=np.float32)


@dataclass(frozen=True)
class Quantizer:
    """One way of coding vectors of one dimension, and of reading the codes.

    `rotation`: (d, d), what vectors are multiplied with first. `ranges`: of what is coded then.
    """

    name: str
    rotation: Floats | None = None
    ranges: Ranges | None = None

    def encode(self, vectors: Floats, precision: str) -> Encoded:
        """Code (n, d) unit vectors."""
        turned = self.turn(vectors)
        if self.ranges is not None:
            return _encode_ranges(turned, precision, self.ranges)
        return encode(turned, precision)

    def turn(self, vectors: Floats) -> Floats:
        """Vectors as they are coded: rotated, or as they are."""
        if self.rotation is None:
            return vectors
        return np.asarray(vectors @ self.rotation, dtype=np.float32)

    def decode(self, encoded: Encoded) -> Floats:
        """What the codes stand for, (n, d) float32, comparable with `turn` of other vectors.

        Bits without ranges are ±1/√d, so that they make a unit vector; those with ranges the
        middles of both halves of the range.
        """
        row = precision_of(encoded.precision)
        if not row.is_integer:
            return to_floats(encoded)
        codes: Floats = to_integers(encoded).astype(np.float32)
        if row.has_scale and self.ranges is None:
            return codes * encoded.scales[:, None]
        factor, offset = self.affine(encoded.precision, encoded.dim)
        values = codes * factor
        return np.asarray(values if offset is None else values + offset, dtype=np.float32)

    def affine(self, precision: str, dim: int) -> tuple[Floats, Floats | None]:
        """Factor and offset of every dimension, (d,) each, that codes are read with.

        A code stands for code x factor + offset, times the vector's scale where there is no range.
        """
        row = precision_of(precision)
        ones = np.ones(dim, dtype=np.float32)
        if not row.is_integer:
            return ones, None
        if self.ranges is None:
            return ones * np.float32(dim**-0.5 if row.is_binary else 1), None
        low, high = self.ranges.low, self.ranges.high
        if row.is_binary:
            return (high - low) / np.float32(4), (high + low) / np.float32(2)
        steps = self.ranges.steps(precision)
        return steps, low + np.float32(row.half) * steps


def rotation(dim: int, seed: int) -> Floats:
    """A random rotation (or reflection), uniform over all of them, (dim, dim) float32."""
    return np.ascontiguousarray(orthonormal(dim, dim, seed), dtype=np.float32)


def ranges_of(blocks: Iterable[Floats], dim: int) -> Ranges:
    """The ranges of a calibration set, given block by block."""
    low = np.full(dim, np.inf, dtype=np.float32)
    high = np.full(dim, -np.inf, dtype=np.float32)
    for block in blocks:
        np.minimum(low, block.min(axis=0), out=low)
        np.maximum(high, block.max(axis=0), out=high)
    return Ranges(low, high)


def _encode_ranges(vectors: Floats, precision: str, ranges: Ranges) -> Encoded:
    half = precision_of(precision).half
    # np.rint rounds halves to even.
    places = np.rint((vectors - ranges.low) / ranges.steps(precision))
    codes = (np.clip(places, 0, 2 * half - 1) - half).astype(np.int8)
    return packed(codes, precision, np.ones(len(vectors), dtype=np.float32))
