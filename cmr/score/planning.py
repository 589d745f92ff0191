"""Choosing the plan of a scoring from the machine: kernel, tiles, blocks and threads."""

from __future__ import annotations

from dataclasses import replace

import numba
import torch

from cmr.errors import CmrError
from cmr.memory import LEAST, for_scoring
from cmr.precision import BFLOAT16, FLOAT16, FLOAT32, INT8
from cmr.score.bits import MOST_BITS
from cmr.score.cpu.popcount import counts_bits_at_once
from cmr.score.cpu.strips import WIDTH
from cmr.score.device.triton_trial import fused_is_right, screen_is_right
from cmr.score.kernels import Kernel, choose
from cmr.score.plan import Plan
from cmr.score.screen_trial import SCREENED_DIMS, fastest_code, screened_by, screens
from cmr.score.screened import Screened

# Taller tiles cost fewer calls, and int8 products repack the columns' operand at every one; wider
# or still taller ones leave the caches before they are counted.
TILE = 1024, 512
# Bits are counted so fast that what a tile costs besides must be spread over more of them.
TILE_OF_BITS = 4096, 512
# So must it where matrix units multiply codes, as they do where bfloat16 ones are fastest.
TILE_OF_MATRIX_UNITS = 2048, 1024
DEVICE_SHARE = 0.5
# A device wants large products; a cell takes its product, its score and the masks of its counts.
LARGEST_DEVICE_TILE, LEAST_DEVICE_TILE = 8192, 1024
DEVICE_TILE_BYTES = 16
BYTES = {INT8: 1, FLOAT16: 2, BFLOAT16: 2, FLOAT32: 4}
# What is multiplied where screening was measured to pay. Of 16-bit floats it counts many equal
# scores ten times as fast as the fused kernel, but a large gallery at 6/10 of its speed.
SCREENED_ON_CUDA = {FLOAT32}
# Vectors of a block at the least, however little memory there is.
LEAST_ROWS = 512


def default_memory(device: str = "cpu") -> int:
    """A quarter of the machine's memory, or half of what is free on a CUDA device, in bytes."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0] * DEVICE_SHARE)
    return for_scoring()


def make_plan(
    precision: str,
    dim: int,
    texts: int,
    visuals: int,
    device: str = "cpu",
    memory: int | None = None,
    largest_pool: int = 0,
    draws: int = 0,
) -> Plan:
    """Choose kernel, tiles and blocks for texts x visuals vectors of `dim` values.

    Raises CmrError if `memory` is too little for any block.
    """
    budget = memory or default_memory(device)
    if budget < LEAST:
        raise CmrError(f"--memory must be at least {LEAST // 2**20} MiB")
    kernel = choose(precision, dim, device)
    # Drawn pools look scores up in a tile, which must hold them.
    kernel = replace(kernel, screened=not largest_pool and _screened(kernel, dim))
    by = screened_by(kernel)
    if device == "cpu" and _counts_bits(kernel, dim):
        kernel = replace(kernel, name="popcount", popcount=True)
    threads = min(torch.get_num_threads(), numba.get_num_threads())
    if device == "cpu":
        height, width = _tile(kernel, texts, visuals, budget // 4 // threads)
        # Counts of columns are kept for whole stretches of WIDTH.
        tile = height, min(width, -(-max(visuals, 1) // WIDTH) * WIDTH)
    else:
        side = LARGEST_DEVICE_TILE
        while side > LEAST_DEVICE_TILE and side * side * DEVICE_TILE_BYTES > budget // 4:
            side //= 2
        tile = side, min(side, max(visuals, 1))
    # A block is held as stored, as multiplied and as screened; drawn pools take 6 bytes a member.
    wide = BYTES[kernel.operand] + (BYTES[by] if kernel.screened else 0)
    rows = max(LEAST_ROWS, budget // 2 // (dim * (wide + 4) + largest_pool * draws * 6))
    return Plan(
        kernel=kernel,
        counting=_counting(kernel, draws),
        device=device,
        threads=threads,
        tile_rows=min(tile[0], max(texts, 1)),
        tile_columns=tile[1],
        text_rows=max(1, min(texts, rows)),
        visual_rows=max(1, min(visuals, rows)),
        memory=budget,
        screened=Screened(by),
    )


def _tile(kernel: Kernel, texts: int, visuals: int, most: int) -> tuple[int, int]:
    """Texts and visuals of a tile on the CPU, of at most so many bytes if it is a large one."""
    if kernel.popcount:
        return TILE_OF_BITS
    # What fits into one tile of the smaller ones is not worth a trial.
    several = texts > TILE[0] or visuals > TILE[1]
    fits = TILE_OF_MATRIX_UNITS[0] * TILE_OF_MATRIX_UNITS[1] * BYTES[FLOAT32] <= most
    units = several and fits and fastest_code(False) == BFLOAT16
    return TILE_OF_MATRIX_UNITS if units else TILE


def _counts_bits(kernel: Kernel, dim: int) -> bool:
    """Whether the bits that differ are counted instead of multiplying -1 and 1, on the CPU."""
    few = kernel.sure and kernel.operand == INT8 and dim <= MOST_BITS
    return few and counts_bits_at_once()


def _screened(kernel: Kernel, dim: int) -> bool:
    """Whether it pays, on the CPU or on a device."""
    if not kernel.device.startswith("cuda"):
        return screens(kernel, dim)
    wanted = kernel.operand in SCREENED_ON_CUDA and not kernel.scaled and dim in SCREENED_DIMS
    return wanted and screen_is_right(kernel, screened_by(kernel))


def _counting(kernel: Kernel, draws: int) -> str:
    if kernel.device == "cpu":
        return "numba"
    # float32 products are not the matrix units', and drawn pools look scores up in a tile.
    if kernel.device.startswith("cuda") and kernel.operand != FLOAT32 and not draws:
        return "triton" if fused_is_right(kernel) else "torch"
    return "torch"
