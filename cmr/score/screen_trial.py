"""Whether products of int8 codes should screen the scores of floats on this machine."""

from __future__ import annotations

import time
from functools import cache

import torch

from cmr.precision import FLOAT16, FLOAT32, FP32, INT8
from cmr.score.kernels import Kernel, int8_is_exact

# Below, the product is not what takes the time; above, an int32 might not hold a sum.
SCREENED_DIMS = range(192, 2**17)
# int8 products must be so many times as fast as those that they spare, in trials of this shape.
SPARES, TRIAL_ROWS, TRIAL_DIM, TRIALS = 2.0, 384, 512, 5


def screened_by(kernel: Kernel) -> str:
    """The type of the codes that may screen a kernel's scores.

    A device's matrix units multiply float16 nearly as fast as int8, and it leaves a twentieth of
    the doubts; 16-bit floats are multiplied as they are.
    """
    if kernel.device == "cpu":
        return INT8
    return FLOAT16 if kernel.operand == FLOAT32 else kernel.operand


def screens(kernel: Kernel, dim: int) -> bool:
    """Whether a kernel's scores are screened: of floats of enough dimensions, on a CPU."""
    on_floats = kernel.device == "cpu" and kernel.operand == FLOAT32 and not kernel.scaled
    return on_floats and dim in SCREENED_DIMS and int8_pays(kernel.bf16)


@cache
def int8_pays(bf16: bool) -> bool:
    """Whether int8 products on the CPU are exact, and much faster than those of floats."""
    if not int8_is_exact():
        return False
    floats = Kernel("trial", FP32, FLOAT32, False, bf16=bf16)
    codes = Kernel("trial", "int8", INT8, True)
    return _seconds(codes) * SPARES < _seconds(floats)


def _seconds(kernel: Kernel) -> float:
    """The least time that a tile takes."""
    operand = torch.ones(TRIAL_ROWS, TRIAL_DIM).to(getattr(torch, kernel.operand))
    room, took = kernel.empty(TRIAL_ROWS, TRIAL_ROWS), []
    with kernel.active():
        for _ in range(TRIALS + 1):
            start = time.perf_counter()
            kernel.tile(operand, operand, room)
            took.append(time.perf_counter() - start)
    return min(took[1:])
