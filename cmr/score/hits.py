"""The top of the list, for those who want to look at it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from cmr.score.blocks import Side, Vectors
from cmr.score.plan import Plan


def top_hits(
    queries: Vectors, items: Vectors, depth: int, plan: Plan
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Each query's best `depth` gallery ordinals and scores, (queries, depth), best first.

    Equal scores are listed by ordinal; an order inside ties means nothing.
    """
    depth = min(depth, items.rows)
    best = np.empty((queries.rows, depth), dtype=np.int64)
    scores = np.empty((queries.rows, depth), dtype=np.float32)
    rows, columns = Side(queries, plan.text_rows, plan), Side(items, plan.visual_rows, plan)
    kernel = plan.kernel
    room = kernel.empty(plan.tile_rows, plan.tile_columns)
    with kernel.active():
        for block in rows:
            for a in range(0, len(block), plan.tile_rows):
                b = min(len(block), a + plan.tile_rows)
                top = np.zeros((b - a, 0))
                index = np.zeros((b - a, 0), dtype=np.int64)
                for side in columns:
                    for c in range(0, len(side), plan.tile_columns):
                        d = min(len(side), c + plan.tile_columns)
                        tile = (
                            kernel.tile(block.operand[a:b], side.operand[c:d], room).cpu().numpy()
                        )
                        if kernel.scaled:
                            scale = block.scales[a:b, None], side.scales[c:d]
                            values = kernel.values(tile, *scale)
                        else:
                            values = tile
                        part, where = _top(values, depth)
                        top = np.concatenate([top, part], axis=1)
                        index = np.concatenate([index, where + side.first + c], axis=1)
                        order = np.lexsort((index, -top), axis=1)[:, :depth]
                        top = np.take_along_axis(top, order, axis=1)
                        index = np.take_along_axis(index, order, axis=1)
                first, last = block.first + a, block.first + b
                best[first:last], scores[first:last] = index, top.astype(np.float32)
    return best, scores


def _top(
    values: npt.NDArray[np.generic], depth: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    found = torch.topk(torch.from_numpy(values.astype(np.float64)), min(depth, values.shape[1]))
    return found.values.numpy(), found.indices.numpy()
