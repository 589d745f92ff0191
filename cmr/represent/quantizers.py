"""Quantisers: what is done to unit vectors before and while they are coded.

A quantiser may first rotate the vectors by a matrix and subtract a centre. Its codes either divide
a range of each dimension or, without ranges, have one scale per vector, as in `precisions.encode`;
or they name the centroids of a codebook.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cmr.precision import precision_of
from cmr.represent.dims import orthonormal
from cmr.represent.precisions import Encoded, encode, packed, to_floats, to_integers
from cmr.represent.product_codes import Codebook
from cmr.represent.unit_vectors import Floats

# Bytes of values held while their medians are computed.
MEDIAN_ROOM = 256 * 2**20


@dataclass(frozen=True)
class Ranges:
    """Smallest and largest value of every dimension that has a code, (d,) float32 each."""

    low: Floats
    high: Floats

    def steps(self, precision: str) -> Floats:
        """Distance between neighbouring codes, (d,); 1 where a dimension has only one value."""
        last = 2 * precision_of(precision).half - 1
        steps = (self.high - self.low) / np.float32(last)
        return np.asarray(np.where(steps > 0, steps, 1), dtype=np.float32)

    def affine(self, precision: str) -> tuple[Floats, Floats]:
        """Factor and offset, (d,) each: a code decodes to code x factor + offset."""
        row = precision_of(precision)
        if row.is_binary:
            return (self.high - self.low) / np.float32(4), self.middle
        steps = self.steps(precision)
        return steps, self.low + np.float32(row.half) * steps

    @property
    def middle(self) -> Floats:
        """The middle of the range, (d,)."""
        return (self.high + self.low) / np.float32(2)


@dataclass(frozen=True)
class Quantizer:
    """One way of coding vectors of one dimension, and of decoding them.

    `rotation`: (d, d), multiplied with the vectors first. `centre`: (d,), subtracted next.
    `ranges`: of the resulting values. `codebook`: that codes name the centroids of.
    """

    name: str
    rotation: Floats | None = None
    ranges: Ranges | None = None
    centre: Floats | None = None
    codebook: Codebook | None = None

    def encode(self, vectors: Floats, precision: str) -> Encoded:
        """Encode (n, d) unit vectors."""
        shifted = self.shift(self.turn(vectors))
        if self.codebook is not None:
            ones = np.ones(len(vectors), dtype=np.float32)
            codes = self.codebook.encode(shifted)
            return Encoded(precision, vectors.shape[1], codes, ones)
        if self.ranges is not None:
            return _encode_ranges(shifted, precision, self.ranges)
        return encode(shifted, precision)

    def turn(self, vectors: Floats) -> Floats:
        """Rotated vectors, or the vectors unchanged if there is no rotation."""
        if self.rotation is None:
            return vectors
        return np.asarray(vectors @ self.rotation, dtype=np.float32)

    def shift(self, turned: Floats) -> Floats:
        """Rotated vectors minus the centre: the values that are coded."""
        return turned if self.centre is None else turned - self.centre

    def ask(self, vectors: Floats, precision: str) -> Floats:
        """Uncoded queries in the form that is multiplied with `decode` of such codes.

        Bits say on which side of the centre a value lies, so the centre is subtracted from queries,
        too.
        """
        turned = self.turn(vectors)
        return self.shift(turned) if precision_of(precision).is_binary else turned

    def decode(self, encoded: Encoded) -> Floats:
        """The decoded codes, (n, d) float32, comparable with `ask` of other vectors.

        Bits without ranges are ±1/√d, which makes a unit vector; with a centre, the direction from
        it. Bits with ranges are the midpoints of the two halves of the range.
        """
        row = precision_of(encoded.precision)
        if self.codebook is not None:
            return self.codebook.decode(encoded.data.view(np.uint8))
        factor, offset = self.affine(encoded.precision, encoded.dim)
        if not row.is_integer:
            values = to_floats(encoded)
        elif row.has_scale and self.ranges is None:
            values = to_integers(encoded).astype(np.float32) * encoded.scales[:, None]
        else:
            values = to_integers(encoded).astype(np.float32) * factor
        return np.asarray(values if offset is None else values + offset, dtype=np.float32)

    def affine(self, precision: str, dim: int) -> tuple[Floats, Floats | None]:
        """Factor and offset of every dimension, (d,) each, for decoding.

        A code decodes to code x factor + offset; without a range, code x factor is also multiplied
        by the vector's scale.
        """
        row = precision_of(precision)
        factor, offset = np.ones(dim, dtype=np.float32), None
        if row.is_integer and self.ranges is None:
            factor *= np.float32(dim**-0.5 if row.is_binary else 1)
        elif row.is_integer and self.ranges is not None:
            factor, offset = self.ranges.affine(precision)
        if self.centre is None or row.is_binary:
            return factor, offset
        return factor, self.centre if offset is None else offset + self.centre


def rotation(dim: int, seed: int) -> Floats:
    """A random rotation (or reflection), uniformly distributed, (dim, dim) float32."""
    return np.ascontiguousarray(orthonormal(dim, dim, seed), dtype=np.float32)


def ranges_of(blocks: Iterable[Floats], dim: int) -> Ranges:
    """The ranges of a calibration set, given block by block."""
    low = np.full(dim, np.inf, dtype=np.float32)
    high = np.full(dim, -np.inf, dtype=np.float32)
    for block in blocks:
        np.minimum(low, block.min(axis=0), out=low)
        np.maximum(high, block.max(axis=0), out=high)
    return Ranges(low, high)


def mean_of(blocks: Iterable[Floats], dim: int) -> Floats:
    """The mean of vectors given block by block, (dim,) float32, summed in float64."""
    count, total = 0, np.zeros(dim)
    for block in blocks:
        count += len(block)
        total += block.sum(axis=0, dtype=np.float64)
    return (total / max(1, count)).astype(np.float32)


def median_of(blocks: Iterable[Floats], dim: int, room: int = MEDIAN_ROOM) -> Floats:
    """The exact median of each dimension, (dim,) float32, of vectors given block by block.

    `blocks` is read once to count the vectors, and once more for every group of dimensions whose
    values fit into `room` bytes: for 1,000,000 vectors, 67 dimensions at a time. Up to as much
    again is used while the blocks are joined.
    """
    rows = sum(len(block) for block in blocks)
    wide = max(1, room // (4 * max(1, rows)))
    found = np.zeros(dim, dtype=np.float32)
    for first in range(0, dim if rows else 0, wide):
        part = slice(first, min(dim, first + wide))
        held = np.concatenate([block[:, part] for block in blocks])
        found[part] = np.median(held, axis=0, overwrite_input=True)
    return found


def _encode_ranges(vectors: Floats, precision: str, ranges: Ranges) -> Encoded:
    half = precision_of(precision).half
    # np.rint rounds halves to even.
    places = np.rint((vectors - ranges.low) / ranges.steps(precision))
    codes = (np.clip(places, 0, 2 * half - 1) - half).astype(np.int8)
    return packed(codes, precision, np.ones(len(vectors), dtype=np.float32))
