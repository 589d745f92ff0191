"""The plan of a scoring: kernel, tiles, blocks and threads."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cmr.score.kernels import Kernel


@dataclass(frozen=True)
class Plan:
    """How one representation is scored.

    `tile_rows`, `tile_columns`: texts and visuals of a tile. `text_rows`, `visual_rows`: how
    many of each are held at a time. `memory`: bytes that blocks, tiles and pools may take, of the
    device where there is one. `counting`: numba on CPUs; on devices torch, or triton where counting
    inside the product has proved right.
    """

    kernel: Kernel
    counting: str
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
                "counting": self.counting,
                "error": self.kernel.error,
                "threads": self.threads,
                "tile": [self.tile_rows, self.tile_columns],
                "blocks": [self.text_rows, self.visual_rows],
                "memory": self.memory,
            }
        )
