"""The top of each query's list, kept for inspection."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from cmr.score.blocks import Block, Side, Vectors
from cmr.score.cpu.best_cells import keep_best
from cmr.score.judgments import Indices
from cmr.score.plan import Plan

Values = npt.NDArray[np.float64]
Scales = npt.NDArray[np.float32] | None
# Ordinals and scores, (queries, depth) each, best first.
Hits = tuple[Indices, Values]


def top_hits(queries: Vectors, items: Vectors, depth: int, plan: Plan) -> Hits:
    """Each query's best `depth` gallery ordinals and scores, (queries, depth), best first.

    Equal scores are listed by ordinal, and of those at the end the lowest ordinals are kept; an
    order inside ties means nothing, but is the same in parts.
    """
    depth = min(depth, items.rows)
    best = np.empty((queries.rows, depth), dtype=np.int64)
    scores = np.empty((queries.rows, depth), dtype=np.float64)
    rows, columns = Side(queries, plan.text_rows, plan), Side(items, plan.visual_rows, plan)
    room = plan.kernel.empty(plan.tile_rows, plan.tile_columns)
    done = 0
    with plan.kernel.active():
        for block in rows:
            here = slice(done, done + len(block))
            best[here], scores[here] = _best(block, columns, depth, plan, room)
            done = here.stop
    return best, scores


def _best(block: Block, columns: Side, depth: int, plan: Plan, room: torch.Tensor) -> Hits:
    """Those of a block's queries: whatever several tiles of them need is read once."""
    kernel = plan.kernel
    best = np.full((len(block), depth), -np.inf)
    where = np.full((len(block), depth), -1, dtype=np.int64)
    for side in columns:
        for a in range(0, len(block), plan.tile_rows):
            rows = slice(a, min(len(block), a + plan.tile_rows))
            for c in range(0, len(side), plan.tile_columns):
                d = min(len(side), c + plan.tile_columns)
                tile = kernel.tile(block.operand[rows], side.operand[c:d], room).cpu().numpy()
                scales: tuple[Scales, Scales] = (None, None)
                if kernel.scaled:
                    scales = block.scales[rows, None], side.scales[c:d]
                values = kernel.values(tile, *scales)
                keep_best(values, side.first + c, best[rows], where[rows])
    order = np.lexsort((where, -best), axis=1)
    return np.take_along_axis(where, order, axis=1), np.take_along_axis(best, order, axis=1)
