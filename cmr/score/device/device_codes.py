"""Codes of vectors that are on a CUDA device, computed there, and what bounds their scores.

The same as `cmr.score.codes` for vectors on the CPU; 16-bit floats as well as int8. Vectors that
are such floats already are their own codes.
"""

# Triton compiles these functions from their Python text; its names have no types.
# mypy: disable-error-code="untyped-decorator,no-untyped-call,no-untyped-def"
# The kernels' compile-time constants are in capitals, as is usual.
# ruff: noqa: N803

from __future__ import annotations

import numpy as np
import torch
import triton
import triton.language as tl

from cmr.score.code_bounds import Screen, bounded
from cmr.score.codes import LARGEST_CODE, SAMPLE, Codes, Lengths, lost
from cmr.score.kernels import worst_error

# Vectors that a program codes, and values of theirs at a time.
VECTORS, VALUES = 8, 256
# Dimensions of codes are a multiple, zeros at the end: what a thread reads at once.
PADDED = 16


def screen_there(
    texts: torch.Tensor, visuals: torch.Tensor, kind: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor, Screen]:
    """Codes of two blocks' vectors, (n, d) and (m, d) floats, and their terms."""
    means = [_mean(one, kind) for one in (texts, visuals)]
    left, across = _coded(texts, means[0], means[1], kind)
    right, down = _coded(visuals, means[1], means[0], kind)
    # Matrix units cut digits off where others round; see `kernels.choose`. Whole numbers are summed
    # in int32.
    sums = 0.0 if kind == torch.int8 else worst_error(texts.shape[1], 4)
    both = float(means[0].double() @ means[1].double())
    return left.codes, right.codes, bounded(left, right, (across, down, both), sums)


def _mean(vectors: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """What is taken off before coding, (d,) float32."""
    if not len(vectors) or vectors.dtype == kind:
        return vectors.new_zeros(vectors.shape[1], dtype=torch.float32)
    return vectors[:: max(1, len(vectors) // SAMPLE)].mean(0, dtype=torch.float64).float()


def _coded(
    vectors: torch.Tensor, mean: torch.Tensor, other: torch.Tensor, kind: torch.dtype
) -> tuple[Codes, Lengths]:
    """Codes of vectors, and the products of these with another side's mean."""
    count, dim = vectors.shape
    own = vectors.dtype == kind and dim % PADDED == 0
    codes = vectors if own else vectors.new_zeros((count, dim + -dim % PADDED), dtype=kind)
    found = vectors.new_empty((5, count), dtype=torch.float64)
    if count:
        # Triton launches on the current device, which need not be theirs.
        with torch.cuda.device_of(vectors):
            _code[(triton.cdiv(count, VECTORS),)](
                vectors, mean, other, codes, found, count, dim, codes.shape[1],
                LARGEST=LARGEST_CODE if kind == torch.int8 else 1,
                INTEGER=kind == torch.int8, SAME=vectors.dtype == kind,
                VECTORS=VECTORS, VALUES=VALUES, enable_fp_fusion=False,
            )  # fmt: skip
    on_cpu = found.cpu().numpy()
    scales = on_cpu[0].astype(np.float32)
    return Codes(codes, scales, mean.cpu().numpy(), lost(on_cpu[1:4])), on_cpu[4]


@triton.jit(do_not_specialize=["count"])
def _code(
    vectors, mean, other, codes, found, count, dim, wide,
    LARGEST: tl.constexpr, INTEGER: tl.constexpr, SAME: tl.constexpr,
    VECTORS: tl.constexpr, VALUES: tl.constexpr,
):  # fmt: skip
    """Code VECTORS vectors.

    `found`: (5, count), their scale, the lengths of `Lost`, and their product with `other`. What
    codes have lost is computed of them as they are, so how they are rounded matters little.
    """
    row = tl.program_id(0) * VECTORS + tl.arange(0, VECTORS)
    k, inside = tl.arange(0, VALUES), row < count
    start = row.to(tl.int64)[:, None] * dim + k[None, :]
    largest = tl.zeros((VECTORS,), dtype=tl.float64)
    for at in range(0, dim, VALUES):
        there = inside[:, None] & (k < dim - at)[None, :]
        exact = tl.load(vectors + start + at, mask=there, other=0.0).to(tl.float64)
        exact -= tl.load(mean + at + k, mask=k < dim - at, other=0.0).to(tl.float64)[None, :]
        largest = tl.maximum(largest, tl.max(tl.abs(exact), 1))
    if SAME:
        scale = largest * 0.0 + 1.0
    else:
        # Of float32 numbers devices divide only nearly.
        scale = (largest.to(tl.float32).to(tl.float64) / LARGEST).to(tl.float32).to(tl.float64)
    # Nothing but zeros, or numbers too small for a scale: the codes are zeros and all is error.
    inverse = tl.where(scale > 1e-30, 1.0 / tl.where(scale > 1e-30, scale, 1.0), 0.0)
    whole = tl.zeros((VECTORS, VALUES), dtype=tl.float64)
    rest, error, along = whole, whole, whole
    to = row.to(tl.int64)[:, None] * wide + k[None, :]
    for at in range(0, dim, VALUES):
        there = inside[:, None] & (k < dim - at)[None, :]
        vector = tl.load(vectors + start + at, mask=there, other=0.0).to(tl.float64)
        taken = tl.load(mean + at + k, mask=k < dim - at, other=0.0).to(tl.float64)
        theirs = tl.load(other + at + k, mask=k < dim - at, other=0.0).to(tl.float64)
        exact = vector - taken[None, :]
        along += vector * theirs[None, :]
        code = exact * inverse[:, None]
        if INTEGER:
            code = tl.minimum(tl.maximum(tl.floor(code + 0.5), -127.0), 127.0)
        kept = code.to(tl.float32).to(codes.dtype.element_ty)
        tl.store(codes + to + at, kept, mask=there)
        back = kept.to(tl.float64) * scale[:, None]
        whole += back * back
        rest += exact * exact
        error += (exact - back) * (exact - back)
    tl.store(found + row, scale, mask=inside)
    tl.store(found + count + row, tl.sqrt(tl.sum(whole, 1)), mask=inside)
    tl.store(found + 2 * count + row, tl.sqrt(tl.sum(rest, 1)), mask=inside)
    tl.store(found + 3 * count + row, tl.sqrt(tl.sum(error, 1)), mask=inside)
    tl.store(found + 4 * count + row, tl.sum(along, 1), mask=inside)
