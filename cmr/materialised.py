"""Metrics of finished runs, written once as Parquet: the table `metrics` of a warehouse.

The ranks of a run never change, so its rows of the view `metrics` are kept in a file whose name
identifies both where they came from (the run's row, its files, and the SQL itself) and their
content. A file that does not match its name is not used. All of them may be deleted at any time;
without them, or where nothing can be written, the view computes the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cmr.answers import explain, fetch
from cmr.errors import CmrError
from cmr.held import hold
from cmr.identity import identity, kept_name
from cmr.progressbar import ProgressBar, no_bar
from cmr.rows import Row
from cmr.sqlfiles import sql_fingerprint
from cmr.views import bind, connect, only
from cmr.warehouse.catalogue_rows import to_rows
from cmr.warehouse.layout import partition
from cmr.warehouse.schemas import METRICS
from cmr.warehouse.storage import parquet_bytes

if TYPE_CHECKING:
    from cmr.warehouse.store import Store

# Sums over queries that one SQL query computes, before they are added up by visual item: this sets
# the memory, 1.5 GB. A single run may exceed it.
CHUNK = 15_000_000
# A run's rows of `earned_metrics` that differ from those of `metrics` are stored beside them.
EARNED = "earned_metrics"
_CROSSED = f"from memory.main.{EARNED} where fit = 'cross-fitted'"
_AS_RANKED = "from _kept where fit <> 'cross-fitted'"
_AS_EARNED = """
    from _kept
    anti join (
        from _kept select distinct run_id, protocol, 'in-sample' as fit where fit = 'cross-fitted'
    ) using (run_id, protocol, fit)
"""
# Metadata key under which a stored file records its run and its inputs.
_MARK = b"cmr.kept"


def open_for(
    warehouse: Store,
    query: str,
    run_ids: Sequence[str] | None = None,
    bar: ProgressBar = no_bar,
    and_baselines: bool = False,
) -> duckdb.DuckDBPyConnection:
    """A connection for `query`; stored metrics are read, not computed.

    `run_ids`: metrics and retention show only these runs; and, with `and_baselines`, those that
    they are compared with. Raises CmrError where the views do.
    """
    con = connect(warehouse.root, "")
    prepare(con, warehouse, query, run_ids, bar, and_baselines)
    return con


def prepare(
    con: duckdb.DuckDBPyConnection,
    warehouse: Store,
    query: str,
    run_ids: Sequence[str] | None = None,
    bar: ProgressBar = no_bar,
    and_baselines: bool = False,
) -> None:
    """Prepare an open connection for `query`, as `open_for` does.

    The views see the warehouse as it is now.
    """
    wanted = bind(con, warehouse, query)
    try:
        if run_ids is not None and and_baselines:
            run_ids = _and_baselines(con, run_ids)
        if wanted & {METRICS.name, EARNED}:
            _show_metrics(con, warehouse, run_ids, bar)
        if run_ids is not None and "retention" in wanted:
            _hold_retention(con, warehouse, run_ids)
    except duckdb.Error as error:
        raise CmrError(explain(error)) from None


def current_files(warehouse: Store) -> set[str]:
    """The files that hold stored metrics of the current runs."""
    con = connect(warehouse.root, "from runs")
    keys = _keys(warehouse, _runs(con))
    there = _there(warehouse)
    return {
        name
        for run_id, key in keys.items()
        for name in there.get(run_id, ())
        if _key_of(name) == key
    }


def forget(warehouse: Store, run_ids: Iterable[str]) -> None:
    """Remove the stored metrics of some runs."""
    there = _there(warehouse)
    for run_id in run_ids:
        for name in there.get(run_id, ()):
            warehouse.storage.delete(name)


def _show_metrics(
    con: duckdb.DuckDBPyConnection,
    warehouse: Store,
    run_ids: Sequence[str] | None,
    bar: ProgressBar,
) -> None:
    """Shadow the view of this name by a table of stored and computed rows."""
    runs = _runs(con)
    if run_ids is not None:
        chosen = set(run_ids)
        runs = [row for row in runs if row["run_id"] in chosen]
    keys = _keys(warehouse, runs)
    kept, missing = _kept(warehouse, runs, keys)
    if missing:
        kept += _compute(con, warehouse, missing, keys, bar)
    if kept:
        con.register("_kept", pa.concat_tables(kept))
        con.execute(f"create or replace temp table {METRICS.name} as {_AS_RANKED}")
        con.execute(f"create or replace temp table {EARNED} as {_AS_EARNED}")
        con.unregister("_kept")
        return
    for name in (METRICS.name, EARNED):
        view = f"memory.main.{name}"
        con.execute(f"create or replace temp table {name} as from {view} limit 0")


def _hold_retention(
    con: duckdb.DuckDBPyConnection, warehouse: Store, run_ids: Sequence[str]
) -> None:
    """Compute the retention of some runs once, together with the runs they are compared with."""
    with only(con, _and_baselines(con, run_ids)):
        con.register("_chosen", _chosen(run_ids))
        hold(con, warehouse.storage, "retention", where="run_id in (select run_id from _chosen)")
        con.unregister("_chosen")


def _and_baselines(con: duckdb.DuckDBPyConnection, run_ids: Sequence[str]) -> list[str]:
    """These runs and what they are compared with."""
    con.register("_chosen", _chosen(run_ids))
    rows = fetch(con, "select baseline from int_baselines semi join _chosen using (run_id)")
    con.unregister("_chosen")
    return sorted({*run_ids, *rows["baseline"].to_pylist()} - {None})


def _chosen(run_ids: Sequence[str]) -> pa.Table:
    return pa.table({"run_id": pa.array(run_ids, pa.string())})


def _kept(
    warehouse: Store, runs: list[Row], keys: dict[str, str]
) -> tuple[list[pa.Table], list[Row]]:
    """The rows of the runs that have a file, and the runs that have none."""
    there = _there(warehouse)

    def read(row: Row) -> pa.Table | None:
        run_id = row["run_id"]
        return _read(warehouse, run_id, keys[run_id], there.get(run_id, ()))

    found = warehouse.storage.each(read, runs)
    tables, missing = [], []
    for row, table in zip(runs, found, strict=True):
        if table is None:
            missing.append(row)
        else:
            tables.append(table)
    return tables, missing


def _compute(
    con: duckdb.DuckDBPyConnection,
    warehouse: Store,
    missing: list[Row],
    keys: dict[str, str],
    bar: ProgressBar,
) -> list[pa.Table]:
    """The rows of some runs, from the view; also writes one file per run."""
    tables = []
    with bar("computing metrics", len(missing), "runs") as advance:
        for chunk in _chunks(missing):
            mine = [row["run_id"] for row in chunk]
            with only(con, mine):
                found = fetch(con, f"from memory.main.{METRICS.name}")
                if any(row["folds"] for row in chunk):
                    found = pa.concat_tables([found, fetch(con, _CROSSED)])
            _keep(warehouse, found, mine, keys)
            tables.append(found)
            advance(len(chunk))
    return tables


def _read(warehouse: Store, run_id: str, key: str, names: Iterable[str]) -> pa.Table | None:
    """A run's stored rows; None where there are none, or they are not those that were written."""
    for name in names:
        if _key_of(name) != key:
            continue
        try:
            data = warehouse.storage.read_bytes(name)
            if _name(run_id, key, data) != name:
                continue
            file = pq.ParquetFile(pa.BufferReader(data))
            # The name could be another run's: the content's hash alone cannot tell.
            if (file.schema_arrow.metadata or {}).get(_MARK) != _described(run_id, key):
                continue
            rows = file.read()
            if not rows.schema.equals(METRICS.schema):
                rows = rows.cast(METRICS.schema)
            return rows.add_column(
                0, METRICS.partitions[0], pa.array([run_id] * len(rows), pa.string())
            )
        except (OSError, CmrError, ValueError, pa.ArrowException):
            continue
    return None


