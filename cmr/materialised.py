"""Measures of finished runs, computed once and kept as Parquet under `materialised/`.

Ranks of a run never change, so what the views `metrics` and `retention` say of it is kept in a
file named after the content it came from (the run's row, its baseline's, its data set's, and the
SQL itself) and after its own. A file whose name does not fit, or whose content does not fit its
name, is not used. All of it may be deleted at any time; without it, or where nothing can be
written, the views compute the same from the ranks.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cmr.errors import CmrError
from cmr.identity import identity
from cmr.sqlfiles import needs, sql_fingerprint
from cmr.views import bind, connect, explain, fetch, quoted
from cmr.warehouse.rows import to_rows
from cmr.warehouse.storage import parquet_bytes

if TYPE_CHECKING:
    from cmr.warehouse.store import Warehouse

KEPT = ("metrics", "retention")
# Rows of ranks and sampled_ranks that one query works on; a run alone may have more.
CHUNK = 3_000_000
# Where a kept file says of which view and run it is.
_MARK = b"cmr.kept"
_SCOPED = ("runs", "ranks", "sampled_ranks", "hits")
Bar = Callable[[str, int, str], contextlib.AbstractContextManager[Callable[[int], None]]]
Row = dict[str, Any]


def no_bar(
    description: str, total: int, unit: str
) -> contextlib.AbstractContextManager[Callable[[int], None]]:
    """A progress bar that shows nothing."""
    return contextlib.nullcontext(lambda count: None)


def open_for(
    warehouse: Warehouse, query: str, run_ids: Sequence[str] | None = None, bar: Bar = no_bar
) -> duckdb.DuckDBPyConnection:
    """A connection with the views that `query` names; what is kept of them is read, not computed.

    `run_ids`: kept views show only these runs. Raises CmrError where the views do.
    """
    con = connect(warehouse.root, "")
    prepare(con, warehouse, query, run_ids, bar)
    return con


def prepare(
    con: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    query: str,
    run_ids: Sequence[str] | None = None,
    bar: Bar = no_bar,
) -> None:
    """Make what `query` names in an open connection, as `open_for` does.

    The views see the warehouse as it is now.
    """
    bind(con, warehouse, query)
    wanted = [view for view in KEPT if view in needs(query)]
    runs = _runs(con) if wanted else []
    if run_ids is not None:
        chosen = set(run_ids)
        runs = [row for row in runs if row["run_id"] in chosen]
    base = _baselines(con) if runs else {}
    keys = _keys(con, warehouse, runs, base) if runs else {}
    try:
        for view in wanted:
            kept, missing = _kept(warehouse, view, runs, keys)
            if missing:
                kept += _compute(con, warehouse, view, missing, keys, base, bar)
            _replace(con, view, kept)
    except duckdb.Error as error:
        raise CmrError(explain(error)) from None


def current_files(warehouse: Warehouse) -> set[str]:
    """The files in which measures of the runs of now are kept."""
    con = connect(warehouse.root, "from runs")
    runs = _runs(con)
    keys = _keys(con, warehouse, runs, _baselines(con)) if runs else {}
    marks = {(view, _mark(run_id, key)) for view in KEPT for run_id, key in keys.items()}
    return {name for view in KEPT for name in _there(warehouse, view) if (view, _of(name)) in marks}


def forget(warehouse: Warehouse, run_ids: Iterable[str]) -> None:
    """Remove what is kept of some runs."""
    gone = set(run_ids)
    for view in KEPT:
        for name in _there(warehouse, view):
            if _of(name).rpartition("-")[0] in gone:
                warehouse.storage.delete(name)


def _kept(
    warehouse: Warehouse, view: str, runs: list[Row], keys: dict[str, str]
) -> tuple[list[pa.Table], list[Row]]:
    """A view's rows of the runs that have a file, and the runs that have none."""
    there = {_of(name): name for name in _there(warehouse, view)}
    tables, missing = [], []
    marks = [_mark(row["run_id"], keys[row["run_id"]]) for row in runs]
    held = [mark for mark in marks if mark in there]

    def read(mark: str) -> pa.Table | None:
        return _read(warehouse, view, mark, there[mark])

    found = dict(zip(held, warehouse.storage.each(read, held), strict=True))
    for row, mark in zip(runs, marks, strict=True):
        table = found.get(mark)
        if table is None:
            missing.append(row)
        else:
            tables.append(table)
    return tables, missing


def _compute(
    con: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    view: str,
    missing: list[Row],
    keys: dict[str, str],
    base: dict[str, str | None],
    bar: Bar,
) -> list[pa.Table]:
    """A view's rows of some runs, from the view itself; a file a run is written on the way."""
    tables = []
    with bar(view, len(missing), "runs") as advance:
        for chunk in _chunks(missing):
            mine = [row["run_id"] for row in chunk]
            # The runs that they are held against are looked at, too.
            held = {base[run_id] for run_id in mine} if view == "retention" else set()
            with only(con, sorted({*mine, *(one for one in held if one is not None)})):
                found = fetch(con, f"from memory.main.{view}")
            found = found.filter(pc.is_in(found["run_id"], value_set=pa.array(mine)))
            _keep(warehouse, view, found, mine, keys)
            tables.append(found)
            advance(len(chunk))
    return tables


