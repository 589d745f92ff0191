"""DuckDB over a warehouse: every file of `sql/` becomes a commented view or macro.

The views name their Parquet files through the variable `cmr_root`, so they are bound to a
warehouse when they are queried, and hold no data. Making them takes DuckDB seconds and copying
them milliseconds, so a database that holds nothing else is kept in the user's cache folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import duckdb
import pyarrow as pa

from cmr import caches
from cmr import memory as memory_limits
from cmr.errors import CmrError
from cmr.identity import file_hash
from cmr.references import Reads, closure, graph, names_in
from cmr.sqlfiles import View, glossary, sql_fingerprint, views
from cmr.warehouse.anchors import anchor
from cmr.warehouse.anchors import folder as own_anchors
from cmr.warehouse.layout import ANCHORED
from cmr.warehouse.schemas import CATALOGUE
from cmr.warehouse.snapshot import VECTORS, Snapshot, take
from cmr.warehouse.storage import Storage
from cmr.warehouse.store import Warehouse

T = TypeVar("T")
# How long prepared views of another version are kept.
KEPT_SECONDS = 30 * 86_400
# How often files are read that are not as they were a moment ago.
TRIES, RETRY_SECONDS = 3, 0.05


# Views of rows of the catalogue, and what rests on them alone, in the order of what they read.
_ROWS = tuple(table.name for table in CATALOGUE)
_SMALL = (
    *_ROWS, "int_facts", "measures", "int_baselines", "int_benched", "speed", "int_pace"
)  # fmt: skip
# What the views of pairs come to where every file is named and no run is an earlier version's: it
# plans in a step, and no file need be opened to know its columns.
_PAIRS = ("ranks", "sampled_ranks", "hits")
_DIRECT = """
    from read_parquet(
        getvariable('cmr_{name}'), hive_partitioning = true, hive_types = {{'run_id': varchar}}
    )
