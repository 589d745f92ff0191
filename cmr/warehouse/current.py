"""The part of the catalogue that belongs to the current data; growth outdates the rest."""

from __future__ import annotations

from cmr.rows import Row
from cmr.warehouse.schemas import DATASETS, EMBEDDING_SETS, RUNS
from cmr.warehouse.store import Store

# The default of `--candidates` in earlier versions.
_DEFAULTS = (100, 200, 300, 400, 500)


def current_runs(warehouse: Store) -> list[Row]:
    """Runs on the current state of their data sets, as the view `runs` shows them."""
    rows = _current(warehouse, warehouse.catalogue(RUNS))
    return [{**row, "candidates": expected_sizes(row)} for row in rows]


def current_sets(warehouse: Store) -> list[Row]:
    """Embedding sets of the current data sets, as the view `embedding_sets` shows them."""
    return _current(warehouse, warehouse.catalogue(EMBEDDING_SETS))


def expected_sizes(run: Row) -> list[int]:
    """The C requested of a run with `expected`, as the view `runs` shows them.

    Earlier versions also recorded the sizes of commands without `expected`, even beyond the
    gallery. These are the default sizes that were not drawn although others were.
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


def _current(warehouse: Store, rows: list[Row]) -> list[Row]:
    now = {row["dataset"]: row["fingerprint"] for row in warehouse.catalogue(DATASETS)}
    return [row for row in rows if now.get(row["dataset"]) in (None, row["dataset_fingerprint"])]
