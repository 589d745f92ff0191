"""Stored codes as floats: for queries of coded galleries, and for indexes without a centre."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cmr.pipeline.bench.measuring_task import Task
from cmr.precision import FP32
from cmr.represent.precisions import Encoded, to_floats
from cmr.represent.quantizer_kinds import asking, compares_codes, from_row
from cmr.represent.unit_vectors import Floats
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors

# Queries read at a time where their own mean is needed.
GROUP = 16_384
Read = Callable[[Encoded], Floats]


def reader(task: Task) -> Read | None:
    """A function that turns stored queries into floats, to search a gallery held as codes.

    None where the queries' own codes are compared with the gallery's.
    """
    if not task.asymmetric:
        return None if compares_codes(task.gallery) else from_row(task.queries).decode
    stored, precision = (
        StoredVectors(Store.open(task.root), task.queries),
        task.gallery["precision"],
    )

    def queries() -> Iterator[Floats]:
        return (to_floats(block) for _, block in stored.blocks(GROUP))

    asked = asking(task.gallery, queries)
    return lambda block: asked.ask(to_floats(block), precision)


def as_held(row: dict[str, Any], stored: Encoded) -> Encoded:
    """A set's vectors as a library takes them: floats where codes are not compared directly."""
    if compares_codes(row):
        return stored
    floats = from_row(row).decode(stored)
    return Encoded(FP32, stored.dim, floats, np.ones(len(floats), dtype=np.float32))
