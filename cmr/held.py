"""Rows of a view that is dear and asked for again and again, kept in the user's cache.

A file's name says what its rows came from (the runs that are seen, what they rest on, their files,
the SQL itself and DuckDB's version) and what it holds. A file that does not fit its name is not
read. All of them may be deleted at any time; without them the view computes the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cmr import caches
from cmr.identity import identity
from cmr.sqlfiles import sql_fingerprint
from cmr.views import KEPT_SECONDS, fetch
from cmr.warehouse.storage import Storage, parquet_bytes

# What a row of any view over ranks comes from, apart from files.
_FROM = ("runs", "int_baselines", "datasets", "qrels_sets", "embedding_sets")


def hold(con: duckdb.DuckDBPyConnection, storage: Storage, view: str, where: str = "true") -> None:
    """Put a table before a view: its rows, kept or else computed and then kept, `where` holds.

    The connection is bound to the warehouse. Raises CmrError where the view does.
    """
    stem = f"{view}-{_key(con, storage)}-"
    rows = _kept(stem)
    if rows is None:
        rows = fetch(con, f"from memory.main.{view}")
        _keep(stem, rows)
    con.register("_held", rows)
    con.execute(f"create or replace temp table {view} as from _held where {where}")
    con.unregister("_held")


def _key(con: duckdb.DuckDBPyConnection, storage: Storage) -> str:
    """What the rows depend on, as a hash; a file that was changed in place counts."""
    rows = {}
    for table in _FROM:
        found = con.execute(f"select t::varchar from {table} as t order by all").fetchall()
        rows[table] = [text for (text,) in found]
    files = con.execute(
        "select distinct unnest(files) as file from runs union "
        "select distinct unnest(files) from datasets union "
        "select distinct unnest(files) from qrels_sets order by all"
    ).fetchall()
    names = [name for (name,) in files]
    states = dict(zip(names, storage.states(names), strict=True))
    return identity(
        root=storage.root, sql=sql_fingerprint(), duckdb=duckdb.__version__, rows=rows, files=states
    )


def _kept(stem: str) -> pa.Table | None:
    for folder in caches.readable():
        for path in folder.glob(f"{stem}*.parquet"):
            with contextlib.suppress(OSError, ValueError, pa.ArrowException):
                data = path.read_bytes() if caches.trusted(path) else b""
                if path.name == _name(stem, data):
                    return pq.ParquetFile(pa.BufferReader(data)).read()
    return None


def _keep(stem: str, rows: pa.Table) -> None:
    """Write a file that appears whole; where nothing can be kept, nothing is."""
    place = caches.folder()
    if place is None:
        return
    data = parquet_bytes(rows)
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=place) as scratch:
        made = Path(scratch, "rows.parquet")
        made.write_bytes(data)
        made.chmod(0o600)
        os.replace(made, place / _name(stem, data))
        # Every change of a warehouse leaves one behind.
        for old in place.glob(f"{stem.partition('-')[0]}-*.parquet"):
            if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                old.unlink()


def _name(stem: str, data: bytes) -> str:
    return f"{stem}{hashlib.sha256(data).hexdigest()}.parquet"
