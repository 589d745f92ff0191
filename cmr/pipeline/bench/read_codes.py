"""Stored codes as floats: for queries of coded galleries, and for indexes without a centre."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cmr.pipeline.bench.measuring_task import Task
from cmr.precision import FP32
from cmr.represent.coded_sets import asking, compares_codes, from_row
from cmr.represent.precisions import Encoded, to_floats
from cmr.represent.quantizers import Quantizer
from cmr.represent.unit_vectors import Floats
from cmr.warehouse.codebooks import codebook_of
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
        return None if compares_codes(task.gallery) else coder(task.root, task.queries).decode
    warehouse, precision = Store.open(task.root), task.gallery["precision"]
    stored = StoredVectors(warehouse, task.queries)

    def queries() -> Iterator[Floats]:
        return (to_floats(block) for _, block in stored.blocks(GROUP))

    asked = asking(task.gallery, queries, codebook_of(warehouse, task.gallery))
    return lambda block: asked.ask(to_floats(block), precision)


def coder(root: str, row: dict[str, Any]) -> Quantizer:
    """The quantiser of a stored set, with what its codes name."""
    return from_row(row, codebook_of(Store.open(root), row))


def as_held(warehouse: Store, row: dict[str, Any], stored: Encoded) -> Encoded:
    """A set's vectors as a library takes them: floats where codes are not compared directly."""
    if compares_codes(row):
        return stored
    floats = from_row(row, codebook_of(warehouse, row)).decode(stored)
    return Encoded(FP32, stored.dim, floats, np.ones(len(floats), dtype=np.float32))
