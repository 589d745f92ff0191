"""Queries only read: every function and setting that DuckDB has, and every way to nest a write."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import cmr
from cmr import caches
from cmr.api.query import run_query
from cmr.api.reading import READING
from cmr.prepared import prepared
from cmr.views import lock
from cmr.warehouse.storage import Storage
from tests import warehouses


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """A small warehouse below the folder that is watched, which is home and current folder too."""
    relevance = np.eye(6, 5, dtype=int)
    made = warehouses.new(tmp_path / "w")
    warehouses.add_dataset(made, "d", relevance)
    warehouses.add_run(made, "r", "d", np.random.default_rng(0).random((6, 5)), relevance)
    # The views are made anew in an empty home, which takes seconds: it has them already.
    views = Path(prepared())
    for name in ("HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".cache").mkdir()
    shutil.copy2(views, caches.folder() / views.name)
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "a.json").write_text('[{"a": 1}]')
    with duckdb.connect(str(tmp_path / "a.duckdb")) as con:
        con.execute("create table t as select 1 as a")
        con.execute("copy t to 'a.parquet'")
    return cmr.open(tmp_path / "w")


def ask(opened, con, query):
    """As `opened.sql`, without a new connection for each of many queries."""
    return run_query(con, query, opened.store)


def watched(folder):
    """Every file and folder with content and time of change."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(root, name)
            state = os.lstat(path)
            data = Path(path).read_bytes() if name in files else b""
            found[path] = (state.st_mtime_ns, hashlib.sha256(data).hexdigest())
    return found


def functions(*kinds):
    """Names, and names and types of the parameters, of all that DuckDB has of some kinds."""
    return duckdb.connect().execute(
        "select distinct function_name, parameters, parameter_types, varargs "
        "from duckdb_functions() where list_contains(?, function_type) order by all",
        [list(kinds)],
    ).fetchall()  # fmt: skip


WRITING = [
    "with x as (copy (select 1) to 'x.csv') from x",
    "select (with x as (copy (select 1) to 'x.csv') select 1)",
    "from range(1) where exists (with x as (copy (select 1) to 'x') from x)",
    "with x as (insert into t values (1) returning a) from x",
    "with x as (delete from t returning a) from x",
    "with x as (update t set a = 1 returning a) from x",
    "with y as (with x as (copy (select 1) to 'x.csv') from x) from y",
    "explain analyze with x as (copy (select 1) to 'x.csv') from x",
    "explain (analyze, format json) with x as (copy (select 1) to 'x.csv') from x",
    "explain /* c */ analyze copy (select 1) to 'x.csv'",
    "from enable_logging(storage = 'file', storage_path = 'x')",
    "from system.main.enable_logging(storage = 'file', storage_path = 'x')",
    "from \"Enable_Logging\"(storage = 'file', storage_path = 'x')",
    "select * from (values (1)) t, lateral (from enable_logging(storage_path = 'x'))",
    "select 1 union all (select 1 from enable_logging(storage_path = 'x'))",
    "describe from enable_logging(storage_path = 'x')",
    "explain analyze from enable_profiling(save_location = 'x.json')",
    "from query('from enable_logging(storage_path = ''x'')')",
    "from json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "with x as (copy (select 1 as a, 2 as b) to 'x') pivot x on a using sum(b)",
    "with x as (copy (select 1) to 'x') pivot x on \"Count\" using count(*)",
    "with x as (copy (select 1) to 'x'), y as (from x) pivot y on \"Count\" using count(*)",
    "explain analyze with x as (copy (select 1) to 'x') pivot x on \"Count\" using count(*)",
    "pivot (from enable_logging(storage_path = 'x')) on a using sum(b)",
    "pivot (from enable_logging /* c */ -- d\n (storage_path = 'x')) on a using sum(b)",
    "from checkpoint()",
    "from force_checkpoint('memory')",
    "from python_arrow_scan(1, 2, 3)",
    "copy runs to 'x.csv'",
    "copy (select 1) to 'x' (format parquet, partition_by (a))",
    "export database 'x'",
    "import database 'x'",
    "attach 'x.db'",
    "attach 'a.duckdb' as x; delete from x.t",
    "call enable_logging(storage_path = 'x')",
    "prepare p as copy (select 1) to 'x'",
    "execute p",
    "create macro m() as table from enable_logging()",
    "create temp view v as from enable_logging()",
    "create secret s (type s3)",
    "create persistent secret s (type s3)",
    "install httpfs",
    "load httpfs",
    "force install httpfs",
    "update extensions",
    "pragma enable_profiling = 'json'",
    "pragma profiling_output = 'x'",
    "set temp_directory = 'x'",
    "reset lock_configuration",
    "set variable cmr_root = '/'",
    "use memory",
    "begin",
    "vacuum",
    "checkpoint",
    "select 1; copy (select 1) to 'x'",
]


