"""Remove runs: their catalogue rows, and everything stored about them."""

from __future__ import annotations

from collections.abc import Sequence

from cmr.materialised import forget
from cmr.progressbar import Advance, no_advance
from cmr.rows import Row
from cmr.warehouse.layout import catalogue_path
from cmr.warehouse.locks import BusyError
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store


def run_files(warehouse: Store, row: Row) -> list[tuple[str, int]]:
    """A run's files with their bytes, the catalogue row's own first; -1 for a missing one."""
    paths = [catalogue_path(RUNS, row["run_id"]), *row["files"]]
    return [
        (path, size) for path, (size, _) in zip(paths, warehouse.storage.states(paths), strict=True)
    ]


def remove_runs(warehouse: Store, rows: Sequence[Row], advance: Advance = no_advance) -> list[Row]:
    """Remove runs and everything stored about them; returns those that another process is writing.

    A run is either whole or gone. Its files, which no row names then, are left to `vacuum`, because
    a reader may still use them. The vectors stay.
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


def _remove(warehouse: Store, run_id: str) -> None:
    with warehouse.claim(run_id, wait=False):
        warehouse.remove(RUNS, run_id)
