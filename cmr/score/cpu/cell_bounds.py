"""The bounds of two blocks' scores, of their codes, on the CPU."""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import numba
import numpy as np
import torch

from cmr.score.code_bounds import Screen, bounded
from cmr.score.codes import Codes, Lengths, Terms
from cmr.score.compiled import compiled
from cmr.score.cpu.exact_scores import dot
from cmr.score.kernels import BF16_ROUNDINGS, worst_error


def screen(texts: torch.Tensor, visuals: torch.Tensor, left: Codes, right: Codes) -> Screen:
    """The terms of two blocks' vectors and their codes."""
    # Whole numbers are summed in int32.
    sums = 0.0 if left.codes.dtype == torch.int8 else worst_error(texts.shape[1], BF16_ROUNDINGS)
    means = float(_along(left.mean[None], right.mean)[0])
    across, down = _along(texts.numpy(), right.mean), _along(visuals.numpy(), left.mean)
    return bounded(left, right, (across, down, means), sums)


@compiled(parallel=True)
def _along(vectors: Terms, other: Terms) -> Lengths:
    """Products of vectors with one other, (n,) float64."""
    out = np.empty(len(vectors), dtype=np.float64)
    for n in numba.prange(len(vectors)):
        out[n] = dot(vectors[n], other)
    return out
