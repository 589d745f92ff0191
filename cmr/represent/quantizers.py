"""Quantisers: what is done to unit vectors before and while they are coded.

- absmax: one scale a vector, its largest coordinate, as in `precisions.encode`.
- calibrated: a range a dimension, from its smallest to its largest value in a calibration set, cut
  into equal steps. As `quantize_embeddings` of sentence-transformers does it, but for two things:
  it cuts the fraction off, here codes are rounded; it lets what lies beyond the range wrap around,
  here it gets the last code.
- rotated: a seeded random rotation, the same for texts and visuals, then absmax. It keeps every dot
  product and spreads large coordinates over all of them: the first step of RaBitQ (Gao and Long,
  2024) and TurboQuant (Zandieh et al., 2025).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.represent.dims import orthonormal
from cmr.represent.precisions import (
    EIGHTS,
    INTEGER,
    Encoded,
    encode,
    pack_nibbles,
    to_floats,
    to_integers,
)
from cmr.represent.unit_vectors import Floats

ABSMAX, CALIBRATED, ROTATED = "absmax", "calibrated", "rotated"
QUANTIZERS = (ABSMAX, CALIBRATED, ROTATED)
# Half of the codes of each precision: they go from -half to half - 1.
_HALF = {"int8": 128, "int4": 8, "b1": 1}


@dataclass(frozen=True)
class Ranges:
    """Smallest and largest value of every dimension in a calibration set, (d,) float32 each."""

    low: Floats
    high: Floats

    def steps(self, precision: str) -> Floats:
        """Distance of two neighbouring codes, (d,); 1 where a dimension has one value alone."""
        steps = (self.high - self.low) / np.float32(2 * _HALF[precision] - 1)
        return np.asarray(np.where(steps > 0, steps, 1), dtype=np.float32)


@dataclass(frozen=True)
class Quantizer:
    """One way of coding vectors of one dimension, and of reading the codes.

    `rotation`: (d, d), for rotated. `ranges`: for calibrated.
    """

    name: str
    rotation: Floats | None = None
    ranges: Ranges | None = None

    def encode(self, vectors: Floats, precision: str) -> Encoded:
        """Code (n, d) unit vectors."""
        if self.rotation is not None:
            return encode(self.turn(vectors), precision)
        if self.ranges is not None:
            return _encode_ranges(vectors, precision, self.ranges)
        return encode(vectors, precision)

    def turn(self, vectors: Floats) -> Floats:
        """Vectors as they are coded: rotated, or as they are."""
        if self.rotation is None:
            return vectors
        return np.asarray(vectors @ self.rotation, dtype=np.float32)

    def decode(self, encoded: Encoded) -> Floats:
        """What the codes stand for, (n, d) float32, comparable with `turn` of other vectors.

        Bits of absmax and rotated are ±1/√d, so that they make a unit vector; calibrated ones the
        middles of both halves of the range.
        """
        if encoded.precision not in INTEGER:
            return to_floats(encoded)
        codes: Floats = to_integers(encoded).astype(np.float32)
        if encoded.precision != "b1" and self.ranges is None:
            return codes * encoded.scales[:, None]
        factor, offset = self.affine(encoded.precision, encoded.dim)
        values = codes * factor
        return np.asarray(values if offset is None else values + offset, dtype=np.float32)

    def affine(self, precision: str, dim: int) -> tuple[Floats, Floats | None]:
        """Factor and offset of every dimension, (d,) each, that codes are read with.

        A code stands for code x factor + offset, times the vector's scale where there is no range.
        """
        ones = np.ones(dim, dtype=np.float32)
        if precision not in INTEGER:
            return ones, None
        if self.ranges is None:
            return ones * np.float32(dim**-0.5 if precision == "b1" else 1), None
        low, high = self.ranges.low, self.ranges.high
        if precision == "b1":
            return (high - low) / np.float32(4), (high + low) / np.float32(2)
        steps = self.ranges.steps(precision)
        return steps, low + np.float32(_HALF[precision]) * steps


def check_quantizer(name: str) -> str:
    """`name`, if there is such a quantiser. Raises CmrError otherwise."""
    if name not in QUANTIZERS:
        raise CmrError(f"unknown quantizer {name!r}; there are {', '.join(QUANTIZERS)}")
    return name


def quantizers_for(precision: str, wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` that a precision has; absmax where it has none of them.

    Floats have no quantiser, and eight-bit floats, whose steps grow with the value, no ranges.
    """
    has: Sequence[str] = (ABSMAX,)
    if precision in INTEGER:
        has = QUANTIZERS
    elif precision in EIGHTS:
        has = (ABSMAX, ROTATED)
    return [name for name in wanted if name in has] or [ABSMAX]


def from_row(row: Mapping[str, Any]) -> Quantizer:
    """The quantiser of a stored set, from its row of `embedding_sets`."""
    name = row["quantizer"] or ABSMAX
    if name == ROTATED:
        return Quantizer(name, rotation=rotation(row["dim"], row["seed"]))
    if name == CALIBRATED:
        low, high = (np.array(row[f"range_{end}"], dtype=np.float32) for end in ("low", "high"))
        return Quantizer(name, ranges=Ranges(low, high))
    return Quantizer(name)


def has_quantizer(precision: str) -> bool:
    """Whether a precision's numbers are codes that a quantiser makes."""
    return precision in INTEGER or precision in EIGHTS


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
    half = _HALF[precision]
    # np.rint rounds halves to even.
    places = np.rint((vectors - ranges.low) / ranges.steps(precision))
    codes = (np.clip(places, 0, 2 * half - 1) - half).astype(np.int8)
    ones = np.ones(len(vectors), dtype=np.float32)
    data: npt.NDArray[np.uint8]
    if precision == "int8":
        data = codes.view(np.uint8)
    elif precision == "int4":
        data = pack_nibbles(codes)
    else:
        data = np.packbits(codes >= 0, axis=1)
    return Encoded(precision, vectors.shape[1], data, ones)