def _chunks(runs: Iterable[Row]) -> Iterator[list[Row]]:
    held: list[Row] = []
    size = 0
    for row in runs:
        pools = 1 + len(row["candidates"]) + len(row["sampled_candidates"]) * max(1, row["draws"])
        mine = row["queries"] * pools * len(row["ks"])
        if held and size + mine > CHUNK:
            yield held
            held, size = [], 0
        held.append(row)
        size += mine
    if held:
        yield held


def _runs(con: duckdb.DuckDBPyConnection) -> list[Row]:
    """The runs that the views see, by id."""
    return to_rows(fetch(con, "from runs order by run_id"))


def _keys(warehouse: Store, runs: list[Row]) -> dict[str, str]:
    """Hash of what each run's metrics depend on; a file changed in place changes it."""
    names = sorted({name for row in runs for name in row["files"]})
    state = dict(zip(names, map(list, warehouse.storage.states(names)), strict=True))
    text = sql_fingerprint()
    return {
        row["run_id"]: identity(
            sql=text,
            files={name: state[name] for name in row["files"]},
            **{name: row[name] for name in ("protocols", "candidates", "ks", "draws")},
            sampled=row["sampled_candidates"],
        )
        for row in runs
    }


def _described(run_id: str, key: str) -> bytes:
    """What a stored file records about itself."""
    return f"{METRICS.name}/{run_id}/{key}".encode()


def _name(run_id: str, key: str, data: bytes) -> str:
    """A stored file's name: from what it is made and what it holds."""
    folder = partition(METRICS.name, {METRICS.partitions[0]: run_id})
    return f"{folder}/{kept_name(key, data)}"


def _key_of(name: str) -> str:
    return name.rpartition("/")[2].partition("-")[0]


def _there(warehouse: Store) -> dict[str, list[str]]:
    """The stored files of each run."""
    found: dict[str, list[str]] = {}
    for name in warehouse.storage.listing(METRICS.name):
        folder = name.split("/")[1]
        found.setdefault(unquote(folder.partition("=")[2]), []).append(name)
    return found


def _keep(warehouse: Store, found: pa.Table, run_ids: list[str], keys: dict[str, str]) -> None:
    """Write one file per run and drop those it replaces; a read-only warehouse is fine."""
    # Only writing needs it, and importing it takes longer than running a small query.
    import pyarrow.compute as pc

    if not warehouse.writable():
        return
    with contextlib.suppress(CmrError):
        there = _there(warehouse)
        for run_id in run_ids:
            mine = found.filter(pc.equal(found["run_id"], run_id)).select(METRICS.schema.names)
            mark = {_MARK: _described(run_id, keys[run_id])}
            data = parquet_bytes(mine.cast(METRICS.schema).replace_schema_metadata(mark))
            name = _name(run_id, keys[run_id], data)
            warehouse.storage.write_bytes(name, data)
            for old in there.get(run_id, ()):
                if old != name:
                    warehouse.storage.delete(old)
