"""DuckDB over a warehouse: every file of `sql/` becomes a commented view or macro.

The views name their Parquet files through the variable `cmr_root`, so they are bound to a
warehouse when they are queried, and hold no data.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from cmr.errors import CmrError

T = TypeVar("T")

LAYERS = ("macros", "staging", "intermediate", "marts", "checks")
_WORD = re.compile(r"\b[a-z_]+\b")
_NOTE = re.compile(r"-- ?(?:@(?P<column>\w+): )?(?P<text>.*)")


@dataclass(frozen=True)
class View:
    """One file of `sql/`: its layer, name, statement, and what its head comment says."""

    layer: str
    name: str
    query: str
    comment: str
    columns: dict[str, str]


def sql_dir() -> Path:
    """The folder `sql`: inside an installed package, beside it in a checkout."""
    inside = Path(__file__).parent / "sql"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "sql"


def views(layer: str | None = None) -> list[View]:
    """The files of one layer, or of all, by layer and name."""
    found = []
    for name in LAYERS if layer is None else (layer,):
        for path in sorted((sql_dir() / name).glob("*.sql")):
            found.append(_parse(name, path))
    return found


def view_names(layer: str | None = None) -> list[str]:
    """Names of the views of one layer, or of all but the macros."""
    return [view.name for view in views(layer) if view.layer != "macros"]


def glossary() -> dict[str, str]:
    """What columns mean that mean the same everywhere."""
    with (sql_dir() / "columns.toml").open("rb") as stream:
        return dict(tomllib.load(stream)["columns"])


def connect(root: str, *, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory connection with every view and macro over the warehouse at `root`."""
    con = duckdb.connect(":memory:")
    if threads:
        con.execute(f"set threads = {int(threads)}")
    if "://" in root:
        import fsspec

        con.register_filesystem(fsspec.filesystem(root.partition("://")[0]))
    literal = root.rstrip("/").replace("'", "''")
    con.execute(f"set variable cmr_root = '{literal}'")
    try:
        install(con)
    except duckdb.Error as error:
        raise CmrError(explain(error)) from None
    return con


def install(con: duckdb.DuckDBPyConnection) -> None:
    """Create the views and macros, with their comments, in an open connection."""
    known = glossary()
    for view in in_order(views()):
        _create(con, view, known)


def in_order(found: Sequence[View]) -> list[View]:
    """The same files, each after those of them that it names."""
    by_name = {view.name: view for view in found}
    begun: set[str] = set()
    done: list[View] = []

    def place(view: View) -> None:
        if view.name in begun:
            return
        begun.add(view.name)
        for name in _WORD.findall(view.query):
            if name in by_name:
                place(by_name[name])
        done.append(view)

    for view in found:
        place(view)
    return done


def fetch(con: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """A query's whole result. Raises CmrError with DuckDB's reason in one sentence."""
    try:
        return _stoppable(con, lambda: con.sql(query).to_arrow_table())
    except duckdb.Error as error:
        raise CmrError(explain(error)) from None


def _stoppable(con: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Do it in a thread, so that Ctrl-C reaches Python at once and stops the query."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            return done.result()
        except KeyboardInterrupt:
            con.interrupt()
            raise


def materialise(
    con: duckdb.DuckDBPyConnection, view: str, run_ids: Sequence[str] | None = None
) -> None:
    """Compute a view once for this connection; views over it then read the result.

    A temporary table of the same name comes first where names are looked up. `run_ids` keeps
    only these runs: a list of constants, which reaches down to the files that are read.
    """
    only = ""
    if run_ids is not None:
        only = f" where run_id in ({', '.join(map(_quoted, run_ids)) or 'null'})"
    try:
        query = f"create or replace temp table {view} as from memory.main.{view}{only}"
        _stoppable(con, lambda: con.execute(query))
    except duckdb.Error as error:
        raise CmrError(explain(error)) from None


def explain(error: duckdb.Error) -> str:
    """DuckDB's message as one sentence, with its hint and without its drawing of the query."""
    lines = [line.strip() for line in str(error).splitlines()]
    keep = [line for line in lines if line and not line.startswith(("LINE ", "^"))]
    return " ".join(keep[:3])


def _create(con: duckdb.DuckDBPyConnection, view: View, known: dict[str, str]) -> None:
    if view.layer == "macros":
        con.execute(f"create or replace macro {view.query}")
        return
    con.execute(f"create or replace view {view.name} as {view.query}")
    con.execute(f"comment on view {view.name} is {_quoted(view.comment)}")
    columns: list[tuple[Any, ...]] = con.execute(
        "select column_name from duckdb_columns() where table_name = ?", [view.name]
    ).fetchall()
    for (column,) in columns:
        text = view.columns.get(column) or known.get(column)
        if text:
            con.execute(f'comment on column {view.name}."{column}" is {_quoted(text)}')


def _parse(layer: str, path: Path) -> View:
    """Split a file into its head comment and its statement."""
    text = path.read_text(encoding="utf-8")
    notes: list[str] = []
    columns: dict[str, str] = {}
    lines = text.splitlines()
    while lines and lines[0].startswith("--"):
        match = _NOTE.match(lines.pop(0))
        assert match is not None
        if match["column"]:
            columns[match["column"]] = match["text"]
        elif columns:
            last = next(reversed(columns))
            columns[last] += " " + match["text"].strip()
        else:
            notes.append(match["text"].strip())
    return View(layer, path.stem, "\n".join(lines), " ".join(notes), columns)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
