"""`cmr sql`: formats, refusals, and the shell on a real terminal."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import platformdirs
import pyarrow.parquet as pq
import pytest

from cmr.api.query import run_query
from cmr.views import connect
from tests import warehouses


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    rng = np.random.default_rng(0)
    relevance = np.eye(6, 5, dtype=int)
    relevance[5, 0] = 1
    made = warehouses.new(tmp_path_factory.mktemp("sql") / "w")
    warehouses.add_dataset(made, "d", relevance)
    warehouses.add_run(made, "r", "d", rng.random((6, 5)), relevance)
    return made


@pytest.fixture
def root(warehouse, tmp_path):
    """A copy in the test's own folder."""
    return Path(shutil.copytree(warehouse.root, tmp_path / "w"))


@pytest.fixture(scope="module")
def con(warehouse):
    return connect(warehouse.root)


@pytest.mark.slow
def test_formats(cmr, root, tmp_path):
    query = "select query_id, above, [1, 2] as l, 'a,\"b' as t, 'nan'::double as n from ranks"
    query += " order by query_id"
    rows = list(
        csv.DictReader(io.StringIO(cmr("sql", query, "-w", root, "--format", "csv").stdout))
    )
    assert len(rows) == 6
    assert rows[0]["t"] == 'a,"b'
    found = json.loads(cmr("sql", query, "-w", root, "--format", "json").stdout)
    assert found[0] == {
        "query_id": "t0",
        "above": found[0]["above"],
        "l": [1, 2],
        "t": 'a,"b',
        "n": None,
    }
    out = tmp_path / "x.parquet"
    cmr("sql", query, "-w", root, "--format", "parquet", "--output", out)
    assert pq.read_table(out).num_rows == 6
    assert "[bold]x" in cmr("sql", "select '[bold]x' as a", "-w", root).stdout


def test_wide_tables_are_not_cut(cmr, root):
    text = cmr("sql", "select repeat('x', 500) as a, 12345678 as b", "-w", root).stdout
    assert "x" * 500 in text
    assert "12,345,678" in text


@pytest.mark.parametrize(
    "query",
    [
        "create table t (a int)",
        "copy ranks to 'x.csv'",
        "drop view metrics",
        "insert into ranks values (1)",
        "attach 'x.db'",
        "set threads = 1",
        "install httpfs",
        "select 1; delete from ranks",
        "explain analyze copy (select 1) to 'x.csv'",
        "explain analyze create table t as select 1",
        "call enable_logging()",
        "with a as (copy (select 1) to 'x.csv') from a",
        "explain analyze with a as (copy (select 1) to 'x.csv') from a",
        "with a as (copy (select 1) to 'x.csv'), b as (pivot range(3) t on range) from a, b",
        "summarize with a as (copy (select 1) to 'x.csv') from a",
        "create temp table t as pivot ranks on relevance",
        "with a as (pivot range(3) t on range) insert into ranks from a",
        "explain (format json) copy (select 1) to 'x.csv'",
        "select 1) ; copy (select 1) to 'x.csv' ; from (select 1",
    ],
)
def test_only_reads(cmr, root, tmp_path, monkeypatch, query):
    monkeypatch.chdir(tmp_path)
    result = cmr("sql", query, "-w", root, code=1)
    assert "cmr sql only reads" in result.stderr or "syntax error" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("pivot ranks on query_id using max(relevants) group by gallery", [5, *[1] * 6]),
        ("with p as (pivot ranks on gallery using count(*)) select \"5\" from p limit 1;", [1]),
        ("from (pivot ranks on direction_ in ('x') using count(*)) limit 1".replace(
            "direction_", "run_id"), None),
        ("unpivot (select 1 as a, 2 as b) on a, b order by value desc limit 1", ["b", 2]),
        ("select 3 as x; from (values (4)) -- the last one\n;", [4]),
        ("describe select 1 as a", None),
        ("summarize ranks", None),
        ("show tables", None),
        ("table ranks", None),
        ("explain analyze from ranks", None),
        ("/* why */ explain pivot ranks on run_id using count(*)", None),
        ("explain (format json) select 1", None),
        ("explain (select 1)", None),
    ],
)  # fmt: skip
def test_all_that_reads(con, warehouse, query, found):
    rows = run_query(con, query, warehouse).to_pylist()
    assert rows
    if found is not None:
        assert list(rows[0].values()) == found


def test_order_and_names_stay(con, warehouse):
    """What is text in Arrow is text in its place, whatever the names."""
    query = "select range as a, to_days(range::int) as a from range(5000) order by range desc"
    table = run_query(con, query, warehouse)
    assert table.column_names == ["a", "a_1"]
    assert table["a"].to_pylist() == list(range(4999, -1, -1))
    assert table["a_1"].to_pylist()[:2] == ["4999 days", "4998 days"]


