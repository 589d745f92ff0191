"""DuckDB over a warehouse: the views of `sql/`, bound to its current rows and files.

The views name their Parquet files through variables, so they are bound to a warehouse when they are
queried, and hold no data.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator, Sequence
from urllib.parse import quote

import duckdb
import pyarrow as pa

from cmr import caches
from cmr import memory as memory_limits
from cmr.answers import explain, quoted
from cmr.errors import CmrError
from cmr.prepared import (
    KEPT_MEASURES,
    KEPT_READS,
    MEASURES,
    READS,
    install,
    keep_reads,
    prepared,
)
from cmr.references import Reads, closure, names_in
from cmr.rows import Row
from cmr.warehouse.anchors import anchor
from cmr.warehouse.anchors import folder as own_anchors
from cmr.warehouse.layout import ANCHORED
from cmr.warehouse.schemas import CATALOGUE, RUNS
from cmr.warehouse.snapshot import VECTORS, Snapshot, take
from cmr.warehouse.storage import Storage
from cmr.warehouse.store import Store

# Views of the catalogue's rows, and those built on them alone, in dependency order.
_ROWS = tuple(table.name for table in CATALOGUE)
_SMALL = (
    *_ROWS,
    "int_facts",
    "int_baselines",
    "int_benched",
    "int_bench_runs",
    "speed",
    "int_pace",
    "int_run_bytes",
)
# Those without a row where nothing was measured by `cmr bench`, and where no run is from an earlier
# version: such a table is made of the view's columns, because planning the view takes far longer.
_OF_BENCHES = ("benches", "int_benched", "int_bench_runs", "int_pace")
_OF_OLDER = ("int_facts",)
# Has the passes of evaluations, too. Where nothing was measured hardly any other view reads it, so
# that it stays a view.
_SPEED = "speed"
# Views that become tables only for a question that names them: they read a data set's items.
_ASKED = ("query_slices",)
# What the views of pairs reduce to where every file is named and no run is from an earlier version:
# planning takes one step, and no file has to be opened to learn its columns, unless some lack
# `case_no`.
_PAIRS = ("ranks", "held_out_ranks", "evidence", "sampled_ranks", "hits", "held_out_hits")
# A view over the files of two tables; of each run it takes the better one that it has.
_EVIDENCE, _RANKS, _HELD_OUT = "evidence", "ranks", "held_out_ranks"
_DIRECT = """
    from read_parquet(
        getvariable('cmr_{name}'), hive_partitioning = true, hive_types = {{'run_id': varchar}},
        union_by_name = {mixed}
    )
"""
# Tables in which every file belongs to one run.
_OF_RUNS = (*_PAIRS, "timings")
_TEMPORARY = """
    select table_name from duckdb_tables() where temporary
    union all
    select view_name from duckdb_views() where temporary
