"""The part of the catalogue that belongs to the data as it is now; growth outdates the rest."""

from __future__ import annotations

from cmr.rows import Row
from cmr.warehouse.schemas import DATASETS, EMBEDDING_SETS, RUNS
from cmr.warehouse.store import Warehouse

# What `--candidates` was in earlier versions where it was not given.
_DEFAULTS = (100, 200, 300, 400, 500)


def current_runs(warehouse: Warehouse) -> list[Row]:
    """Runs on data sets as they are now, as the view `runs` shows them."""
    rows = _current(warehouse, warehouse.catalogue(RUNS))
    return [{**row, "candidates": expected_sizes(row)} for row in rows]


def current_sets(warehouse: Warehouse) -> list[Row]:
    """Embedding sets of data sets as they are now, as the view `embedding_sets` shows them."""
    return _current(warehouse, warehouse.catalogue(EMBEDDING_SETS))


def expected_sizes(run: Row) -> list[int]:
    """The C that a run was asked for with `expected`, as the view `runs` shows them.

    Earlier versions recorded the sizes of commands without it, too, as large as they came: the
    default ones, where none of them was drawn though others were.
    """
    asked: list[int] | None = run.get("expected_candidates")
    if asked is not None:
        return asked
    if "expected" not in run["protocols"]:
        return []
    drawn = run["sampled_candidates"]
    return [
        size
        for size in run["candidates"]
        if size <= run["gallery"] and (not drawn or size in drawn or size not in _DEFAULTS)
    ]


def _current(warehouse: Warehouse, rows: list[Row]) -> list[Row]:
    now = {row["dataset"]: row["fingerprint"] for row in warehouse.catalogue(DATASETS)}
    return [row for row in rows if now.get(row["dataset"]) in (None, row["dataset_fingerprint"])]
