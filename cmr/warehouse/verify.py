"""Checking that a warehouse's files are intact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cmr.errors import CmrError
from cmr.progressbar import ProgressBar
from cmr.rows import Row
from cmr.warehouse.catalogue_rows import read_row, recorded, row_name
from cmr.warehouse.inventory import ROW, FoundFile, anchors_and_rows
from cmr.warehouse.layout import catalogue_path
from cmr.warehouse.marker import is_fixed
from cmr.warehouse.schemas import (
    BENCHES,
    DATASETS,
    EMBEDDING_SETS,
    QRELS_SETS,
    ROW_CHECKSUM,
    RUNS,
    TABLES,
)
from cmr.warehouse.storage import Storage
from cmr.warehouse.store import Store

OK = "ok"
DAMAGED = "damaged"
MISSING = "missing"
UNRECORDED = "not recorded"
_THREADS = 4


@dataclass(frozen=True)
class Checked:
    """One file and its state; `why` says more about what is wrong."""

    path: str
    bytes: int
    state: str
    why: str = ""

    @property
    def table(self) -> str:
        """The table that the file belongs to."""
        return self.path.partition("/")[0]


@dataclass(frozen=True)
class _Named:
    """A data file, the checksum recorded for it, and the catalogue row that names it."""

    path: str
    digest: str | None
    row: str


def verify(warehouse: Store, bar: ProgressBar) -> list[Checked]:
    """Every catalogue row, anchor and data file, by path.

    Catalogue rows and anchors are read; the bytes of data files are compared with the checksums
    recorded when they were written. A file without one is read in full instead. What is replaced or
    removed while this runs does not count as missing.
    """
    storage = warehouse.storage
    fixed = anchors_and_rows(warehouse)
    rows: dict[str, Row] = {}
    found = [_read(storage, entry, rows) for entry in fixed]
    found += _gone(storage, rows)
    bad = {one.path for one in found if one.state in (DAMAGED, MISSING)}
    named = [
        one
        for entry in fixed
        if entry.kind == ROW and entry.path not in bad
        for one in _named(storage, entry.path)
    ]
    sizes = [max(0, size) for size, _ in storage.states([one.path for one in named])]
    with (
        ThreadPoolExecutor(_THREADS) as pool,
        bar("verifying", sum(sizes), "B") as advance,
    ):
        for checked in pool.map(
            lambda pair: _check(storage, *pair), zip(named, sizes, strict=True)
        ):
            if checked is not None:
                found.append(checked)
                advance(checked.bytes)
    return sorted(found, key=lambda one: one.path)


def _read(storage: Storage, entry: FoundFile, rows: dict[str, Row]) -> Checked:
    """Check a catalogue row against its checksum, an anchor or the marker; rows are kept."""
    if entry.bytes < 0:
        return Checked(entry.path, 0, MISSING)
    try:
        if entry.kind == ROW:
            rows[entry.path] = row = _row(storage, entry.path)
            if ROW_CHECKSUM not in row:
                return Checked(entry.path, entry.bytes, UNRECORDED)
        elif not is_fixed(storage, entry.path):
            return Checked(entry.path, entry.bytes, DAMAGED, "it differs from what was written")
    except CmrError as error:
        if entry.kind == ROW and not storage.exists(entry.path):
            return Checked(entry.path, 0, OK)
        return Checked(entry.path, entry.bytes, DAMAGED, _why(error))
    return Checked(entry.path, entry.bytes, OK)


def _gone(storage: Storage, rows: Mapping[str, Row]) -> list[Checked]:
    """Missing rows that other rows depend on."""
    wanted: dict[str, str] = {}
    for path, row in rows.items():
        if path.partition("/")[0] in (QRELS_SETS.name, RUNS.name, BENCHES.name):
            wanted.setdefault(catalogue_path(DATASETS, row_name(DATASETS, row)), path)
        if path.startswith(f"{RUNS.name}/"):
            if row.get("qrels_fingerprint"):
                wanted.setdefault(catalogue_path(QRELS_SETS, row_name(QRELS_SETS, row)), path)
            for name in (row.get("text_set"), row.get("visual_set")):
                if name is not None:
                    wanted.setdefault(catalogue_path(EMBEDDING_SETS, name), path)
    return [
        Checked(path, 0, MISSING, f"{by} depends on it")
        for path, by in wanted.items()
        if path not in rows and not storage.exists(path)
    ]


def _named(storage: Storage, path: str) -> Iterator[_Named]:
    """What the catalogue row in this file names."""
    if storage.exists(path):
        row = _row(storage, path)
        sums = recorded(row)
        for name in row["files"]:
            yield _Named(name, sums.get(name), path)


def _row(storage: Storage, path: str) -> Row:
    """A catalogue row as stored in its file. Raises CmrError if it is damaged."""
    table = TABLES[path.partition("/")[0]]
    data = storage.read(path)
    row = read_row(table, path, data)
    return {name: row[name] for name in data.column_names}


def _check(storage: Storage, named: _Named, size: int) -> Checked | None:
    """Check one data file; None if its row no longer names it."""
    checked = _compare(storage, named, size)
    if checked.state in (OK, UNRECORDED):
        return checked
    now = {one.path: one for one in _named(storage, named.row)}
    if named.path not in now:
        return None
    return checked if now[named.path] == named else _compare(storage, now[named.path], size)


def _compare(storage: Storage, named: _Named, size: int) -> Checked:
    if not storage.exists(named.path):
        return Checked(named.path, 0, MISSING, f"named by {named.row}")
    try:
        if named.digest is None:
            with storage.parquet(named.path) as file:
                for _ in file.iter_batches():
                    pass
            return Checked(named.path, size, UNRECORDED)
        same = storage.checksum(named.path) == named.digest
    except (CmrError, OSError) as error:
        return Checked(named.path, size, DAMAGED, _why(error))
    if same:
        return Checked(named.path, size, OK)
    return Checked(named.path, size, DAMAGED, "its checksum differs from when it was written")


def _why(error: Exception) -> str:
    """The reason alone, because the path is printed before it."""
    return str(error).rpartition("Parquet file: ")[2].rpartition(".parquet ")[2]
