"""What of the catalogue is of the data as it is now; a grown data set leaves the rest behind."""

from __future__ import annotations

from typing import Any

from cmr.warehouse.schemas import DATASETS, EMBEDDING_SETS, RUNS
from cmr.warehouse.store import Warehouse

Row = dict[str, Any]


def current_runs(warehouse: Warehouse) -> list[Row]:
    """Runs on data sets as they are now, as the view `runs` shows them."""
    return _current(warehouse, warehouse.catalogue(RUNS))


def current_sets(warehouse: Warehouse) -> list[Row]:
    """Embedding sets of data sets as they are now, as the view `embedding_sets` shows them."""
    return _current(warehouse, warehouse.catalogue(EMBEDDING_SETS))


def _current(warehouse: Warehouse, rows: list[Row]) -> list[Row]:
    now = {row["dataset"]: row["fingerprint"] for row in warehouse.catalogue(DATASETS)}
    return [row for row in rows if now.get(row["dataset"]) in (None, row["dataset_fingerprint"])]
