"""Whether products of codes should screen the scores of floats on this machine, and of which."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from cmr.precision import BFLOAT16, FLOAT16, FLOAT32, FP32, INT8
from cmr.progressbar import no_advance
from cmr.score.cpu.code_products import HALF_A_DIGIT, multiply
from cmr.score.cpu.owned import each_owned
from cmr.score.kernels import TRIAL_ERROR, Kernel, int8_is_exact

# Below, the product is not what takes the time; above, an int32 might not hold a sum.
SCREENED_DIMS = range(192, 2**17)
# Products of codes must be so many times as fast as those that they spare, in trials of this shape.
SPARES, TRIAL_ROWS, TRIAL_DIM, TRIALS = 2.0, 384, 512, 8
# bfloat16 leaves a quarter of int8's doubts, so its products may take so many times as long.
FINER = 5.0


def screened_by(kernel: Kernel) -> str:
    """The type of the codes that may screen a kernel's scores.

    A device's matrix units multiply float16 nearly as fast as int8, and it leaves a twentieth of
    the doubts; 16-bit floats are multiplied as they are.
    """
    if kernel.device == "cpu":
        return fastest_code(kernel.bf16) or INT8
    return FLOAT16 if kernel.operand == FLOAT32 else kernel.operand


def screens(kernel: Kernel, dim: int) -> bool:
    """Whether a kernel's scores are screened: of floats of enough dimensions, on a CPU."""
    on_floats = kernel.device == "cpu" and kernel.operand == FLOAT32 and not kernel.scaled
    if not on_floats or dim not in SCREENED_DIMS:
        return False
    by = fastest_code(kernel.bf16)
    return by == INT8 or (by == BFLOAT16 and rounds_once(dim))


@cache
def fastest_code(bf16: bool) -> str:
    """The codes that count floats soonest on the CPU; empty if none is much faster to multiply.

    `bf16`: whether it multiplies the floats as bfloat16.
    """
    kernel = Kernel("trial", FP32, FLOAT32, False, bf16=bf16)
    with kernel.active():
        floats = _seconds(torch.float32, kernel.tile)
    took = {}
    if int8_is_exact():
        took[INT8] = _seconds(torch.int8, multiply)
    # Where floats are multiplied so, their codes take as long.
    if not bf16 and rounds_once(TRIAL_DIM):
        took[BFLOAT16] = _seconds(torch.bfloat16, multiply)
    worth = {INT8: 1.0, BFLOAT16: FINER}
    fast = {kind: took[kind] / worth[kind] for kind in took if took[kind] * SPARES < floats}
    return min(fast, key=lambda kind: fast[kind], default="")


@cache
def rounds_once(dim: int) -> bool:
    """Whether the CPU's bfloat16 products are float32 sums, rounded only as they are written."""
    generator = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(128, dim, generator=generator)).bfloat16()
    try:
        found = multiply(vectors, vectors, torch.empty(128, 128))
    except RuntimeError:
        return False
    exact = (vectors.double() @ vectors.double().T).numpy()
    got = torch.from_numpy(found).view(torch.bfloat16).double().numpy()
    return bool((np.abs(got - exact) <= HALF_A_DIGIT * np.abs(got) + TRIAL_ERROR).all())


def _seconds(kind: torch.dtype, product: Callable[..., object]) -> float:
    """The least time that a tile takes in one thread, as tiles are multiplied."""
    operand = torch.ones(TRIAL_ROWS, TRIAL_DIM).to(kind)
    room, took = torch.empty(TRIAL_ROWS, TRIAL_ROWS), []

    def timed(_: int) -> int:
        start = time.perf_counter()
        product(operand, operand, room)
        took.append(time.perf_counter() - start)
        return 0

    each_owned(range(TRIALS), 1, lambda: timed, no_advance)
    return min(took[1:])
