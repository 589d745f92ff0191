"""Precision codecs: what a unit vector becomes on disk, and the numbers that are scored.

Integer codes are symmetric around zero with one scale a vector; half types have none. The eight-bit
floats e4m3 and e5m2 (Micikevicius et al., FP8 formats for deep learning, 2022) have one that is a
power of two, so that it costs no digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.represent.unit_vectors import Floats

Bytes = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int8]

INTEGER = ("int8", "int4", "b1")
EIGHTS = ("fp8_e4m3", "fp8_e5m2")
FLOAT = ("fp32", "fp16", "bf16", *EIGHTS)
PRECISIONS = FLOAT + INTEGER
# What people call the format that is used for weights and activations.
ALIASES = {"fp8": "fp8_e4m3"}
# The largest number of each eight-bit float.
_LARGEST = {"fp8_e4m3": 448.0, "fp8_e5m2": 57344.0}
# By how much a vector and another may grow, multiplied, when they are rounded to it.
EIGHT_GROWTH = 1.3


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
    name = ALIASES.get(name, name)
    if name not in PRECISIONS:
        raise CmrError(f"unknown precision {name!r}; there are {', '.join(PRECISIONS)}")
    return name


def encode(vectors: Floats, precision: str) -> Encoded:
    """Code unit vectors, (n, d) float32, at a precision."""
    dim = vectors.shape[1]
    scales = np.ones(len(vectors), dtype=np.float32)
    data: npt.NDArray[np.generic]
    if precision == "fp32":
        data = vectors
    elif precision == "fp16":
        data = vectors.astype(np.float16)
    elif precision == "bf16":
        data = _bfloat16(vectors).view(np.uint8)
    elif precision in EIGHTS:
        data, scales = _eights(vectors, precision)
    elif precision == "int8":
        codes, scales = symmetric(vectors, 127)
        data = codes.view(np.uint8)
    elif precision == "int4":
        codes, scales = symmetric(vectors, 7)
        data = pack_nibbles(codes)
    elif precision == "b1":
        data = np.packbits(vectors > 0, axis=1)
    else:
        raise ValueError(precision)
    return Encoded(precision, dim, data, scales)


def to_integers(encoded: Encoded) -> Codes:
    """The (n, d) int8 numbers that integer precisions are scored with; b1 gives -1 and 1.

    The dot product of two b1 vectors is then d - 2 * Hamming.
    """
    data = encoded.data
    if encoded.precision == "int8":
        return data.view(np.int8)
    if encoded.precision == "int4":
        return _unpack_nibbles(data.view(np.uint8), encoded.dim)
    if encoded.precision == "b1":
        bits = np.unpackbits(data.view(np.uint8), axis=1, count=encoded.dim)
        return (bits.view(np.int8) << 1) - np.int8(1)
    raise ValueError(encoded.precision)


def to_floats(encoded: Encoded) -> Floats:
    """The (n, d) float32 numbers that float precisions are scored with; the cast is exact."""
    if encoded.precision == "bf16":
        half = np.ascontiguousarray(encoded.data).view(np.uint16)
        return (half.astype(np.uint32) << 16).view(np.float32)
    if encoded.precision in EIGHTS:
        table = _eight_values(encoded.precision)
        return np.asarray(table[encoded.data.view(np.uint8)] * encoded.scales[:, None])
    if encoded.precision in ("fp32", "fp16"):
        return np.asarray(encoded.data, dtype=np.float32)
    raise ValueError(encoded.precision)


def decode(encoded: Encoded) -> Floats:
    """The (n, d) float32 vectors that the codes stand for: code x scale; a b1 bit is -1 or 1."""
    if encoded.precision in INTEGER:
        return to_integers(encoded).astype(np.float32) * encoded.scales[:, None]
    return to_floats(encoded)


def symmetric(vectors: Floats, limit: int) -> tuple[Codes, Floats]:
    """Codes from -limit to limit, (n, d), and a scale a vector, (n,): max |x| / limit."""
    scales = (np.abs(vectors).max(axis=1) / np.float32(limit)).astype(np.float32)
    # np.rint rounds halves to even; the clip only meets the last bit of the division.
    codes = np.clip(np.rint(vectors / scales[:, None]), -limit, limit)
    return codes.astype(np.int8), scales


def _bfloat16(vectors: Floats) -> npt.NDArray[np.uint16]:
    """Round float32 to its upper 16 bits, halves to even; unit vectors hold no NaN."""
    bits = np.ascontiguousarray(vectors).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)
    return (rounded >> 16).astype(np.uint16)


def _eights(vectors: Floats, precision: str) -> tuple[Bytes, Floats]:
    """Eight-bit floats of x / scale, halves to even; the largest |x| comes near the largest one."""
    import torch

    # m · 2^e with 0.5 <= m < 1, so the scale 2^e is at least the quotient.
    _, exponent = np.frexp(np.abs(vectors).max(axis=1) / _LARGEST[precision])
    scales = np.ldexp(np.float32(1), exponent).astype(np.float32)
    scaled = torch.from_numpy(np.ascontiguousarray(vectors / scales[:, None]))
    return scaled.to(_eight_type(precision)).view(torch.uint8).numpy(), scales


@cache
def _eight_values(precision: str) -> Floats:
    """The number that each of the 256 bytes stands for."""
    import torch

    every = torch.arange(256, dtype=torch.uint8)
    return np.asarray(every.view(_eight_type(precision)).float().numpy())


def _eight_type(precision: str) -> Any:
    import torch

    return {"fp8_e4m3": torch.float8_e4m3fn, "fp8_e5m2": torch.float8_e5m2}[precision]


def pack_nibbles(codes: Codes) -> Bytes:
    """Two codes a byte, the even dimension in the low half, two's complement."""
    if codes.shape[1] % 2:
        codes = np.pad(codes, ((0, 0), (0, 1)))
    low, high = codes[:, 0::2].view(np.uint8), codes[:, 1::2].view(np.uint8)
    return np.asarray((low & 0x0F) | (high << 4), dtype=np.uint8)


def _unpack_nibbles(data: Bytes, dim: int) -> Codes:
    signed = data.view(np.int8)
    codes = np.empty((len(data), data.shape[1] * 2), dtype=np.int8)
    # An arithmetic shift back from the top of the byte extends the sign.
    codes[:, 0::2] = (signed << 4) >> 4
    codes[:, 1::2] = signed >> 4
    return codes[:, :dim]
