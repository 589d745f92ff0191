"""A DuckDB database with every view and macro, over the Parquet files or with a copy of them."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import duckdb

from cmr.answers import quoted
from cmr.export.format import Asked, Format
from cmr.materialised import prepare
from cmr.prepared import replace_views
from cmr.references import names_in
from cmr.sources.source import Parameter
from cmr.sqlfiles import views
from cmr.views import connect
from cmr.warehouse.store import Store

# The oldest storage format that can hold all this, so that older clients can open it.
STORAGE = "v1.0.0"
STORED = "stored"
# Macros that read a warehouse's files.
_OF_FILES = {"warehouse_root", "files_of"}
_VECTORS = ("embeddings", "frames", "codebooks")
# Views that take long to compute, or that read the files of two tables.
_COMPUTED = ("metrics", "earned_metrics", "retention", "evidence")


def write(asked: Asked, out: Path) -> None:
    """Write one file that any DuckDB client opens; views and columns keep their comments.

    Without a copy, the views name the warehouse by its absolute path and show what it holds when
    queried. A copy holds the tables as they are now, in the schema `stored`.
    """
    root, copy = asked.warehouse.root, asked.options["copy"]
    if not copy and asked.warehouse.writable():
        # A warehouse may be older than a table, and then lacks the anchor that defines its columns.
        Store.create(root)
    with closing(connect(root)) as con:
        con.execute(f"attach {quoted(os.fspath(out))} as target (storage_version '{STORAGE}')")
        con.execute("copy from database memory to target (schema)")
        copied = _copy(asked, con) if copy else ()
        con.execute("detach target")
    with duckdb.connect(os.fspath(out)) as con:
        if "://" in root:
            import fsspec

            con.register_filesystem(fsspec.filesystem(root.partition("://")[0]))
        # In cmr's own connections a variable provides this.
        con.execute(f"create or replace macro warehouse_root() as {quoted(root.rstrip('/'))}")
        if copy:
            replace_views(con, _of_copies(con, copied))
        con.execute("checkpoint")


def _of_copies(con: duckdb.DuckDBPyConnection, copied: Collection[str]) -> dict[str, str]:
    """New queries for views that read files: a copy has no files that could be missing."""
    queries = {
        view.name: f"select * from ({view.query}) limit 0"
        for view in views()
        if not view.is_macro and names_in(con, view.query) & _OF_FILES
    }
    return queries | {name: f"select * from {STORED}.{name}" for name in copied}


def _copy(asked: Asked, con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Copy the tables, and the measures that take long to compute; returns their names."""
    names = [view.name for view in views("staging")]
    prepare(con, asked.warehouse, f"from {', '.join(_COMPUTED)}", bar=asked.bar)
    con.execute(f"create schema target.{STORED}")
    with asked.bar("tables", len(names) + len(_COMPUTED), "tables") as advance:
        for name in (*names, *_COMPUTED):
            left = " limit 0" if asked.options["no_vectors"] and name in _VECTORS else ""
            con.execute(f"create table target.{STORED}.{name} as from {name}{left}")
            advance(1)
    return (*names, *_COMPUTED)


FORMAT = Format(
    name="duckdb",
    summary="A DuckDB database with all views, for any client or SQL IDE.",
    about="The views name the warehouse by its absolute path, hold no data, and show its contents "
    "when queried; if the warehouse moves, export again. With --copy the file holds every "
    "table as it is now, with the measures computed, and needs no warehouse. Every view runs in "
    "DuckDB 2.0 and newer; older ones open the file and run most of a copy.",
    examples=(
        "cmr export duckdb --out cmr.duckdb",
        "cmr export duckdb --copy --no-vectors --out results.duckdb",
        'duckdb cmr.duckdb -c "from leaderboard"',
    ),
    needs="warehouse",
    into="file",
    write=write,
    parameters=(
        Parameter("copy", "Put a copy of every table into the file.", kind=bool),
        Parameter("no_vectors", "Leave the vectors out of the copy.", kind=bool),
    ),
)
