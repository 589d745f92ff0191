"""The codebook that a set's codes name, in a file of its own beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cmr.warehouse.schemas import CODEBOOKS

if TYPE_CHECKING:
    from cmr.represent.product_codes import Codebook
    from cmr.represent.unit_vectors import Floats
    from cmr.warehouse.store import Store


def to_table(codebook: Codebook) -> pa.Table:
    """A codebook as rows of `codebooks`: the rotation's first, `part` NULL, then each part's."""
    parts, count, _ = codebook.centroids.shape
    dim = len(codebook.rotation)
    rows = dim + parts * count
    code = np.concatenate([np.arange(dim), np.tile(np.arange(count), parts)])
    part = np.concatenate([np.zeros(dim), np.repeat(np.arange(parts), count)])
    columns = {
        "part": pa.array(part.astype(np.int32), mask=np.arange(rows) < dim),
        "code": pa.array(code.astype(np.int32)),
        "values": pa.array([*codebook.rotation, *codebook.centroids.reshape(parts * count, -1)]),
        "learnt_by": pa.array([codebook.learnt_by] * rows),
    }
    return pa.table(columns).cast(CODEBOOKS.schema)


def codebook_of(warehouse: Store, row: Mapping[str, Any]) -> Codebook | None:
    """The codebook of a set, from its row of `embedding_sets`; None where it has none.

    Raises CmrError if its file is damaged.
    """
    from cmr.represent.product_codes import Codebook

    if not any(name.startswith(f"{CODEBOOKS.name}/") for name in row["files"]):
        return None
    table = warehouse.read(row, CODEBOOKS)
    turns = pc.is_null(table["part"])
    rotation = _values(table.filter(turns))
    centroids = _values(table.filter(pc.invert(turns)))
    parts = pc.max(table["part"]).as_py() + 1
    shape = parts, len(centroids) // parts, centroids.shape[1]
    return Codebook(rotation, centroids.reshape(shape), table["learnt_by"][0].as_py())


def _values(table: pa.Table) -> Floats:
    flat = table["values"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(flat.reshape(len(table), -1), dtype=np.float32)