"""
# Tables of which every file is a run's.
_OF_RUNS = ("ranks", "sampled_ranks", "hits", "timings")
# What else a database of prepared views holds; another where that changes.
_LAYOUT = 2
# Which views and macros each of them reads.
_READS, _KEPT_READS = "cmr_reads", "own.reads"
# What DuckDB does to a plan that adds a step in twenty to these views and saves no time in them.
_NEEDLESS = "column_lifetime,common_subexpressions,compressed_materialization,cte_filter_pusher"
# What DuckDB would fetch and run by itself: cmr needs no extension that is not built in.
_OWN = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}


def connect(
    root: str,
    query: str | None = None,
    *,
    threads: int | None = None,
    memory: int | None = None,
) -> duckdb.DuckDBPyConnection:
    """An in-memory connection with every view and macro over the warehouse at `root`.

    They see one state of it: its checked rows and files of now; `bind` takes another. `query`:
    what will be asked, so that only what it reads is checked; without it all but vectors is.
    `memory`: bytes that it may take; what needs more spills to a folder that goes with it.
    Raises CmrError if there is no warehouse. Warns of what is damaged, which is left out.
    """
    bytes_ = memory_limits.for_queries(memory)
    config = {**_OWN, "memory_limit": f"{bytes_}B", "temp_directory": caches.spill()}
    con = duckdb.connect(":memory:", config=config)
    if threads:
        con.execute(f"set threads = {int(threads)}")
    warehouse = Warehouse.open(root)
    storage = warehouse.storage
    if not storage.is_local:
        from cmr.warehouse.duckfiles import DuckFiles

        con.register_filesystem(DuckFiles(storage))
    con.execute(f"set disabled_optimizers = {quoted(_NEEDLESS)}")
    con.execute(f"set variable cmr_root = {quoted(storage.root.rstrip('/'))}")
    try:
        con.execute(f"attach {quoted(_prepared())} as prepared (read_only)")
        con.execute("copy from database prepared to memory (schema)")
        con.execute(f"create temp table {_READS} as from prepared.{_KEPT_READS}")
        con.execute("detach prepared")
        con.execute("drop schema memory.own cascade")
    except (OSError, duckdb.Error, CmrError):
        # Nothing can be kept here, or it is gone again: made anew, which takes seconds.
        _keep_reads(con, f"temp table {_READS}", _install(con))
    bind(con, warehouse, None if query is None else needs(con, query))
    return con


def needs(con: duckdb.DuckDBPyConnection, query: str) -> set[str]:
    """The views and macros that a query names, and all that they read."""
    rows = con.execute(f"select name, reads from {_READS}").fetchall()
    reads: Reads = {name: frozenset(others) for name, others in rows}
    return closure(reads, names_in(con, query))


def bind(
    con: duckdb.DuckDBPyConnection, warehouse: Warehouse, needed: Collection[str] | None = None
) -> None:
    """Let the views see the warehouse as it is now: checked rows, and files that they name.

    `needed`: what will be read; without it all but vectors. Whatever else there is stays as it was.
    Views of some rows a run are made tables, for others read them many times.
    """
    data = {table.name for table in ANCHORED} - {table.name for table in CATALOGUE}
    needed = set(data - VECTORS) | set(_SMALL) if needed is None else set(needed)
    if not needed & {table.name for table in ANCHORED}:
        return
    snapshot = take(warehouse, needed & data)
    if any(row["most_relevants"] is None for row in snapshot.rows["runs"]):
        # What is not known of the runs of earlier versions is found in their ranks.
        snapshot = take(warehouse, needed & data | {"ranks"})
    for table in CATALOGUE:
        con.register("_rows", pa.Table.from_pylist(snapshot.rows[table.name], table.schema))
        con.execute(f"create or replace temp table catalogue_{table.name} as from _rows")
        con.unregister("_rows")
    try:
        _show(con, warehouse.storage, snapshot, needed & data, needed)
    except duckdb.Error as error:
        raise CmrError(explain(error)) from None


def _show(
    con: duckdb.DuckDBPyConnection,
    storage: Storage,
    snapshot: Snapshot,
    tables: Collection[str],
    needed: Collection[str],
) -> None:
    """Name the files of some tables, and make small views tables."""
    older = [
        storage.path(name)
        for row in snapshot.rows["runs"]
        for name in row["files"]
        if row["most_relevants"] is None and name.startswith("ranks/")
    ]
    _set_files(con, "older_ranks", [anchor(storage, "ranks"), *map(_literal, older)])
    for name in tables:
        files = [anchor(storage, name), *map(storage.path, snapshot.files(name))]
        _set_files(con, name, [_literal(path) for path in files])
    for name in _PAIRS:
        if name in needed and not older:
            con.execute(f"create or replace temp view {name} as {_DIRECT.format(name=name)}")
        else:
            con.execute(f"drop view if exists temp.{name}")
    for name in _SMALL:
        if name in needed or name in _ROWS:
            con.execute(f"create or replace temp table {name} as from memory.main.{name}")


@contextlib.contextmanager
def only(con: duckdb.DuckDBPyConnection, run_ids: Collection[str]) -> Iterator[None]:
    """Let every view see these runs alone, so that no other file is read."""
    folders = [f"/run_id={quote(run_id, safe='')}/" for run_id in run_ids]
    before = {}
    for name in _OF_RUNS:
        ((files,),) = con.execute(f"select getvariable('cmr_{name}')").fetchall()
        if files:
            before[name] = files
            # The first is the anchor, which tells the columns.
            mine = [path for path in files[1:] if any(folder in path for folder in folders)]
            _set_files(con, name, [files[0], *mine])
    listed = ", ".join(map(quoted, run_ids)) or "null"
    con.execute("create or replace temp table _runs as from runs")
    con.execute(f"create or replace temp table runs as from _runs where run_id in ({listed})")
    try:
        yield
    finally:
        con.execute("create or replace temp table runs as from _runs")
        con.execute("drop table _runs")
        for name, files in before.items():
            _set_files(con, name, files)


def _set_files(con: duckdb.DuckDBPyConnection, name: str, paths: list[str]) -> None:
    con.execute(f"set variable cmr_{name} = $1::varchar[]", [paths])


def _literal(path: str) -> str:
    """A path of which DuckDB takes no letter for a pattern."""
    return re.sub(r"([\[*?])", r"[\1]", path)


def lock(con: duckdb.DuckDBPyConnection, storage: Storage, sandbox: bool = False) -> None:
    """Let nothing change the connection's configuration any more, nor Python's variables be read.

    `sandbox`: of all files it reads the warehouse's alone. A connection is locked once.
    """
    if con.execute("select current_setting('lock_configuration')").fetchall() == [(True,)]:
        return
    con.execute("set python_enable_replacements = false")
    if sandbox:
        roots = {storage.root, os.path.realpath(storage.root) if storage.is_local else storage.root}
        roots.add(own_anchors())
        folders = ", ".join(quoted(f"{root.rstrip('/')}/") for root in sorted(roots))
        con.execute(f"set allowed_directories = [{folders}]")
        con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")


def _prepared() -> str:
    """A database with the views, made if this version of them has none yet.

    Raises OSError where none can be written.
    """
    stem = f"views-{_LAYOUT}-{sql_fingerprint()}-{duckdb.__version__}-"
    for folder in caches.readable():
        for path in sorted(folder.glob(f"{stem}*.duckdb")):
            if _sound(path):
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
    """Whether a database is the user's own and its content that which its name says.

    A log beside it would be played into it when it is opened.
    """
    named = path.stem.rpartition("-")[2]
    log = path.with_name(f"{path.name}.wal")
    return caches.trusted(path) and not os.path.lexists(log) and file_hash(str(path)) == named


def _clear(folder: Path, stem: str) -> None:
    """Remove what does not fit its name, and what other versions left long ago.

    Versions that are used in turn keep theirs.
    """
    for old in folder.glob("*"):
        with contextlib.suppress(OSError):
            if old.name.startswith(stem) or time.time() - old.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()


def _make(path: str, root: str) -> None:
    """Views over an empty warehouse: their columns are the same over any other."""
    Warehouse.create(root)
    with duckdb.connect(path) as con:
        con.execute(f"set variable cmr_root = {quoted(root)}")
        con.execute("create schema own")
        _keep_reads(con, f"table {_KEPT_READS}", _install(con))


def replace_views(con: duckdb.DuckDBPyConnection, queries: Mapping[str, str]) -> None:
    """Give views other statements with the same columns, and their comments again.

    What is made of them stays as it is. Raises CmrError if DuckDB refuses one.
    """
    known = glossary()
    try:
        for view in views():
            if view.name in queries:
                _create(con, replace(view, query=queries[view.name]), known)
    except duckdb.Error as error:
        raise CmrError(explain(error)) from None


def _install(con: duckdb.DuckDBPyConnection) -> Reads:
    """Create the views and macros, with their comments; returns what each of them reads.

    Raises CmrError if DuckDB refuses one, as it does where the warehouse is damaged.
    """
    known = glossary()
    todo = views()
    try:
        while todo:
            left: list[View] = []
            for view in todo:
                try:
                    _create(con, view, known)
                except (duckdb.CatalogException, duckdb.BinderException):
                    # It may read one that is not there yet.
                    left.append(view)
            if len(left) == len(todo):
                _create(con, left[0], known)
            todo = left
    except duckdb.Error as error:
        raise CmrError(explain(error)) from None
    return graph(con, {view.name: view.query for view in views() if not view.is_macro})


def _keep_reads(con: duckdb.DuckDBPyConnection, table: str, reads: Reads) -> None:
    con.execute(f"create or replace {table} (name varchar, reads varchar[])")
    rows = [[name, sorted(others)] for name, others in reads.items()]
    con.executemany(f"insert into {table.split()[-1]} values (?, ?)", rows)


def fetch(
    con: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[Any] | dict[str, Any] | None = None,
    shape: Callable[[duckdb.DuckDBPyRelation], duckdb.DuckDBPyRelation] = lambda found: found,
) -> pa.Table:
    """A query's whole result, or what `shape` makes of it.

    Raises CmrError with DuckDB's reason in one sentence.

    DuckDB opens a file more than once in a query: one that another process replaces meanwhile reads
    as damaged, and is whole when it is read again.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            return _stoppable(con, lambda: shape(con.sql(query, params=params)).to_arrow_table())
        except duckdb.Error as error:
            # That has no class of its own, unlike a mistake of the query.
            if not tries_left or type(error) is not duckdb.Error:
                raise CmrError(explain(error)) from None
        time.sleep(RETRY_SECONDS)
    raise AssertionError("the last try returns or raises")