@contextlib.contextmanager
def only(con: duckdb.DuckDBPyConnection, run_ids: list[str]) -> Iterator[None]:
    """Let every view see these runs alone: constants, so that no other file is read."""
    listed = ", ".join(map(quoted, run_ids))
    for name in _SCOPED:
        con.execute(
            f"create or replace temp view {name} as "
            f"select * from memory.main.{name} where run_id in ({listed})"
        )
    try:
        yield
    finally:
        for name in _SCOPED:
            con.execute(f"drop view temp.{name}")


def _read(warehouse: Warehouse, view: str, mark: str, name: str) -> pa.Table | None:
    """A kept file's rows; None of one that is not what was written, which is then made again."""
    try:
        data = warehouse.storage.read_bytes(name)
        if _name(view, mark, data) != name:
            return None
        file = pq.ParquetFile(pa.BufferReader(data))
        # It may lie under another's name, which its content does not know.
        if (file.schema_arrow.metadata or {}).get(_MARK) != _described(view, mark):
            return None
        return file.read()
    except (OSError, CmrError, pa.ArrowException):
        return None


def _chunks(runs: Iterable[Row]) -> Iterator[list[Row]]:
    held: list[Row] = []
    size = 0
    for row in runs:
        mine = row["queries"] * (1 + len(row["sampled_candidates"]) * max(1, row["draws"]))
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


def _baselines(con: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    """The run that every run is held against, None where there is none."""
    pairs = fetch(con, "select run_id, baseline from int_baselines").to_pylist()
    return {row["run_id"]: row["baseline"] for row in pairs}


def _keys(
    con: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    runs: list[Row],
    base: dict[str, str | None],
) -> dict[str, str]:
    """What each run's measures depend on, as a hash; a file that was changed in place counts."""
    datasets = to_rows(fetch(con, "select dataset, files from datasets"))
    further = to_rows(fetch(con, "select dataset, qrels, files from qrels_sets"))
    every = _runs(con)
    names = sorted({name for row in (*datasets, *further, *every) for name in row["files"]})
    state = dict(zip(names, map(list, warehouse.storage.states(names)), strict=True))
    data = {row["dataset"]: [state[name] for name in row["files"]] for row in datasets}
    judged = {
        (row["dataset"], row["qrels"]): [state[name] for name in row["files"]] for row in further
    }
    text = sql_fingerprint()
    alone = {
        row["run_id"]: identity(
            sql=text,
            data=data.get(row["dataset"]),
            judged=judged.get((row["dataset"], row["qrels"])),
            files={name: state[name] for name in row["files"]},
            **{name: row[name] for name in ("protocols", "candidates", "ks", "draws")},
            sampled=row["sampled_candidates"],
        )
        for row in every
    }
    return {
        row["run_id"]: identity(run=alone[row["run_id"]], base=alone.get(base[row["run_id"]] or ""))
        for row in runs
    }


def _mark(run_id: str, key: str) -> str:
    return f"{run_id}-{key}"


def _described(view: str, mark: str) -> bytes:
    """What a kept file says of itself."""
    return f"{view}/{mark}".encode()


def _name(view: str, mark: str, data: bytes) -> str:
    """A kept file's name, by what it is made from and by what it holds."""
    return f"materialised/{view}/{mark}-{hashlib.sha256(data).hexdigest()[:32]}.parquet"


def _of(name: str) -> str:
    """The mark in a kept file's name."""
    return name.rpartition("/")[2].rpartition("-")[0]


def _there(warehouse: Warehouse, view: str) -> list[str]:
    return warehouse.storage.listing(f"materialised/{view}")


def _keep(
    warehouse: Warehouse, view: str, found: pa.Table, run_ids: list[str], keys: dict[str, str]
) -> None:
    """Write a file a run and drop those that it replaces; a warehouse one may only read is fine."""
    if not warehouse.writable():
        return
    there = _there(warehouse, view)
    with contextlib.suppress(CmrError):
        for run_id in run_ids:
            mark = _mark(run_id, keys[run_id])
            mine = found.filter(pc.equal(found["run_id"], run_id))
            data = parquet_bytes(mine.replace_schema_metadata({_MARK: _described(view, mark)}))
            name = _name(view, mark, data)
            warehouse.storage.write_bytes(name, data)
            for old in there:
                if old.startswith(f"materialised/{view}/{run_id}-") and old != name:
                    warehouse.storage.delete(old)


def _replace(con: duckdb.DuckDBPyConnection, view: str, tables: list[pa.Table]) -> None:
    """Put a temporary table before the view of the same name."""
    if tables:
        con.register("_kept", pa.concat_tables(tables, promote_options="permissive"))
        source = "from _kept"
    else:
        source = f"from main.{view} limit 0"
    con.execute(f"create or replace temp table {view} as {source}")
    if tables:
        con.unregister("_kept")