def test_odd_values(cmr, root):
    """Columns of one name, and captions that would steer a terminal."""
    query = "select 1 as a, 2 as a, chr(27) || '[31mred' as t"
    found = json.loads(cmr("sql", query, "-w", root, "--format", "json").stdout)
    assert found == [{"a": 1, "a_1": 2, "t": "\x1b[31mred"}]
    kinds = (
        "select 12::hugeint h, date '2024-01-02' d, interval 3 day i, map {'a': 1} m, "
        "{'x': [1.0, 'nan'::double]} s, 'ab'::blob b, uuid() u, 1.5::decimal(3, 1) f"
    )
    text = cmr("sql", kinds, "-w", root, "--format", "csv").stdout
    assert text.splitlines()[1].startswith("12,2024-01-02,")
    found = json.loads(cmr("sql", kinds, "-w", root, "--format", "json").stdout)[0]
    assert (found["h"], found["s"], found["b"], found["f"]) == (12, {"x": [1.0, None]}, "6162", 1.5)
    assert "\x1b" not in cmr("sql", query, "-w", root).stdout


def test_mistakes_are_one_sentence_with_a_hint(cmr, root):
    result = cmr("sql", "from metrix", "-w", root, code=1)
    assert 'Did you mean "metrics"' in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "the query is empty" in cmr("sql", "  ", "-w", root, code=1).stderr


class _Terminal:
    """`cmr sql` on a terminal of 60 lines."""

    def __init__(self, root, home):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
        env = {**os.environ, "TERM": "xterm", "HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        env["XDG_CACHE_HOME"] = os.path.dirname(platformdirs.user_cache_dir("cmr"))
        env["PAGER"] = "cat"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cmr", "sql", "-w", str(root)],
            stdin=slave, stdout=slave, stderr=slave, env=env, close_fds=True,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""
        self.until("cmr>")

    def until(self, text, timeout=20.0):
        end = time.time() + timeout
        while text not in self.seen and time.time() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536).decode(errors="replace")
        assert text in self.seen, self.seen
        self.seen = self.seen.split(text, 1)[1]

    def send(self, text):
        os.write(self.master, text.encode())

    def ended(self):
        code = self.process.wait(timeout=10)
        os.close(self.master)
        return code


@pytest.mark.slow
def test_shell(root, tmp_path):
    """On a terminal: dot commands, a query over two lines, a mistake, and the history."""
    it = _Terminal(root, tmp_path)
    it.send(".tables\r")
    it.until("leaderboard")
    it.until("cmr>")
    it.send(".describe metrics\r")
    it.until("candidates")
    it.until("cmr>")
    it.send("select 41 + 1\r")
    it.until("...>")
    it.send("as answer;\r")
    it.until("42")
    it.until("cmr>")
    it.send("select 17 + 6 as a; select 23 + 6 as b;\r")
    it.until("23")
    it.until("29")
    it.until("cmr>")
    it.send("from nothing;\r")
    it.until("does not exist")
    it.until("cmr>")
    it.send(".desc\t")
    it.until("ribe")
    it.send(" rejects\r")
    it.until("reason")
    it.until("cmr>")
    it.send(".quit\r")
    assert it.ended() == 0
    assert "from nothing;" in (tmp_path / "cmr" / "sql_history").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("word", ["exit\r", "quit;\r", "\\q\r", "\x04"])
def test_words_that_leave_the_shell(root, tmp_path, word):
    it = _Terminal(root, tmp_path)
    it.send(word)
    assert it.ended() == 0


ENDS = {
    "": True, ".tables": True, "exit": True, "QUIT;": True, r"\q": True,
    "from runs": False, "from runs;": True, "select 1; -- that is all": True,
    "select ';": False, 'select ";': False, "select 1 /* ;": False, "select $$a;": False,
    "select ';'": False, "select ';';": True, "exit strategy": False, "-- only this": False,
}  # fmt: skip


@pytest.mark.parametrize("text", ENDS)
def test_where_the_shells_input_ends(text):
    from cmr.cli.sql_prompt import finished

    assert finished(text) == ENDS[text]


OFFERED = {
    ".desc": [".describe"],
    ".describe leaderb": ["leaderboard"],
    ".d leaderb": ["leaderboard"],
    ".format j": ["json"],
    "from leaderb": ["leaderboard"],
    "from runs where dataset = 'd": ["d", "default"],
    "from runs where dataset = 'd' and model = '": ["d", "m", "default", "r"],
    "from runs where run_id = 'r": ["r"],
    ".help x": [],
}


@pytest.mark.parametrize("text", OFFERED)
def test_what_tab_offers(warehouse, text):
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    from cmr.cli.sql_prompt import SqlCompleter
    from cmr.sqlfiles import view_names

    completer = SqlCompleter(["select", *view_names()], view_names(), warehouse)
    found = [one.text for one in completer.get_completions(Document(text), CompleteEvent())]
    assert found == OFFERED[text]


def test_every_statements_result(cmr, root, tmp_path):
    """All tables are printed; a format that holds one table has the last."""
    two = "select 12345 as a; select 6789 as b"
    text = cmr("sql", two, "-w", root).stdout
    assert text.index("12,345") < text.index("6789")
    out = tmp_path / "x.txt"
    cmr("sql", two, "-w", root, "--output", out)
    assert out.read_text() == text
    assert cmr("sql", two, "-w", root, "--format", "csv").stdout == "b\n6789\n"
    failed = cmr("sql", "select 12345 as a; select 1 / 'x'", "-w", root, code=1)
    assert "12,345" in failed.stdout
    assert cmr("sql", "select 12345 as a; delete from runs", "-w", root, code=1).stdout == ""
