"""Vectors at a precision: encoding unit vectors, and the numbers that are scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.precision import INTEGER, PRECISIONS, in_full, precision_of
from cmr.represent.codecs import FLOATS, INTEGERS, Codes
from cmr.represent.unit_vectors import Floats
from cmr.suggestions import suggestion


@dataclass(frozen=True)
class Encoded:
    """Stored vectors. `data` is (n, d) float for fp32 and fp16, else (n, bytes) uint8.

    `scales` is (n,) float32; ones for precisions without a scale.
    """

    precision: str
    dim: int
    data: npt.NDArray[np.generic]
    scales: Floats

    def __len__(self) -> int:
        return len(self.data)

    def rows(self, index: slice | npt.NDArray[np.int64]) -> Encoded:
        """A selection of the vectors."""
        return Encoded(self.precision, self.dim, self.data[index], self.scales[index])


def check_precision(name: str) -> str:
    """`name` in full, if there is such a precision. Raises CmrError otherwise."""
    name = in_full(name)
    if name not in PRECISIONS:
        there = ", ".join(PRECISIONS)
        raise CmrError(
            f"unknown precision {name!r}; there are {there}{suggestion(name, PRECISIONS)}"
        )
    return name


def encode(vectors: Floats, precision: str) -> Encoded:
    """Encode unit vectors, (n, d) float32, at a precision."""
    row, dim = precision_of(precision), vectors.shape[1]
    if not row.is_integer:
        return Encoded(precision, dim, *FLOATS[precision].encode(vectors, row))
    codes, scales = INTEGERS[precision].encode(vectors, row)
    return packed(codes, precision, scales)


def packed(codes: Codes, precision: str, scales: Floats) -> Encoded:
    """Integer codes, (n, d) int8 within the precision's range, as they are stored."""
    return Encoded(precision, codes.shape[1], INTEGERS[precision].pack(codes), scales)


def to_integers(encoded: Encoded) -> Codes:
    """The (n, d) int8 numbers that integer precisions are scored with; b1 gives -1 and 1.

    The dot product of two b1 vectors is then d - 2 * Hamming. Raises KeyError for floats.
    """
    codec = INTEGERS[encoded.precision]
    return codec.read(encoded.data.view(np.uint8), encoded.dim)


def to_floats(encoded: Encoded) -> Floats:
    """The (n, d) float32 numbers that float precisions are scored with; the cast is exact.

    Raises KeyError for integer precisions.
    """
    row = precision_of(encoded.precision)
    return FLOATS[encoded.precision].read(encoded.data, encoded.scales, row)


def decode(encoded: Encoded) -> Floats:
    """The decoded (n, d) float32 vectors: code x scale; a b1 bit is -1 or 1."""
    if encoded.precision in INTEGER:
        return to_integers(encoded).astype(np.float32) * encoded.scales[:, None]
    return to_floats(encoded)
