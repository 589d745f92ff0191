"""How many near-duplicates each text and visual has, by a model's vectors, as an attribute.

Exact: every pair of a side is multiplied, n² / 2 of them, so it is not done unless it is asked for.
A near-duplicate is another item of the same side whose native vectors, of unit length and fp32 as
they are stored, have a cosine of at least the threshold, less the 1e-6 within which scores tie: so
copies are near-duplicates at any threshold.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.identity import identity
from cmr.pipeline.attributes import NEAR, replace_attribute
from cmr.pipeline.judged_data import find_dataset, find_model
from cmr.precision import FP32, TIE_TOLERANCE
from cmr.progressbar import Advance, ProgressBar, no_advance
from cmr.represent.dim_methods import NATIVE
from cmr.represent.unit_vectors import Floats
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.current import current_sets
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors

THRESHOLD = 0.95
# Items of a side; with more, a command takes longer than a user expects: 5e9 pairs.
MOST = 100_000
# Vectors whose products are held at a time.
TILE = 2048

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NearDuplicates:
    """What was counted. `having`: items with a near-duplicate, and all items, by side."""

    dataset: str
    model: str
    attribute: str
    having: dict[str, tuple[int, int]]
    seconds: float


def count_near(vectors: Floats, threshold: float, advance: Advance = no_advance) -> Counts:
    """(n,) how many other vectors each unit vector of (n, d) has a cosine of `threshold` with.

    float32 products decide where they are further from the threshold than they may err, float64
    products elsewhere. `advance` is told of pairs.
    """
    from cmr.score.cpu.exact_scores import dots
    from cmr.score.kernels import worst_error

    limit, error = threshold - TIE_TOLERANCE, np.float32(worst_error(vectors.shape[1]))
    count = np.zeros(len(vectors), dtype=np.int64)
    for a in range(0, len(vectors), TILE):
        rows = vectors[a : a + TILE]
        for b in range(a, len(vectors), TILE):
            columns = vectors[b : b + TILE]
            products = rows @ columns.T
            near = products > np.float32(limit)
            i, j = np.nonzero(np.abs(products - np.float32(limit)) <= 2 * error)
            near[i, j] = dots(rows, columns, i, j) >= limit
            if a == b:
                np.fill_diagonal(near, False)
            else:
                count[b : b + TILE] += near.sum(0)
            count[a : a + TILE] += near.sum(1)
            advance(len(rows) * len(columns))
    return count


def note_near_duplicates(
    root: str,
    dataset: str | None,
    model: str | None,
    bar: ProgressBar,
    threshold: float = THRESHOLD,
    most: int = MOST,
) -> NearDuplicates:
    """Count and store the attribute of a data set's items by a model, instead of an earlier one.

    Raises CmrError for a threshold that is none, and for a side of more than `most` items.
    """
    clock = time.perf_counter()
    if not 0 < threshold <= 1:
        raise CmrError(f"--threshold is a cosine above 0 and up to 1, not {threshold}")
    warehouse = Store.open(root)
    row = find_dataset(warehouse, dataset)
    name = find_model(warehouse, row, model)
    sets = _native(warehouse, row["dataset"], name)
    for side, one in sets.items():
        if one["rows"] > most:
            raise CmrError(
                f"{row['dataset']!r} has {one['rows']:,} {side}s, of which every pair would be "
                f"multiplied; --at-most {one['rows']} allows it"
            )
    pairs = sum(one["rows"] ** 2 for one in sets.values()) // 2
    found: dict[str, Counts] = {}
    with bar("near-duplicates", pairs, "pairs") as advance:
        for side, one in sets.items():
            found[side] = count_near(_vectors(warehouse, one), threshold, advance)
    attribute = f"{NEAR} {name}"
    with warehouse.claim(identity(dataset=row["dataset"])):
        now = find_dataset(warehouse, row["dataset"])
        if now["fingerprint"] != row["fingerprint"]:
            raise CmrError(f"{row['dataset']!r} has grown meanwhile; run the command again")
        replace_attribute(warehouse, now, attribute, found)
    having = {side: (int((one > 0).sum()), len(one)) for side, one in found.items()}
    return NearDuplicates(row["dataset"], name, attribute, having, time.perf_counter() - clock)


def _native(warehouse: Store, dataset: str, model: str) -> dict[str, Row]:
    """The largest native vectors of both sides."""
    found: dict[str, Row] = {}
    mine: Sequence[Row] = [
        row
        for row in current_sets(warehouse)
        if (row["dataset"], row["model"], row["dim_method"]) == (dataset, model, NATIVE)
        and row["precision"] == FP32
        and row["parent"] is None
    ]
    for side in (TEXT, VISUAL):
        there = [row for row in mine if row["modality"] == side]
        if there:
            found[side] = max(there, key=lambda row: int(row["dim"]))
    if not found:
        raise CmrError(f"{dataset!r} has no native fp32 vectors by the model {model!r}")
    return found


def _vectors(warehouse: Store, row: Row) -> Floats:
    stored = StoredVectors(warehouse, row)
    blocks = [np.asarray(block.data, dtype=np.float32) for _, block in stored.blocks(stored.rows)]
    return np.concatenate(blocks)