@pytest.mark.slow
def test_no_way_to_write_inside_a_query(opened, tmp_path):
    con = opened.connect()
    before = watched(tmp_path)
    for query in WRITING:
        with pytest.raises(cmr.CmrError, match="only reads"):
            ask(opened, con, query)
    with pytest.raises(cmr.CmrError, match="only reads"):
        opened.stream(WRITING[0])
    assert watched(tmp_path) == before


@pytest.mark.slow
def test_reading_is_not_refused(opened):
    con = opened.connect()
    for query, rows in (
        ("from 'a.csv'", 1),
        ("from read_json('a.json')", 1),
        ("from 'a.parquet' union all from read_duckdb('a.duckdb')", 2),
        ("explain analyze from runs", 1),
        ("explain (format json) from runs", 1),
        ("with recursive x as (select 1 as a union all select a + 1 from x where a < 3) from x", 3),
        ("pivot (select 1 as a, 2 as b) on a using sum(b)", 1),
        ("summarize from runs", None),
        ("describe from metrics_at(3)", None),
        (f"select {'+'.join(['1'] * 900)}", 1),
        ("select 1 -- enable_logging()", 1),
        ("select 'copy x to y'", 1),
        ("select '图像' as \"名\"; -- 名\n", 1),
        ("/* 图像图像图像图像 */ explain from runs where dataset <> '图' ;", 1),
        (
            "pivot (select '图像图像图像图像' as h, * from metrics) on precision using count(*)",
            None,
        ),
    ):
        found = ask(opened, con, query).num_rows
        assert rows is None or found == rows, query
    with pytest.raises(cmr.CmrError, match='Did you mean "metrics_at'):
        opened.sql("from metrics_att(3)")


@pytest.mark.slow
def test_every_table_function_is_known_to_read_or_refused(opened, tmp_path):
    """Those that are let through are called with paths wherever they take a text."""
    con = opened.connect()
    before = watched(tmp_path)
    every = functions("table", "pragma", "table_macro")
    refused = {name for name, *_ in every} - READING
    assert {"enable_logging", "enable_profiling", "query", "force_checkpoint"} <= refused
    for name in sorted(refused):
        with pytest.raises(cmr.CmrError, match=rf"function {name} is refused"):
            ask(opened, con, f'from "{name}"()')
    lock(con, Storage(opened.root))
    called = 0
    for name, parameters, types, _ in every:
        if name not in READING:
            continue
        for path in ("a.csv", "a.parquet", "a.json", "a.duckdb", "new"):
            needed = [f"'{path}'" for kind in types if kind in ("VARCHAR", "ANY")]
            named = [
                f"{key} := '{path}'"
                for key, kind in zip(parameters, types, strict=False)
                if kind == "VARCHAR" and key not in ("col0", "path", "paths")
            ]
            for given in ([], needed[:1], needed[:2], *([*needed[:1], one] for one in named)):
                try:
                    con.execute(f"from {name}({', '.join(given)}) limit 3").fetchall()
                    called += 1
                except (duckdb.Error, RuntimeError):
                    continue
    assert called > 150
    assert watched(tmp_path) == before


@pytest.mark.slow
def test_no_scalar_function_writes(opened, tmp_path):
    con = opened.connect()
    lock(con, Storage(opened.root))
    before = watched(tmp_path)
    called = 0
    for name, _, types, varargs in functions("scalar", "aggregate", "macro"):
        if "VARCHAR" not in (*types, varargs) or not name.isidentifier():
            continue
        for path in ("a.csv", "new"):
            texts = [f"'{path}'" if kind in ("VARCHAR", "ANY") else "1" for kind in types]
            try:
                con.execute(f"select {name}({', '.join(texts or [repr(path)])})").fetchall()
                called += 1
            except (duckdb.Error, RuntimeError):
                continue
    assert called > 200
    assert watched(tmp_path) == before


