"""Every type of DuckDB's in every format: the right value, or a sentence that names the column."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cmr.api.query import run_query, stream_query
from cmr.api.values import python_values
from cmr.cli.printed_tables import print_table
from cmr.cli.sql_command import write
from cmr.errors import CmrError
from cmr.views import connect
from tests import warehouses

ALL = duckdb.sql("from test_all_types()").columns
# Those whose values Parquet cannot hold.
SENTENCES = {"hugeint": "HUGEINT", "union": "sparse_union", "empty_struct": "struct<>"}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    return warehouses.new(tmp_path_factory.mktemp("w"))


@pytest.fixture(scope="module")
def con(warehouse):
    return connect(warehouse.root)


@pytest.fixture(scope="module")
def ask(con, warehouse):
    return lambda query: run_query(con, query, warehouse)


def written(table, form):
    out = io.BytesIO()
    write(table, form, out)
    return out.getvalue()


def texts(expression):
    """What DuckDB itself says, the slow way."""
    found = duckdb.sql(f"select ({expression})::varchar from test_all_types()").fetchall()
    return [row[0] for row in found]


# Exact as text: what DuckDB's cast says is what must stand in CSV and, quotes aside, in JSON.
EXACT = (
    "bool", "tinyint", "smallint", "int", "bigint", "hugeint", "uhugeint", "utinyint", "usmallint",
    "uint", "ubigint", "bignum", "date", "time", "timestamp", "timestamp_s", "timestamp_ms",
    "time_tz", "timestamp_tz", "dec_4_1", "dec_9_4", "dec_18_6", "dec38_10", "uuid", "interval",
    "varchar", "bit", "small_enum", "medium_enum", "large_enum", "time_ns", "geometry",
)  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_exact(ask, name):
    table = ask(f'select "{name}" as c from test_all_types()')
    expected = texts(f'"{name}"')
    # Python's csv refuses NUL.
    lines = written(table, "csv").decode().replace("\0", "\\0")
    rows = list(csv.reader(io.StringIO(lines)))
    assert [row[0] if row else None for row in rows[1:]] == [
        None if one is None else one.replace("\0", "\\0") for one in expected
    ]
    found = [one["c"] for one in json.loads(written(table, "json"), parse_int=str, parse_float=str)]
    said = [None if one is None else str(one).lower() for one in found]
    assert said == [None if one is None else one.lower() for one in expected]


@pytest.mark.parametrize("name", [*ALL, "variant"])
def test_no_format_fails_but_by_a_sentence(ask, con, warehouse, name):
    if name == "variant":
        query = "select {'a': 1, 'b': [interval 3 day]}::variant as c"
    else:
        query = f'select "{name}" as c from test_all_types()'
    table = ask(query)
    for form in ("csv", "json"):
        assert written(table, form)
    json.loads(written(table, "json"))
    page = io.StringIO()
    print_table(table, file=page)
    assert len(page.getvalue().splitlines()) >= table.num_rows + 2
    streamed = stream_query(con, query, warehouse)
    assert str(streamed.read_all()) == str(table)
    if name in SENTENCES:
        with pytest.raises(CmrError, match=f"column c of type {SENTENCES[name]}"):
            written(table, "parquet")
        return
    back = pq.read_table(io.BytesIO(written(table, "parquet")))
    assert str(python_values(back["c"])) == str(python_values(table["c"]))


def test_nested(ask):
    """Inside lists, structs, maps, arrays and unions, at any depth."""
    (row,) = json.loads(
        written(
            ask(
                "select [{'i': interval 3 day, 'h': 340282366920938463463374607431768211455"
                "::uhugeint, 'b': '0101'::bit}] as s, map {'k': time '24:00'} as m, "
                "map {[1]: date 'infinity'} as n, [interval 1 day, null]::interval[2] as a, "
                "union_value(u := interval 1 month) as u, row(interval 2 day, 1) as t, "
                "map {} as e, [timestamp 'infinity', timestamp '2024-01-02 03:04:05'] as l, "
                "1e-7::decimal(38, 10) as d, 'null'::json as j, "
                "{'x': timestamp_ns '2024-01-02 03:04:05.123456789'} as ns"
            ),
            "json",
        )
    )
    assert row == {
        "s": [{"i": "3 days", "h": "340282366920938463463374607431768211455", "b": "0101"}],
        "m": {"k": "24:00:00"}, "n": {"[1]": "infinity"}, "a": ["1 day", None],
        "u": "1 month", "t": {"element1": "2 days", "element2": 1}, "e": {},
        "l": ["infinity", "2024-01-02 03:04:05"], "d": 1e-07, "j": "null",
        "ns": {"x": "2024-01-02 03:04:05.123456789"},
    }  # fmt: skip


def test_moments_are_iso_beside_those_that_python_lacks(ask):
    table = ask(
        "select unnest([timestamp '2024-01-02 03:04:05.5', timestamp 'infinity', null]) as t, "
        "unnest([timestamptz '2024-01-02 03:04:05+00', timestamptz '-infinity', null]) as z, "
        "unnest([date '9999-12-31', date '10000-01-01', null]) as d"
    )
    rows = json.loads(written(table, "json"))
    assert [row["t"] for row in rows] == ["2024-01-02T03:04:05.500000", "infinity", None]
    assert rows[0]["z"].startswith("2024-01-02T")
    assert rows[1]["z"] == "-infinity"
    assert [row["d"] for row in rows] == ["9999-12-31", "10000-01-01", None]


def test_long_integers_in_parquet(ask):
    table = ask(f"select {10**30}::hugeint as h, sum(range) as s from range(4)")
    back = pq.read_table(io.BytesIO(written(table, "parquet"))).to_pylist()
    assert [Decimal(value) for value in back[0].values()] == [Decimal(10**30), Decimal(6)]


def test_half_a_file_is_none(cmr, warehouse, tmp_path):
    """A file that stood there stays; what cannot be written leaves nothing."""
    out = tmp_path / "x.parquet"
    out.write_text("before")
    query = "select 1 as a, union_value(n := 1) as u"
    for args in (("sql", query, "--format", "parquet", "--output", out),
                 ("export", "parquet", query, "--out", out, "--force")):  # fmt: skip
        result = cmr(*args, "-w", warehouse.root, code=1)
        assert result.stderr == (
            "cmr: the column u of type sparse_union<n: int32=0> cannot be written: Parquet has no "
            "such type; cast it, for instance to VARCHAR\n"
        )
        assert out.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]
    arrow = tmp_path / "x.arrow"
    cmr("export", "arrow", query, "--out", arrow, "-w", warehouse.root)
    assert pa.ipc.open_file(arrow).read_all().to_pylist() == [{"a": 1, "u": 1}]
