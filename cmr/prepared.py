"""The database of prepared views: every file of `sql/` as a commented view or macro.

Creating them takes DuckDB seconds, copying them milliseconds, so a database that holds nothing else
is kept in the user's cache folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from cmr import caches
from cmr.answers import explain, quoted
from cmr.errors import CmrError
from cmr.identity import file_hash
from cmr.references import Reads, graph, words
from cmr.sqlfiles import View, glossary, sql_fingerprint, views
from cmr.warehouse.store import Store

# Version of what else the database holds: raise it when that changes.
_LAYOUT = 5
# Which views and macros each of them reads, with the columns of views; and the rows of a view that
# are the same for every warehouse.
READS, KEPT_READS = "cmr_reads", "own.reads"
MEASURES, KEPT_MEASURES = "measures", "own.measures"
_COLUMNS = """
    select
        table_name,
        string_agg(format('"{}" {}', column_name, data_type), ', ' order by column_index)
    from duckdb_columns()
    where not internal and schema_name = 'main' and database_name <> 'temp'
    group by table_name
"""


def prepared() -> str:
    """The path of a database with the views, created if this version of them has none yet.

    Raises OSError where none can be written.
    """
    stem = f"views-{_LAYOUT}-{sql_fingerprint()}-{duckdb.__version__}-"
    for folder in caches.readable():
        for path in caches.named(folder, stem):
            if path.name.startswith(stem) and path.suffix == ".duckdb" and _sound(path):
                return str(path)
    place = caches.folder()
    if place is None:
        raise OSError("there is no folder to keep prepared views in")
    with tempfile.TemporaryDirectory(dir=place) as scratch:
        made = Path(scratch, "views.duckdb")
        _make(str(made), os.path.join(scratch, "empty"))
        made.chmod(0o600)
        path = place / f"{stem}{file_hash(str(made))}.duckdb"
        _clear(place, stem)
        os.replace(made, path)
    return str(path)


def _sound(path: Path) -> bool:
    """Whether a database is the user's own and its content matches its name.

    A write-ahead log beside it would be replayed into it on opening.
    """
    named = path.stem.rpartition("-")[2]
    log = path.with_name(f"{path.name}.wal")
    return caches.trusted(path) and not os.path.lexists(log) and file_hash(str(path)) == named


def _clear(folder: Path, stem: str) -> None:
    """Remove files that do not match their names, and what other versions left long ago.

    Versions used alternately keep theirs.
    """
    for old in folder.glob("*"):
        with contextlib.suppress(OSError):
            if old.name.startswith(stem) or time.time() - old.stat().st_mtime > caches.KEPT_SECONDS:
                shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()


def _make(path: str, root: str) -> None:
    """Create the views over an empty warehouse: their columns are the same over any other."""
    Store.create(root)
    with duckdb.connect(path) as con:
        con.execute(f"set variable cmr_root = {quoted(root)}")
        con.execute("create schema own")
        keep_reads(con, f"table {KEPT_READS}", install(con))
        con.execute(f"create table {KEPT_MEASURES} as from {MEASURES}")


def replace_views(con: duckdb.DuckDBPyConnection, queries: Mapping[str, str]) -> None:
    """Give views other statements with the same columns, and restore their comments.

    The views that read them stay as they are. Raises CmrError if DuckDB refuses one.
    """
    replaced = [replace(one, query=queries[one.name]) for one in views() if one.name in queries]
    try:
        for view in replaced:
            _create(con, view)
        _comment(con, replaced)
    except duckdb.Error as error:
        raise CmrError(explain(error)) from None


def install(con: duckdb.DuckDBPyConnection) -> Reads:
    """Create the views and macros, with their comments; returns what each of them reads.

    Raises CmrError if DuckDB refuses one, as it does where the warehouse is damaged.
    """
    todo = _in_order(views())
    try:
        while todo:
            left: list[tuple[View, duckdb.Error]] = []
            for view in todo:
                try:
                    _create(con, view)
                except (duckdb.CatalogException, duckdb.BinderException) as error:
                    # It may read one that does not exist yet.
                    left.append((view, error))
            if len(left) == len(todo):
                raise CmrError(_cause(left))
            todo = [view for view, _ in left]
        _comment(con, views())
    except duckdb.Error as error:
        raise CmrError(explain(error)) from None
    return graph(con, {view.name: view.query for view in views() if not view.is_macro})


def _cause(left: Sequence[tuple[View, duckdb.Error]]) -> str:
    """Why views cannot be created: the error of one that does not merely wait for another."""
    waits = [f"name {view.name} does not exist" for view, _ in left]
    said = [(view.name, explain(error)) for view, error in left]
    own = (one for one in said if not any(wait in one[1] for wait in waits))
    name, text = next(own, said[0])
    return f"{name}: {text}"


def keep_reads(con: duckdb.DuckDBPyConnection, table: str, reads: Reads) -> None:
    """Make a table of what each view and macro reads, and of each view's columns as SQL."""
    con.execute(f"create or replace {table} (name varchar, reads varchar[], columns varchar)")
    columns: dict[str, str] = dict(con.execute(_COLUMNS).fetchall())
    rows = [[name, sorted(others), columns.get(name)] for name, others in reads.items()]
    con.executemany(f"insert into {table.split()[-1]} values (?, ?, ?)", rows)


def _in_order(some: Sequence[View]) -> list[View]:
    """Each after those that it names, as far as that can be told from its words."""
    known, done, out = {view.name: view for view in some}, set[str](), list[View]()

    def add(view: View) -> None:
        if view.name not in done:
            done.add(view.name)
            for name in sorted(words(view.query) & known.keys()):
                add(known[name])
            out.append(view)

    for view in some:
        add(view)
    return out


def _create(con: duckdb.DuckDBPyConnection, view: View) -> None:
    made = f"macro {view.query}" if view.is_macro else f"view {view.name} as {view.query}"
    con.execute(f"create or replace {made}")


def _comment(con: duckdb.DuckDBPyConnection, described: Sequence[View]) -> None:
    """Comment views, macros and columns; a column has its view's text, or else the glossary's."""
    known, named = glossary(), {view.name: view for view in described}
    asked = """
        select 'view', view_name, null from duckdb_views() where not internal
        union all
        select if(function_type = 'table_macro', 'macro table', 'macro'), function_name, null
        from duckdb_functions() where not internal and function_type in ('macro', 'table_macro')
        union all
        select 'column', table_name, column_name from duckdb_columns() where not internal
    """
    for kind, name, column in con.execute(asked).fetchall():
        if name not in named:
            continue
        view, place = named[name], name if column is None else f'{name}."{column}"'
        text = view.comment if column is None else view.columns.get(column) or known.get(column)
        if text:
            con.execute(f"comment on {kind} {place} is {quoted(text)}")