def test_the_watch_sees_what_an_open_connection_writes(opened, tmp_path):
    """The two tests before would fail if one of those functions were let through."""
    before = watched(tmp_path)
    con = duckdb.connect()
    con.execute("from enable_logging(storage = 'file', storage_path = 'x')").fetchall()
    con.execute("select 1").fetchall()
    con.close()
    assert set(watched(tmp_path)) - set(before)


@pytest.mark.slow
def test_no_setting_can_be_changed(opened):
    """Not by a statement, which is refused, and not by what might get past that."""
    con = opened.connect()
    lock(con, Storage(opened.root))
    names = con.execute("select distinct name from duckdb_settings()").fetchall()
    assert len(names) > 100
    for (name,) in names:
        for form in ("set {} = 'x'", "pragma {} = 'x'", "reset {}"):
            with pytest.raises(cmr.CmrError, match=r"only reads|Error|empty"):
                ask(opened, con, form.format(name))
    for query in (
        "from enable_logging(storage = 'file', storage_path = 'x')",
        "set autoload_known_extensions = true",
        "set enable_external_access = true",
        "set lock_configuration = false",
    ):
        with pytest.raises(duckdb.Error, match="locked"):
            con.execute(query)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["https://h/x.csv", "s3://b/x.parquet", "hf://datasets/x/y.csv"])
def test_nothing_comes_from_a_network(opened, tmp_path, path):
    opened.sql("select 1")  # Prepared views are kept then.
    before = watched(tmp_path)
    for query in (f"from '{path}'", f"from read_text('{path}')", f"from sniff_csv('{path}')"):
        with pytest.raises(cmr.CmrError, match="local files, and no extension"):
            opened.sql(query)
    with pytest.raises(cmr.CmrError, match="no function st_read"):
        opened.sql("from st_read('x')")
    assert watched(tmp_path) == before


@pytest.mark.slow
def test_a_sandbox_holds_the_warehouse_alone(opened, tmp_path):
    """Links that lead out are followed first; what the caller hands over is there."""
    (tmp_path / "w" / "out.csv").symlink_to(tmp_path / "a.csv")
    (tmp_path / "w2").mkdir()
    (tmp_path / "w2" / "a.csv").write_text("a\n1\n")
    inside = f"{opened.root}/runs/*.parquet"
    con = opened.connect()
    for query in (
        "from 'a.csv'",
        f"from '{opened.root}/../a.csv'",
        f"from '{opened.root}/out.csv'",
        f"from '{opened.root}2/a.csv'",
        "from read_text('/etc/hostname')",
        "from glob('/etc/*')",
        "from read_csv('/dev/stdin')",
        "from read_duckdb('a.duckdb')",
    ):
        with pytest.raises(cmr.CmrError, match="in a sandbox a query reads only the warehouse"):
            run_query(con, query, opened.store, sandbox=True)
    assert opened.sql(f"from '{inside}'", sandbox=True).arrow().num_rows == 1
    mine = pa.table({"a": [1, 2]})
    assert opened.sql("from mine", sandbox=True, mine=mine).arrow() == mine
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "w")
    assert cmr.open(link).sql("from runs", sandbox=True).arrow().num_rows


@pytest.mark.slow
def test_variables_of_the_caller_are_not_read(opened):
    query = "from statements"
    statements = pa.table({"a": [1]})
    with pytest.raises(cmr.CmrError, match="Table with name statements does not exist"):
        opened.sql(query)
    assert opened.sql(query, statements=statements).arrow().num_rows == 1


@pytest.mark.slow
def test_memory_is_bounded_and_spills_to_a_folder_that_goes(opened, tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    con = opened.connect(memory=80 * 2**20)
    wide = "select count(*) from (select a, hash(a) as h from range(6000000) t(a) order by h)"
    spilled = set()
    con.execute(wide)
    spilled |= {path.name for path in tmp_path.glob("cmr-*/spill-*")}
    assert con.fetchall() == [(6_000_000,)]
    assert spilled
    assert (tmp_path / f"cmr-{os.geteuid()}").stat().st_mode & 0o777 == 0o700
    con.close()
    assert not list(tmp_path.glob("cmr-*/spill-*"))
    with pytest.raises(cmr.CmrError, match=r"not enough memory: .*--memory gives a query more"):
        opened.sql("select list(a) from range(20000000) t(a)", memory=80 * 2**20)
    with pytest.raises(cmr.CmrError, match="--memory must be at least 64 MiB"):
        opened.sql("from runs", memory=1)
