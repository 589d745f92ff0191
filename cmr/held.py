"""Cached rows of views that are expensive and queried often, in the user's cache.

Each warehouse has a folder there. A file's name identifies both where its rows came from (the
catalogue as it is seen, with the checksums of its files, the SQL itself and DuckDB's version) and
their content. A file that does not match its name is not read. All of them may be deleted at any
time; without them the views compute the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from itertools import compress
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cmr import kept_files
from cmr.answers import fetch
from cmr.identity import identity
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
    key = _key(con, storage)
    files = kept_files.there(storage.root, f"-{key}-")
    for view in views:
        stem = f"{view}-{key}"
        rows = _kept(stem, files)
        if rows is None:
            rows = fetch(con, f"from memory.main.{view}")
            kept_files.keep(storage.root, stem, parquet_bytes(rows))
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


def _kept(stem: str, files: Iterable[Path]) -> pa.Table | None:
    for data in kept_files.read(stem, files):
        with contextlib.suppress(OSError, ValueError, pa.ArrowException):
            return pq.ParquetFile(pa.BufferReader(data)).read()
    return None