"""
# Optimizers that add a twentieth to the planning of these views and save no time in them. The one
# of columns' lifetimes saves a lot: without it a join carries what nobody reads any more.
_NEEDLESS = "common_subexpressions,compressed_materialization,cte_filter_pusher"
# The first file of every table is empty, so DuckDB expects hardly any row of all that it reads,
# and makes the hash table of a join from the larger side. As views are written, it is the right
# one. Nor does it know that adding up one side before a join saves nothing.
_MISLED = "build_side_probe_side,partial_aggregate_pushdown"
# Pairs that keep one more thread busy: with fewer, threads wait for each other.
_PAIRS_PER_THREAD = 500_000
# DuckDB would fetch and load extensions by itself; cmr needs only those built in.
_OWN = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}


def connect(
    root: str,
    query: str | None = None,
    *,
    threads: int | None = None,
    memory: int | None = None,
) -> duckdb.DuckDBPyConnection:
    """An in-memory connection with every view and macro over the warehouse at `root`.

    They see one state of it: its checked rows and its files as they are now; `bind` takes another.
    `query`: what will be asked, so that only what it reads is checked; without it, everything but
    vectors is. `memory`: bytes that it may take; beyond that it spills to a folder that is removed
    with it. Raises CmrError if there is no warehouse. Warns about damage, which is left out.
    """
    bytes_ = memory_limits.for_queries(memory)
    config = {**_OWN, "memory_limit": f"{bytes_}B", "temp_directory": caches.spill()}
    con = duckdb.connect(":memory:", config=config)
    if threads:
        con.execute(f"set threads = {int(threads)}")
    warehouse = Store.open(root)
    storage = warehouse.storage
    if not storage.is_local:
        from cmr.warehouse.duckfiles import DuckFiles

        con.register_filesystem(DuckFiles(storage))
    con.execute(f"set disabled_optimizers = {quoted(f'{_NEEDLESS},{_MISLED}')}")
    con.execute(f"set variable cmr_root = {quoted(storage.root.rstrip('/'))}")
    try:
        con.execute(f"attach {quoted(prepared())} as prepared (read_only)")
        con.execute("copy from database prepared to memory (schema)")
        con.execute(f"create temp table {READS} as from prepared.{KEPT_READS}")
        con.execute(f"create temp table {MEASURES} as from prepared.{KEPT_MEASURES}")
        con.execute("detach prepared")
        con.execute("drop schema memory.own cascade")
    except (OSError, duckdb.Error, CmrError):
        # Nothing can be cached here, or it has been removed: create the views, which takes seconds.
        keep_reads(con, f"temp table {READS}", install(con))
        con.execute(f"create or replace temp table {MEASURES} as from memory.main.{MEASURES}")
    bind(con, warehouse, query)
    return con


def bind(con: duckdb.DuckDBPyConnection, warehouse: Store, query: str | None = None) -> set[str]:
    """Bind the views to the warehouse as it is now: checked rows, and the files they name.

    `query`: what will be asked; without it, anything but vectors may be. Returns the views and
    macros that it reads. Everything else in the connection stays as it was. Views with a few rows
    per run become tables, because other views read them many times.
    """
    data = {table.name for table in ANCHORED} - {table.name for table in CATALOGUE}
    reads, asked = _reads(con), data - VECTORS | {_EVIDENCE, *_SMALL}
    if query is not None:
        asked = names_in(con, query)
    # Unless a run is from an earlier version, views of pairs read only their files.
    both = frozenset({_RANKS, _HELD_OUT})
    direct = {**dict.fromkeys(_PAIRS, frozenset[str]()), _EVIDENCE: both}
    needed = closure({**reads, **direct}, asked)
    if not needed & {table.name for table in ANCHORED}:
        return needed
    snapshot = take(warehouse, needed & data)
    if any(row["most_relevants"] is None for row in snapshot.rows["runs"]):
        # What the rows of earlier versions' runs lack is computed from their ranks.
        needed = closure({**reads, _EVIDENCE: reads[_EVIDENCE] | both}, asked)
        snapshot = take(warehouse, needed & data | {_RANKS})
    _use_threads(con, snapshot)
    for table in CATALOGUE:
        con.register("_rows", pa.Table.from_pylist(snapshot.rows[table.name], table.schema))
        con.execute(f"create or replace temp table catalogue_{table.name} as from _rows")
        con.unregister("_rows")
    try:
        _show(con, warehouse.storage, snapshot, needed & data, needed)
    except duckdb.Error as error:
        raise CmrError(explain(error)) from None
    return needed


def _use_threads(con: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
    """Use no more threads than there is work for, unless the configuration is locked."""
    ((threads, locked),) = con.execute(
        "select current_setting('threads'), current_setting('lock_configuration')"
    ).fetchall()
    pairs = sum(
        row["queries"] * (1 + len(row["sampled_candidates"] or ()) * (row["draws"] or 0))
        for row in snapshot.rows["runs"]
    )
    if not locked:
        con.execute(f"set threads = {max(1, min(threads, pairs // _PAIRS_PER_THREAD))}")


def _reads(con: duckdb.DuckDBPyConnection) -> Reads:
    rows = con.execute(f"select name, reads from {READS}").fetchall()
    return {name: frozenset(others) for name, others in rows}


def _columns(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> dict[str, str]:
    """The columns of some views, as SQL."""
    asked = f"select name, columns from {READS} where list_contains($1, name)"
    return dict(con.execute(asked, [list(names)]).fetchall())


def _show(
    con: duckdb.DuckDBPyConnection,
    storage: Storage,
    snapshot: Snapshot,
    tables: Collection[str],
    needed: Collection[str],
) -> None:
    """Set the files of some tables, and turn small views into tables."""
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
    if _EVIDENCE in needed:
        _set_files(con, _EVIDENCE, _evidence(storage, snapshot))
    runs = snapshot.rows["runs"]
    mixed = not all(row["has_cases"] for row in runs)
    # A list's hits have no numbered cases.
    numbered = not mixed and all(row["list_length"] is None for row in runs)
    con.execute(f"set variable cmr_numbered = {numbered}")
    for name in _PAIRS:
        if name in needed and not older:
            direct = _DIRECT.format(name=name, mixed=mixed)
            con.execute(f"create or replace temp view {name} as {direct}")
        else:
            con.execute(f"drop view if exists temp.{name}")
    bare = () if snapshot.rows["benches"] else _OF_BENCHES
    empty = _columns(con, [*bare, *(() if older else _OF_OLDER)])
    for name in (*_SMALL, *_ASKED):
        if name in needed and name in empty:
            con.execute(f"create or replace temp table {name} ({empty[name]})")
        elif name in needed and not (bare and name == _SPEED):
            con.execute(f"create or replace temp table {name} as from memory.main.{name}")
        else:
            # What an earlier question needed must not keep the state of that time.
            con.execute(f"drop table if exists temp.{name}")


def _evidence(storage: Storage, snapshot: Snapshot) -> list[str]:
    """The files of held-out ranks, and of the ranks of runs that have none."""
    crossed = {name for row in snapshot.rows["runs"] if row["folds"] for name in row["files"]}
    files = [name for name in snapshot.files(_RANKS) if name not in crossed]
    files += snapshot.files(_HELD_OUT)
    return [_literal(path) for path in [anchor(storage, _RANKS), *map(storage.path, files)]]


def lend(con: duckdb.DuckDBPyConnection, rows: Sequence[Row], ranks: pa.Table) -> None:
    """Show runs that are not the warehouse's, with the ranks on which claims about them rest.

    The connection must be bound to a query of `evidence`. `rows`: of the catalogue of runs, with
    ids that it has not. `ranks`: run_id, query_id and the counts.
    """
    con.register("_rows", pa.Table.from_pylist(list(rows), RUNS.schema))
    con.execute("insert into catalogue_runs by name from _rows")
    con.unregister("_rows")
    shown = {name for (name,) in con.execute(_TEMPORARY).fetchall()}
    for name in _SMALL:
        if name in shown:
            con.execute(f"create or replace temp table {name} as from memory.main.{name}")
    # They bring no numbers of cases.
    con.execute("set variable cmr_numbered = false")
    con.register("_ranks", ranks)
    con.execute("create or replace temp table _lent_ranks as from _ranks")
    con.unregister("_ranks")
    own = f"from memory.main.{_EVIDENCE}"
    if _EVIDENCE in shown:
        own = _DIRECT.format(name=_EVIDENCE, mixed=True)
    con.execute(
        f"create or replace temp view {_EVIDENCE} as "
        f"from ({own}) union all by name from _lent_ranks"
    )


@contextlib.contextmanager
def only(con: duckdb.DuckDBPyConnection, run_ids: Collection[str]) -> Iterator[None]:
    """Restrict every view to these runs, so that no other file is read."""
    folders = [f"/run_id={quote(run_id, safe='')}/" for run_id in run_ids]
    before = {}
    for name in _OF_RUNS:
        ((files,),) = con.execute(f"select getvariable('cmr_{name}')").fetchall()
        if files:
            before[name] = files
            # The first is the anchor, which defines the columns.
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
    """A path with its glob characters escaped, so that DuckDB takes it literally."""
    return re.sub(r"([\[*?])", r"[\1]", path)


def lock(con: duckdb.DuckDBPyConnection, storage: Storage, sandbox: bool = False) -> None:
    """Lock the connection's configuration, and keep queries from reading Python variables.

    `sandbox`: it can read only the warehouse's files. A connection can be locked only once.
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
