"""The plan of a scoring: kernel, tiles, blocks and threads, chosen from the machine."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numba
import psutil
import torch

from cmr.errors import CmrError
from cmr.score.count import WIDTH
from cmr.score.product import Kernel, choose

# A tile of 1024 x 512 values stays in the second-level caches while it is counted, and its shape
# is where int8 products are fastest: they repack the columns' operand at every call.
TILE_ROWS = 1024
TILE_COLUMNS = 512
DEFAULT_SHARE = 0.25
LEAST_MEMORY = 64 * 2**20


@dataclass(frozen=True)
class Plan:
    """How one representation is scored.

    `tile_rows`, `tile_columns`: texts and visuals of a tile. `text_rows`, `visual_rows`: how
    many of each are held at a time. `memory`: bytes that blocks, tiles and pools may take.
    """

    kernel: Kernel
    device: str
    threads: int
    tile_rows: int
    tile_columns: int
    text_rows: int
    visual_rows: int
    memory: int

    def describe(self) -> str:
        """The plan as JSON, as it is kept in `runs`."""
        return json.dumps(
            {
                "kernel": self.kernel.name,
                "compared": str(self.kernel.compared),
                "threads": self.threads,
                "tile": [self.tile_rows, self.tile_columns],
                "blocks": [self.text_rows, self.visual_rows],
                "memory": self.memory,
            }
        )


def default_memory() -> int:
    """A quarter of the machine's memory, in bytes."""
    return int(psutil.virtual_memory().total * DEFAULT_SHARE)


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
    budget = memory or default_memory()
    if budget < LEAST_MEMORY:
        raise CmrError(f"--memory must be at least {LEAST_MEMORY // 2**20} MiB")
    kernel = choose(precision, dim)
    wide = 1 if kernel.operand == "int8" else 4
    # A block is held as stored and as multiplied; drawn pools take 6 bytes a member.
    row = dim * (wide + 4) + largest_pool * draws * 6
    rows = max(TILE_ROWS, budget // 2 // row)
    threads = min(torch.get_num_threads(), numba.get_num_threads())
    # Each thread counts whole stretches of WIDTH columns.
    columns = max(TILE_COLUMNS, threads * WIDTH)
    return Plan(
        kernel=kernel,
        device=device,
        threads=threads,
        tile_rows=min(TILE_ROWS, max(texts, 1)),
        tile_columns=min(columns, -(-max(visuals, 1) // WIDTH) * WIDTH),
        text_rows=max(1, min(texts, rows)),
        visual_rows=max(1, min(visuals, rows)),
        memory=budget,
    )
