"""Short codes of vectors, and how far a product of codes may be from the vectors' own.

A vector v is m + r, with m the mean of its side's vectors, and r is c + e: int8 codes times a
scale, or bfloat16 numbers, and what rounding has left off. Of a text v = m + c + e and a visual
v' = m' + c' + e'

    v·v' = c·c' + r·m' + m·v' + (e·r' + c·e'),

and by Cauchy and Schwarz the last two are at most |e||r'| + |c||e'|. The lengths are each vector's
own, of its own codes, in float64 and rounded upward; so is what float32 adds in rounding. Vectors
that lie in a cone share most of their length, which the mean takes off: their codes are finer.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import torch

from cmr.precision import INT8
from cmr.score.compiled import compiled

Lengths = npt.NDArray[np.float64]
Terms = npt.NDArray[np.float32]

LARGEST_CODE = 127
# Vectors that the mean is taken of; any vector in its place would do, a mean makes codes finest.
SAMPLE = 4096
# float64's roundings in a length, many times over.
UPWARD = 1 + 1e-9


class Lost(NamedTuple):
    """Lengths of what the codes of n vectors stand for, (n,) float64 each.

    `coded`: of the codes times their scale. `rest`: of the vectors less the mean. `error`: of what
    the codes have lost of that.
    """

    coded: Lengths
    rest: Lengths
    error: Lengths


class Codes(NamedTuple):
    """n vectors less their `mean` as `codes`, (n, d), each with a scale, (n,) float32.

    int8 or, with scales of 1, bfloat16; on a device float16, too.
    """

    codes: torch.Tensor
    scales: Terms
    mean: Terms
    lost: Lost


def coded(vectors: torch.Tensor, kind: str = INT8) -> Codes:
    """Code vectors, (n, d) float32 on the CPU, as int8 or bfloat16."""
    given = vectors.numpy()
    step = max(1, len(given) // SAMPLE)
    mean = given[::step].mean(axis=0, dtype=np.float64).astype(np.float32)
    lengths = np.empty((3, len(given)))
    if kind == INT8:
        codes = torch.empty(given.shape, dtype=torch.int8)
        scales = np.empty(len(given), dtype=np.float32)
        _encode(given, mean, codes.numpy(), scales, lengths)
    else:
        codes = torch.empty(given.shape, dtype=torch.bfloat16)
        scales = np.ones(len(given), dtype=np.float32)
        _shorten(given, mean, codes.view(torch.int16).numpy(), lengths)
    return Codes(codes, scales, mean, lost(lengths))


def lost(lengths: Lengths) -> Lost:
    """Lengths as they were computed, (3, n), rounded upward."""
    return Lost(*(lengths * UPWARD))


@compiled(parallel=True)
def _encode(vectors: Terms, mean: Terms, codes: Any, scales: Terms, lengths: Lengths) -> None:
    """Fill the codes of vectors less the mean, their scales, and the lengths of `Lost`."""
    for n in numba.prange(len(vectors)):
        _encode_one(vectors[n], mean, codes[n], scales, lengths, np.int64(n))


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _encode_one(
    vector: Terms, mean: Terms, codes: Any, scales: Terms, lengths: Lengths, n: int
) -> None:
    largest = np.float32(0.0)
    for k in range(len(vector)):
        largest = max(largest, abs(vector[k] - mean[k]))
    scale = np.float32(largest / np.float32(LARGEST_CODE))
    # Nothing but zeros, or numbers too small for a scale: the codes are zeros and all is error.
    inverse = 1.0 / np.float64(scale) if scale > np.float32(1e-30) else 0.0
    whole, rest, error = 0.0, 0.0, 0.0
    for k in range(len(vector)):
        exact = np.float64(vector[k]) - np.float64(mean[k])
        code = min(max(np.rint(exact * inverse), -127.0), 127.0)
        codes[k] = np.int8(code)
        back = code * np.float64(scale)
        left = exact - back
        whole += back * back
        rest += exact * exact
        error += left * left
    scales[n] = scale
    lengths[0, n], lengths[1, n], lengths[2, n] = np.sqrt(whole), np.sqrt(rest), np.sqrt(error)


@compiled(parallel=True)
def _shorten(vectors: Terms, mean: Terms, codes: Any, lengths: Lengths) -> None:
    """Fill the bfloat16 codes of vectors less the mean, as int16, and the lengths of `Lost`."""
    for n in numba.prange(len(vectors)):
        _shorten_one(vectors[n], mean, codes[n], lengths, np.int64(n))


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _shorten_one(vector: Terms, mean: Terms, codes: Any, lengths: Lengths, n: int) -> None:
    back = vector - mean
    # Of whole numbers, which are not rearranged: the first 16 bits, rounded to the nearest.
    bits = back.view(np.uint32)
    for k in range(len(bits)):
        half = np.uint32(0x7FFF) + ((bits[k] >> np.uint32(16)) & np.uint32(1))
        bits[k] = (bits[k] + half) & np.uint32(0xFFFF0000)
        codes[k] = np.int16(bits[k] >> np.uint32(16))
    whole, rest, error = 0.0, 0.0, 0.0
    for k in range(len(vector)):
        exact = np.float64(vector[k]) - np.float64(mean[k])
        kept = np.float64(back[k])
        left = exact - kept
        whole += kept * kept
        rest += exact * exact
        error += left * left
    lengths[0, n], lengths[1, n], lengths[2, n] = np.sqrt(whole), np.sqrt(rest), np.sqrt(error)
