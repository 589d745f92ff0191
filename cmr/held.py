"""Cached rows of views that are expensive and queried often, in the user's cache.

Each warehouse has a folder there. A file's name identifies both where its rows came from (the
catalogue as it is seen, with the checksums of its files, the SQL itself and DuckDB's version) and
their content. A file that does not match its name is not read. All of them may be deleted at any
time; without them the views compute the same.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from functools import cache
from itertools import compress
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cmr import caches
from cmr.answers import fetch
from cmr.identity import identity, kept_name
from cmr.prepared import KEPT_SECONDS
from cmr.progressbar import Advance, no_advance
from cmr.sqlfiles import sql_fingerprint
from cmr.warehouse.schemas import CATALOGUE
from cmr.warehouse.storage import Storage, parquet_bytes


def hold(
    con: duckdb.DuckDBPyConnection,
    storage: Storage,
    *views: str,
    where: str = "true",
    advance: Advance = no_advance,
) -> None:
    """Shadow each view by a table of its rows where `where` holds: cached, or computed and cached.

    The connection must be bound to the warehouse and to every file that the views read. A view
    comes before those that read it. `advance` is told of each view. Raises CmrError where a view
    does.
    """
    key, mine = _key(con, storage), _folder(storage)
    there = _there(mine, key)
    for view in views:
        stem = f"{view}-{key}"
        rows = _kept(stem, there)
        if rows is None:
            rows = fetch(con, f"from memory.main.{view}")
            _keep(mine, stem, rows)
        con.register("_held", rows)
        con.execute(f"create or replace temp table {view} as from _held where {where}")
        con.unregister("_held")
        advance(1)


def _key(con: duckdb.DuckDBPyConnection, storage: Storage) -> str:
    """Hash of what the rows depend on.

    Files match the checksums in their rows, or the rows would not be seen. Files without a
    checksum, which an earlier version wrote, count by size and modification time.
    """
    rows = {}
    unsure: set[str] = set()
    for seen in (*(f"catalogue_{table.name}" for table in CATALOGUE), "runs", "int_baselines"):
        found = con.execute(f"select t::varchar from {seen} as t order by all").fetchall()
        rows[seen] = [text for (text,) in found]
    for table in CATALOGUE:
        listed = con.execute(f"select files, checksums from catalogue_{table.name}").fetchall()
        for names, digests in listed:
            unsure |= set(names) - set(compress(names, digests or ()))
    files = sorted(unsure)
    states = dict(zip(files, storage.states(files), strict=True))
    return identity(
        root=storage.root, sql=sql_fingerprint(), duckdb=duckdb.__version__, rows=rows, files=states
    )


def _folder(storage: Storage) -> str:
    """A warehouse's folder in the cache, so that no question lists the rows of all others."""
    return f"rows-{identity(root=storage.root)}"


def _there(mine: str, key: str) -> list[Path]:
    """The files of all views that belong to `key`."""
    folders = [folder / mine for folder in caches.readable()]
    return [
        path
        for folder in folders
        if caches.trusted(folder)
        for path in caches.named(folder, f"-{key}-")
    ]


def _kept(stem: str, there: Iterable[Path]) -> pa.Table | None:
    for path in there:
        if not path.name.startswith(f"{stem}-"):
            continue
        with contextlib.suppress(OSError, ValueError, pa.ArrowException):
            data = path.read_bytes() if caches.trusted(path) else b""
            if path.name == kept_name(stem, data):
                return pq.ParquetFile(pa.BufferReader(data)).read()
    return None


def _keep(mine: str, stem: str, rows: pa.Table) -> None:
    """Write the file atomically; without a cache folder, do nothing."""
    place = caches.folder()
    if place is None:
        return
    data, folder = parquet_bytes(rows), place / mine
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=place) as scratch:
        made = Path(scratch, "rows.parquet")
        made.write_bytes(data)
        made.chmod(0o600)
        folder.mkdir(mode=0o700, exist_ok=True)
        os.replace(made, folder / kept_name(stem, data))
    _clear(place, folder)


@cache
def _clear(place: Path, folder: Path) -> None:
    """Every change of a warehouse leaves some behind: once a process is often enough.

    A folder in which nothing was written for so long is of a warehouse that is gone, or at rest.
    """
    for old in [*folder.glob("*"), *place.glob("rows-*")]:
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
