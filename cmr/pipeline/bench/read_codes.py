"""Stored codes as an index is asked with them, and as one holds them that knows of no centre."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cmr.pipeline.bench.measuring_task import Task
from cmr.precision import FP32
from cmr.represent.precisions import Encoded, to_floats
from cmr.represent.quantizer_kinds import asking, compares_codes, from_row
from cmr.represent.unit_vectors import Floats
from cmr.warehouse.store import Warehouse
from cmr.warehouse.vectors import StoredVectors

# Queries that are read at a time where their own mean is needed.
GROUP = 16_384
Read = Callable[[Encoded], Floats]


def reader(task: Task) -> Read | None:
    """What makes floats of the stored queries, to ask a gallery that is held as its codes.

    None where the queries' own codes are compared with the gallery's.
    """
    if not task.asymmetric:
        return None if compares_codes(task.gallery) else from_row(task.queries).decode
    stored, precision = (
        StoredVectors(Warehouse.open(task.root), task.queries),
        task.gallery["precision"],
    )

    def queries() -> Iterator[Floats]:
        return (to_floats(block) for _, block in stored.blocks(GROUP))

    asked = asking(task.gallery, queries)
    return lambda block: asked.ask(to_floats(block), precision)


def as_held(row: dict[str, Any], stored: Encoded) -> Encoded:
    """Vectors of a set as a library takes them: floats where its codes are not compared as such."""
    if compares_codes(row):
        return stored
    floats = from_row(row).decode(stored)
    return Encoded(FP32, stored.dim, floats, np.ones(len(floats), dtype=np.float32))
