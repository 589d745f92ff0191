"""Codecs: the stored bytes of unit vectors at each precision, and the numbers in them.

Integer codes are symmetric around zero with one scale per vector; half types have none. The 8-bit
floats e4m3 and e5m2 (Micikevicius et al., FP8 formats for deep learning, 2022) have a scale that is
a power of two, so that scaling loses no digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.precision import FP32, ROWS, Precision
from cmr.represent.unit_vectors import Floats

# How far the steps of odd codes are stretched beyond those that cut nothing off: the best lies
# within, and the best of these has nearly its cosine.
STRETCHES = tuple(np.geomspace(0.95, 5.0, 24).tolist())
Packed = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int8]
Data = npt.NDArray[np.generic]


@dataclass(frozen=True)
class FloatCodec:
    """The codec of a float precision.

    `encode`: (n, d) float32 to stored data, (n, …), and scales, (n,) float32. `read`: stored data
    and scales to (n, d) float32.
    """

    encode: Callable[[Floats, Precision], tuple[Data, Floats]]
    read: Callable[[Data, Floats, Precision], Floats]


@dataclass(frozen=True)
class IntegerCodec:
    """The codec of an integer precision.

    `encode`: (n, d) float32 to int8 codes, (n, d), and scales, (n,) float32. `pack`: codes to
    stored bytes, (n, bytes). `read`: stored bytes of `dim` values to the int8 numbers, (n, dim),
    that are multiplied.
    """

    encode: Callable[[Floats, Precision], tuple[Codes, Floats]]
    pack: Callable[[Codes], Packed]
    read: Callable[[Packed, int], Codes]


def ones(vectors: npt.NDArray[Any]) -> Floats:
    """The scales of vectors that need none: ones, (n,) float32."""
    return np.ones(len(vectors), dtype=np.float32)


def symmetric(vectors: Floats, precision: Precision) -> tuple[Codes, Floats]:
    """Codes from -limit to limit, (n, d), and a scale per vector, (n,): max |x| / limit.

    The scale of an all-zero vector, such as one at the centre, is 1.
    """
    limit = precision.half - 1
    scales = (np.abs(vectors).max(axis=1) / np.float32(limit)).astype(np.float32)
    scales[scales == 0] = 1
    # np.rint rounds halves to even; the clip only catches rounding errors of the division.
    codes = np.clip(np.rint(vectors / scales[:, None]), -limit, limit)
    return codes.astype(np.int8), scales


def odd(vectors: Floats, precision: Precision) -> tuple[Codes, Floats]:
    """Odd codes, (n, d), that point along each vector, and the scale that keeps its length there.

    The codes x of extended RaBitQ (Gao et al., Practical and asymptotically optimal quantization
    of high-dimensional vectors, 2024, section 3): of |v| t, cut off to whole steps, for the t with
    the largest cosine of x and v. The scale |v|² / (x v) makes x scale and v have the same product
    with v. Of a vector that is all zeros it is 0.
    """
    most = np.float32(precision.half // 2)
    sizes, signs = np.abs(vectors), np.where(vectors > 0, 1, -1).astype(np.int8)
    lengths = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    largest = sizes.max(axis=1, keepdims=True)
    steps = np.divide(most + 1, largest, out=np.zeros_like(largest), where=largest > 0)
    best, codes = np.full(len(vectors), -1.0), np.ones(vectors.shape, dtype=np.int8)
    products = np.zeros(len(vectors))
    for stretch in STRETCHES if most else STRETCHES[:1]:
        found = 2 * np.minimum(np.floor(sizes * (steps * np.float32(stretch))), most) + 1
        along = np.einsum("ij,ij->i", found, sizes, dtype=np.float64)
        cosine = along / np.sqrt(np.einsum("ij,ij->i", found, found, dtype=np.float64))
        better = cosine > best
        best[better], products[better] = cosine[better], along[better]
        codes[better] = found[better].astype(np.int8)
    scales = np.divide(lengths, products, out=np.zeros_like(lengths), where=products > 0)
    return codes * signs, scales.astype(np.float32)


def _pack_odd(bits: int) -> Callable[[Codes], Packed]:
    """`bits` a code, the highest first, one code after the other; a code 2 u + 1 - 2^bits is u."""

    def pack(codes: Codes) -> Packed:
        places = ((codes.astype(np.int16) + (2**bits - 1)) >> 1).astype(np.uint8)
        found = (places[:, :, None] >> np.arange(bits - 1, -1, -1, dtype=np.uint8)) & 1
        return np.packbits(found.reshape(len(codes), -1), axis=1)

    return pack


def _unpack_odd(bits: int) -> Callable[[Packed, int], Codes]:
    def read(data: Packed, dim: int) -> Codes:
        found = np.unpackbits(data, axis=1, count=dim * bits).reshape(len(data), dim, bits)
        weights = (2 ** np.arange(bits - 1, -1, -1)).astype(np.uint8)
        places = (found * weights).sum(axis=2, dtype=np.int16)
        return np.asarray(2 * places + 1 - 2**bits, dtype=np.int8)

    return read


def _signs(vectors: Floats, precision: Precision) -> tuple[Codes, Floats]:
    """Codes 0 above zero, -1 elsewhere: the upper and lower half of a range."""
    return (vectors > 0).astype(np.int8) - np.int8(1), ones(vectors)


def _pack_nibbles(codes: Codes) -> Packed:
    """Two codes per byte, the even dimension in the low half, two's complement."""
    if codes.shape[1] % 2:
        codes = np.pad(codes, ((0, 0), (0, 1)))
    low, high = codes[:, 0::2].view(np.uint8), codes[:, 1::2].view(np.uint8)
    return np.asarray((low & 0x0F) | (high << 4), dtype=np.uint8)


