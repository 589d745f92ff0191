"""What of the catalogue is of the data as it is now; a grown data set leaves the rest behind."""

from __future__ import annotations

from typing import Any

from cmr.warehouse.schemas import DATASETS, EMBEDDING_SETS, ROW_CHECKSUM, RUNS
from cmr.warehouse.store import Warehouse

Row = dict[str, Any]
# What `--candidates` was where it was not given.
_DEFAULTS = {100, 200, 300, 400, 500}


def current_runs(warehouse: Warehouse) -> list[Row]:
    """Runs on data sets as they are now, as the view `runs` shows them."""
    rows = _current(warehouse, warehouse.catalogue(RUNS))
    return [{**row, "candidates": expected_sizes(row)} for row in rows]


def current_sets(warehouse: Warehouse) -> list[Row]:
    """Embedding sets of data sets as they are now, as the view `embedding_sets` shows them."""
    return _current(warehouse, warehouse.catalogue(EMBEDDING_SETS))


def expected_sizes(run: Row) -> list[int]:
    """The C that a run was asked for with `expected`.

    Earlier versions, whose rows have no checksum of themselves, recorded the sizes of commands
    without it, too, as large as they came: the default ones, which were not drawn.
    """
    if "expected" not in run["protocols"]:
        return []
    drawn = set(run.get("sampled_candidates") or ())
    doubtful = _DEFAULTS - drawn if drawn and run.get(ROW_CHECKSUM) is None else set()
    return [size for size in run["candidates"] if size <= run["gallery"] and size not in doubtful]


def _current(warehouse: Warehouse, rows: list[Row]) -> list[Row]:
    now = {row["dataset"]: row["fingerprint"] for row in warehouse.catalogue(DATASETS)}
    return [row for row in rows if now.get(row["dataset"]) in (None, row["dataset_fingerprint"])]
