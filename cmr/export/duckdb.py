"""A DuckDB database with every view and macro, over the Parquet files or with a copy of them."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import duckdb

from cmr.export.format import Asked, Format
from cmr.materialised import KEPT, prepare
from cmr.sources.source import Parameter
from cmr.sqlfiles import View, views
from cmr.views import connect, install, quoted

# The oldest storage that holds all this, so that older clients open it too.
STORAGE = "v1.0.0"
STORED = "stored"
_ROOT = "getvariable('cmr_root')"
_VECTORS = ("embeddings", "frames")


def write(asked: Asked, out: Path) -> None:
    """One file that any DuckDB client opens; views and columns keep their comments.

    Attached to the Parquet, the views name the warehouse by its absolute path and show what is
    there when they are asked. A copy holds the tables as they are now, in the schema `stored`.
    """
    root = asked.warehouse.root
    copied = _copy(asked, out) if asked.options["copy"] else frozenset[str]()

    def change(view: View, text: str) -> str:
        if view.name in copied:
            return f"select * from {STORED}.{view.name}"
        if copied and view.name == "check_files_exist":
            # A copy has no files that could be missing.
            return f"select * from ({_bound(text, root)}) limit 0"
        return _bound(text, root)

    with closing(connect(root)) as con:
        _attach(con, out)
    with duckdb.connect(os.fspath(out)) as con:
        if "://" in root:
            import fsspec

            con.register_filesystem(fsspec.filesystem(root.partition("://")[0]))
        install(con, change)
        con.execute("checkpoint")


def _bound(text: str, root: str) -> str:
    return text.replace(_ROOT, quoted(root.rstrip("/")))


def _attach(con: duckdb.DuckDBPyConnection, out: Path) -> None:
    con.execute(f"attach {quoted(os.fspath(out))} as target (storage_version '{STORAGE}')")


def _copy(asked: Asked, out: Path) -> frozenset[str]:
    """Copy the tables, and the measures that would take long to compute; returns their names."""
    names = [view.name for view in views("staging")]
    with closing(connect(asked.warehouse.root)) as con:
        prepare(con, asked.warehouse, " ".join(KEPT), bar=asked.bar)
        _attach(con, out)
        con.execute(f"create schema target.{STORED}")
        with asked.bar("tables", len(names) + len(KEPT), "tables") as advance:
            for name in (*names, *KEPT):
                left = " limit 0" if asked.options["no_vectors"] and name in _VECTORS else ""
                con.execute(f"create table target.{STORED}.{name} as from {name}{left}")
                advance(1)
        con.execute("detach target")
    return frozenset((*names, *KEPT))


FORMAT = Format(
    name="duckdb",
    summary="A DuckDB database with all views, for any client or SQL IDE.",
    about="The views name the warehouse by its absolute path, hold no data, and show what is in "
    "it when they are asked; move the warehouse, and the export is to be made again. With --copy "
    "the file holds every table as it is now, and the measures ready computed, and stands alone. "
    "Every view runs in DuckDB 2.0 and newer; older ones open the file and run most of a copy.",
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
