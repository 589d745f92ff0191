"""Screening two blocks: tiles of codes' products instead of float32 ones, where they suffice."""

from __future__ import annotations

import numpy as np
import torch

from cmr.precision import INT8
from cmr.score.blocks import Block
from cmr.score.code_bounds import Screen
from cmr.score.codes import Codes
from cmr.score.cpu.cell_bounds import screen
from cmr.score.cpu.code_products import HALF_A_DIGIT, multiply
from cmr.score.cpu.screen_counts import screen_tile
from cmr.score.cpu.screen_strips import CodedTile
from cmr.score.cpu.strip_counts import RowPairs
from cmr.score.cpu.tile_counts import ColumnPairs
from cmr.score.screened import ALLOWED, Screened


class Screening:
    """The codes of two blocks of floats, and what bounds their scores."""

    def __init__(self, texts: Block, visuals: Block, found: Screened) -> None:
        self._texts, self._visuals, self._found = texts, visuals, found
        whole = found.by == INT8
        left, right = (texts.codes, visuals.codes) if whole else (texts.short, visuals.short)
        self._left, self._right = left.codes, right.codes
        self._screen: Screen = screen(texts.operand, visuals.operand, left, right)
        written = 0.0 if whole else HALF_A_DIGIT * _longest(left) * _longest(right)
        found.reaches(self._screen.reach + written)

    def counts(
        self,
        region: tuple[int, int, int, int],
        room: torch.Tensor,
        rows: RowPairs,
        columns: ColumnPairs,
    ) -> bool:
        """Count the tile of rows a:b and columns c:d, unless too much of it is in doubt.

        `room`: for its products, 4 bytes each. Where it returns False, `rows` and `columns` hold
        counts that are worth nothing.
        """
        a, b, c, d = region
        scores = (b - a) * (d - c)
        if not self._found.pays:
            self._found.pass_over(scores)
            return False
        tile = CodedTile(
            multiply(self._left[a:b], self._right[c:d], room),
            # One layout, whether a tile has all rows or some: kernels are compiled for each.
            np.ascontiguousarray(self._screen.rows[:, a:b]),
            np.ascontiguousarray(self._screen.columns[:, c:d]),
            self._screen.slack,
            self._texts.operand[a:b].numpy(),
            self._visuals.operand[c:d].numpy(),
        )
        allowed = int(ALLOWED * scores)
        settled = int(screen_tile(tile, rows, columns, allowed))
        fits = settled <= allowed
        self._found.add(scores, settled if fits else None)
        return fits


def _longest(codes: Codes) -> float:
    """The greatest length of what codes stand for."""
    return float(codes.lost.coded.max(initial=0.0))