def _unpack_nibbles(data: Packed, dim: int) -> Codes:
    signed = data.view(np.int8)
    codes = np.empty((len(data), data.shape[1] * 2), dtype=np.int8)
    # An arithmetic shift down from the top of the byte extends the sign.
    codes[:, 0::2] = (signed << 4) >> 4
    codes[:, 1::2] = signed >> 4
    return codes[:, :dim]


def _pack_bits(codes: Codes) -> Packed:
    """One bit per code, set if it is not negative, the first dimension in the highest bit."""
    return np.packbits(codes >= 0, axis=1)


def _unpack_bits(data: Packed, dim: int) -> Codes:
    """-1 and 1, so that the dot product of two vectors is d - 2 * Hamming."""
    bits = np.unpackbits(data, axis=1, count=dim)
    return np.asarray((bits.view(np.int8) << 1) - np.int8(1))


def _cast(vectors: Floats, precision: Precision) -> tuple[Data, Floats]:
    """NumPy's own conversion, to nearest with halves to even; float32 is unchanged."""
    return vectors.astype(precision.stored, copy=False), ones(vectors)


def _plain(data: Data, scales: Floats, precision: Precision) -> Floats:
    return np.asarray(data, dtype=np.float32)


def _upper_half(vectors: Floats, precision: Precision) -> tuple[Data, Floats]:
    """Round float32 to its upper 16 bits, halves to even; unit vectors hold no NaN."""
    bits = np.ascontiguousarray(vectors).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)
    return (rounded >> 16).astype(np.uint16).view(np.uint8), ones(vectors)


def _from_upper_half(data: Data, scales: Floats, precision: Precision) -> Floats:
    half = np.ascontiguousarray(data).view(np.uint16)
    return (half.astype(np.uint32) << 16).view(np.float32)


def _eights(vectors: Floats, precision: Precision) -> tuple[Data, Floats]:
    """8-bit floats of x / scale, halves to even; the largest |x| comes close to the largest one."""
    import torch

    # m · 2^e with 0.5 <= m < 1, so the scale 2^e is at least the quotient.
    _, exponent = np.frexp(np.abs(vectors).max(axis=1) / precision.largest)
    scales = np.ldexp(np.float32(1), exponent).astype(np.float32)
    scaled = torch.from_numpy(np.ascontiguousarray(vectors / scales[:, None]))
    return scaled.to(_torch_type(precision)).view(torch.uint8).numpy(), scales


def _from_eights(data: Data, scales: Floats, precision: Precision) -> Floats:
    return np.asarray(_eight_values(precision)[data.view(np.uint8)] * scales[:, None])


@cache
def _eight_values(precision: Precision) -> Floats:
    """The number that each of the 256 bytes encodes."""
    import torch

    every = torch.arange(256, dtype=torch.uint8)
    return np.asarray(every.view(_torch_type(precision)).float().numpy())


def _torch_type(precision: Precision) -> Any:
    import torch

    assert precision.torch is not None
    return getattr(torch, precision.torch)


_CAST, _EIGHT = FloatCodec(_cast, _plain), FloatCodec(_eights, _from_eights)
FLOATS = {
    FP32: _CAST,
    "fp16": _CAST,
    "bf16": FloatCodec(_upper_half, _from_upper_half),
    "fp8_e4m3": _EIGHT,
    "fp8_e5m2": _EIGHT,
}
INTEGERS = {
    "int8": IntegerCodec(
        symmetric, lambda codes: codes.view(np.uint8), lambda data, dim: data.view(np.int8)
    ),
    "int4": IntegerCodec(symmetric, _pack_nibbles, _unpack_nibbles),
    **{
        row.name: IntegerCodec(odd, _pack_odd(row.bits), _unpack_odd(row.bits))
        for row in ROWS
        if row.odd
    },
    "b1": IntegerCodec(_signs, _pack_bits, _unpack_bits),
}
