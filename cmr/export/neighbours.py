"""Exact nearest neighbours of every query, a few queries at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from cmr.export.format import Asked
from cmr.represent.coded_sets import multiplied
from cmr.rows import Row
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors

Neighbours = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]
# Bytes of results held at a time; an entry takes 12.
ROOM = 96 * 2**20


def nearest(
    warehouse: Store, queries: Row, gallery: Row, depth: int
) -> Iterator[tuple[int, Neighbours]]:
    """Yield (first query, (ordinals, scores)), both (queries, depth), best first.

    `queries`, `gallery`: rows of `embedding_sets`. Scores are the kernel's, ties by ordinal.
    """
    from cmr.score.asymmetric import as_compared, largest_product, plan_for
    from cmr.score.blocks import Held
    from cmr.score.planning import make_plan
    from cmr.score.top_lists import top_hits

    asking = as_compared(StoredVectors(warehouse, queries), queries)
    found = as_compared(StoredVectors(warehouse, gallery), gallery)
    step = max(1, min(asking.rows, ROOM // (16 * depth)))
    plan = make_plan(multiplied(queries), int(queries["dim"]), step, found.rows)
    plan = plan_for(plan, largest_product(asking, found))
    for first, block in asking.blocks(step):
        items, scores = top_hits(Held(block), found, depth, plan)
        yield first, (items, scores.astype(np.float32))


def at_most(asked: Asked, gallery: Row) -> int:
    """`--top`, at most the whole gallery, which 0 stands for."""
    return min(int(asked.options["top"]) or gallery["rows"], int(gallery["rows"]))