def _stoppable(con: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Do it in a thread, so that Ctrl-C reaches Python at once and stops the query."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            return done.result()
        except KeyboardInterrupt:
            con.interrupt()
            raise


def explain(error: Exception) -> str:
    """DuckDB's message as one sentence, with its hint and without its drawing of the query.

    What a remote warehouse's files raised comes as a traceback, whose last line says it.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if any(
        line.startswith("Traceback (") or line.endswith("Traceback (most recent call last):")
        for line in lines
    ):
        return lines[-1].partition(": ")[2] or lines[-1]
    keep = [line for line in lines if line and not line.startswith(("LINE ", "^"))]
    for pattern, words in _SAID.items():
        if found := re.search(pattern, keep[0] if keep else ""):
            return found.expand(words)
    return " ".join(keep[:3])


# What DuckDB says with advice that does not hold here.
_SAID = {
    r"(File .*) requires the extension (\w+) to be loaded": (
        r"\1 is out of reach: a query reads the warehouse and local files, and no extension such "
        r"as \2 is loaded"
    ),
    r'"(\w+)" is not in the catalog, but it exists in the (\w+) extension': (
        r"there is no function \1: no extension such as \2 is loaded"
    ),
    r'(Cannot access file ".*") - file system operations are disabled': (
        r"\1: in a sandbox a query reads the warehouse alone"
    ),
    # Among them what cmr's own macros say of their arguments.
    r"^Invalid Input Error: (.*)": r"\1",
    r"^Out of Memory Error: (.*)": r"not enough memory: \1; --memory gives a query more",
}


def _create(con: duckdb.DuckDBPyConnection, view: View, known: dict[str, str]) -> None:
    if view.is_macro:
        con.execute(f"create or replace macro {view.query}")
        is_table = con.execute(
            "select function_type = 'table_macro' from duckdb_functions() where function_name = ?",
            [view.name],
        ).fetchone()
        kind = "macro table" if is_table == (True,) else "macro"
        con.execute(f"comment on {kind} {view.name} is {quoted(view.comment)}")
        return
    con.execute(f"create or replace view {view.name} as {view.query}")
    con.execute(f"comment on view {view.name} is {quoted(view.comment)}")
    columns: list[tuple[Any, ...]] = con.execute(
        "select column_name from duckdb_columns() where table_name = ?", [view.name]
    ).fetchall()
    for (column,) in columns:
        text = view.columns.get(column) or known.get(column)
        if text:
            con.execute(f'comment on column {view.name}."{column}" is {quoted(text)}')


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
