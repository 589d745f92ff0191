"""Remove runs: the catalogue row first, so that nothing is ever half there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Any

from cmr.materialised import forget
from cmr.warehouse.layout import catalogue_path
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import BusyError, Warehouse

Row = dict[str, Any]


def run_files(warehouse: Warehouse, row: Row) -> list[tuple[str, int]]:
    """A run's files with their bytes, the catalogue row's own first; -1 of a missing one."""
    paths = [catalogue_path(RUNS, row["run_id"]), *row["files"]]
    return [
        (path, size) for path, (size, _) in zip(paths, warehouse.storage.states(paths), strict=True)
    ]


def remove_runs(
    warehouse: Warehouse, rows: Sequence[Row], advance: Callable[[int], None] = lambda count: None
) -> list[Row]:
    """Remove runs and all that is kept of them; returns those that another process is writing.

    Killed on the way, a run is whole or gone; files that are left then are named by nobody, and
    `vacuum` removes them. The vectors stay.
    """
    busy = []
    for row in rows:
        try:
            _remove(warehouse, row["run_id"])
        except BusyError:
            busy.append(row)
        advance(1)
    gone = {row["run_id"] for row in rows} - {row["run_id"] for row in busy}
    forget(warehouse, gone)
    return busy


def _remove(warehouse: Warehouse, run_id: str) -> None:
    with warehouse.claim(run_id, wait=False):
        # It may have been scored again, into other files, since it was listed.
        found = warehouse.find(RUNS, run_id)
        if found is None:
            return
        warehouse.storage.delete(catalogue_path(RUNS, run_id))
        for name in found["files"]:
            warehouse.storage.delete(name)
        if warehouse.storage.is_local:
            for name in found["files"]:
                with contextlib.suppress(OSError):
                    os.rmdir(warehouse.storage.path(name.rpartition("/")[0]))
