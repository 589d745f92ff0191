"""One state of a warehouse: its checked catalogue rows, and their intact data files.

If a file of a row is damaged, the row and whatever depends on it are left out with a warning that
names the file; the rest is used. The files of a row stay for an hour after it was replaced, so that
readers of a snapshot can finish.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cmr.errors import CmrError
from cmr.rows import Row
from cmr.warehouse.catalogue_rows import recorded, row_name
from cmr.warehouse.schemas import (
    BENCHES,
    CATALOGUE,
    DATASETS,
    EMBEDDING_SETS,
    MODALITIES,
    QRELS_SETS,
    RUNS,
    Table,
)
from cmr.warehouse.store import Store, tell
from cmr.warehouse.verified import faults, remedy

# Vectors are large and few queries read them: they are checked only if named.
VECTORS = frozenset({"embeddings", "frames", "codebooks"})


@dataclass(frozen=True)
class Snapshot:
    """The rows of every catalogue table, by its name."""

    rows: dict[str, list[Row]]

    def files(self, table: str) -> list[str]:
        """The files of a data table that the rows name, in order."""
        start = f"{table}/"
        return list(
            dict.fromkeys(
                name
                for rows in self.rows.values()
                for row in rows
                for name in row["files"]
                if name.startswith(start)
            )
        )


def take(warehouse: Store, tables: Collection[str]) -> Snapshot:
    """The warehouse as it is now; the files of the named data tables are checked.

    Data sets are read last, so that the data set of every run in the snapshot is in it, too.
    """
    rows = {table.name: warehouse.catalogue(table) for table in reversed(CATALOGUE)}
    for table in CATALOGUE:
        rows[table.name] = _sound(warehouse, table, rows[table.name], tables)
    known = {row_name(DATASETS, row) for row in rows[DATASETS.name]}
    for table in (QRELS_SETS, RUNS, BENCHES):
        rows[table.name] = _resting(table, rows[table.name], DATASETS, known)
    judged = {row_name(QRELS_SETS, row) for row in rows[QRELS_SETS.name]}
    own = {row_name(QRELS_SETS, row) for row in rows[RUNS.name] if not row["qrels_fingerprint"]}
    rows[RUNS.name] = _resting(RUNS, rows[RUNS.name], QRELS_SETS, judged | own)
    _tell_of_lost_sets(rows)
    return Snapshot({table.name: rows[table.name] for table in CATALOGUE})


def _sound(warehouse: Store, table: Table, rows: list[Row], tables: Collection[str]) -> list[Row]:
    """The rows whose files in `tables` are all intact."""
    files = [
        (name, recorded(row).get(name))
        for row in rows
        for name in row["files"]
        if name.partition("/")[0] in tables
    ]
    bad = faults(warehouse.storage, files)
    if not bad:
        return rows
    kept = []
    for row in rows:
        faulty = [name for name in row["files"] if name in bad]
        if not faulty:
            kept.append(row)
            continue
        tell(
            CmrError(
                f"{warehouse.storage.path(faulty[0])} {bad[faulty[0]]}; the row "
                f"{row_name(table, row)!r} of {table.name} is left out; {remedy(table, row)}"
            )
        )
    return kept


def _tell_of_lost_sets(rows: dict[str, list[Row]]) -> None:
    """Warn about runs whose vectors are gone: their figures still stand."""
    there = {row["set_id"] for row in rows[EMBEDDING_SETS.name]}
    used = [row[f"{side}_set"] for row in rows[RUNS.name] for side in MODALITIES]
    for name in sorted({one for one in used if one is not None} - there):
        tell(
            CmrError(
                f"embedding_sets has no intact row {name!r}, from which {used.count(name)} runs "
                f"were scored; {remedy(EMBEDDING_SETS)}"
            )
        )


def _resting(table: Table, rows: list[Row], on: Table, there: set[str]) -> list[Row]:
    """The rows whose row in another table exists; warns once about the others."""
    kept = [row for row in rows if row_name(on, row) in there]
    for name in sorted({row_name(on, row) for row in rows} - there):
        many = sum(row_name(on, row) == name for row in rows)
        tell(
            CmrError(
                f"{on.name} has no intact row {name!r}, on which {many} of {table.name} depend; "
                f"they are left out; {remedy(on)}"
            )
        )
    return kept
