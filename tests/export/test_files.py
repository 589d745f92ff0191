"""Tables of every format; a target that appears whole or not at all; large exports stream."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from functools import cache

import numpy as np
import pandas
import polars
import pyarrow.parquet as pq
import pytest

import cmr as package
from cmr.export.formats import OWN, get, names
from cmr.sqlfiles import view_names
from tests.export.conftest import run

pytestmark = pytest.mark.slow

TABLES = ("parquet", "csv", "arrow", "json")


@pytest.fixture(scope="module")
def frame(published):
    """What the Python interface gives for a query, asked once."""
    return cache(lambda query: package.open(published).sql(query).pl())


@pytest.mark.parametrize("form", TABLES)
def test_a_view_a_macro_and_a_query(published, frame, tmp_path, form):
    read = {
        "parquet": polars.read_parquet, "csv": polars.read_csv, "arrow": polars.read_ipc,
        "json": polars.read_json,
    }[form]  # fmt: skip
    for what in (
        "runs", "speed", "recommend(retain := 0.9)",
        "select * from ranks where above < 3",
    ):  # fmt: skip
        out = tmp_path / f"{len(what)}.{form}"
        run("export", form, what, "-w", published, "-o", out)
        query = what if what.startswith("select") else f"from {what}"
        mine = frame(query)
        theirs = read(out)
        assert theirs.shape == mine.shape
        assert sorted(theirs.columns) == sorted(mine.columns)
        for name in mine.columns:
            if mine[name].dtype == polars.String and form != "csv":
                assert sorted(theirs[name].to_list(), key=str) == sorted(
                    mine[name].to_list(), key=str
                )


def test_odd_values_and_empty_results(odd, tmp_path):
    query = (
        "select item_id, [1, 2] as l, {'a': 'b'} as s, 'ab'::blob as b, null as n, '' as e, "
        "'nan'::double as f, 12::hugeint as h from items where item_id like '图%' order by ordinal"
    )
    rows = list(csv.DictReader(io.StringIO(run("export", "csv", query, "-w", odd).stdout)))
    assert rows[3]["item_id"] == '图 "3",\t.jpg'
    assert (rows[3]["l"], rows[3]["s"], rows[3]["b"]) == ("[1, 2]", '{"a": "b"}', "6162")
    found = json.loads(run("export", "json", query, "-w", odd).stdout)
    assert found[3] == {
        "item_id": '图 "3",\t.jpg', "l": [1, 2], "s": {"a": "b"}, "b": "6162", "n": None, "e": "",
        "f": None, "h": 12,
    }  # fmt: skip
    lines = run("export", "json", query, "--lines", "-w", odd).stdout.splitlines()
    assert [json.loads(line) for line in lines] == found
    nothing = f"select * from ({query}) limit 0"
    assert json.loads(run("export", "json", nothing, "-w", odd).stdout) == []
    assert run("export", "csv", nothing, "-w", odd).stdout == "item_id,l,s,b,n,e,f,h\n"
    for form in ("parquet", "arrow"):
        run("export", form, nothing, "-w", odd, "-o", tmp_path / form)
    assert pq.read_table(tmp_path / "parquet").num_rows == 0
    done = run("export", "csv", "from metrix", "-w", odd, "-o", tmp_path / "x", code=1)
    assert "Did you mean" in done.stderr
    assert "only reads" in run("export", "csv", "drop view items", "-w", odd, code=1).stderr
    assert not (tmp_path / "x").exists()


def test_every_format_says_what_it_is(published):
    text = run("export", "--help").stdout
    for name in names():
        form = get(name)
        assert form.name == name
        assert form.summary in text
        shown = run("export", name, "--help").stdout
        assert form.examples[0].split("--out")[0].strip()[:40] in shown
        for example in form.examples:
            for word in example.split():
                if word.startswith("--") and example.startswith("cmr export"):
                    assert word in shown, (name, word)
    assert list(OWN) == names()


def test_formats_of_other_packages(monkeypatch, published, tmp_path):
    from importlib.metadata import EntryPoint

    from cmr import plugins
    from cmr.export import formats

    point = EntryPoint("lines", "tests.export.other:FORMAT", formats.GROUP)
    broken = EntryPoint("broken", "tests.export.nowhere:FORMAT", formats.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point, broken])
    assert "Only the ids" in run("export", "--help").stdout
    run(
        "export", "lines", "-w", published, "--dim", 16, "--precision", "fp32", "-o", tmp_path / "o"
    )
    assert (tmp_path / "o").read_text().splitlines() == [str(n) for n in range(60)]
    assert "does not load" in run("export", "broken", "-o", tmp_path / "x", code=1).stderr


def test_force(published, odd, tmp_path):
    out = tmp_path / "x.csv"
    out.write_text("mine")
    assert "--force" in run("export", "csv", "runs", "-w", published, "-o", out, code=1).stderr
    assert out.read_text() == "mine"
    run("export", "csv", "runs", "-w", published, "-o", out, "--force")
    assert out.read_text().startswith("run_id")
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_text("mine")
    options = ("-w", odd, "--precision", "fp32", "--direction", "t2v", "--force", "-o", folder)
    for form in (("trec",), ("csv", "runs")):
        more = options if form == ("trec",) else ("-w", odd, "--force", "-o", folder)
        assert "no export made" in run("export", *form, *more, code=1).stderr
    assert (folder / "a.jpg").read_text() == "mine"
    (folder / "a.jpg").unlink()
    run("export", "trec", *options)
    run("export", "trec", *options)
    assert sorted(path.name for path in folder.iterdir()) == [
        "cmr-export.json", "qrels.txt", "run.txt",
    ]  # fmt: skip
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    missing = tmp_path / "no" / "x.csv"
    assert (
        "there is no folder"
        in run("export", "csv", "runs", "-w", odd, "-o", missing, code=1).stderr
    )


def all_formats(root):
    """A command line a format, without --out."""
    one = ("-w", root, "--precision", "fp32")
    for name in OWN:
        if name in TABLES:
            yield (name, "ranks", "-w", root)
        elif name == "duckdb":
            yield (name, "-w", root, "--copy")
        elif name in ("trec", "ranx", "mteb"):
            yield (name, *one, "--direction", "t2v")
        elif name != "npz":
            yield (name, *one)


def test_a_full_disk_leaves_nothing(odd, tmp_path, monkeypatch):
    """Every format, when the disk fills at the very end; and a device that is full at once."""
    real = os.fsync

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for command in all_formats(odd):
        monkeypatch.setattr(os, "fsync", full)
        done = run("export", *command, "-o", tmp_path / "x", code=1)
        assert f"no space left to write {tmp_path / 'x'}" in done.stderr
        assert not list(tmp_path.iterdir())
        monkeypatch.setattr(os, "fsync", real)
    for form in TABLES:
        done = run("export", form, "ranks", "-w", odd, "-o", "/dev/full", code=1)
        assert done.stderr.strip().splitlines()[-1].startswith("cmr: no space left"), done.stderr


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """A file system of 256 KiB, where this process may mount one."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        made = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        made = False
    if not made:
        pytest.skip("mounting a small file system needs the right to")
    yield folder
    subprocess.run(["umount", str(folder)], check=False)


def test_a_disk_that_fills(odd, small_disk):
    """The real thing: formats that outgrow it say so, and leave the disk as empty as it was."""
    big = "select range, hash(range)::varchar as text from range(200000)"
    for command in (*((form, big, "-w", odd) for form in TABLES), ("duckdb", "-w", odd),
                    ("duckdb", "-w", odd, "--copy")):  # fmt: skip
        done = run("export", *command, "-o", small_disk / "x", code=1)
        assert "no space left to write" in done.stderr, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not list(small_disk.iterdir())


def test_a_kill_leaves_no_half_file(odd, tmp_path):
    """SIGKILL while it writes; the next export takes away what is left and goes through."""
    out = tmp_path / "big.csv"
    query = "select range, hash(range) as h from range({})"
    command = [sys.executable, "-m", "cmr", "export", "csv", "-w", odd, "-o", str(out)]
    process = subprocess.Popen([*command, query.format(500_000_000)], stderr=subprocess.DEVNULL)
    end, part = time.time() + 60, None
    while (part is None or part.stat().st_size < 1_000_000) and time.time() < end:
        time.sleep(0.05)
        part = next(tmp_path.glob(f".big.csv.part-*-{process.pid}-*"), None)
    assert part.stat().st_size >= 1_000_000
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [path.name for path in tmp_path.iterdir()] == [part.name]
    run("export", "csv", query.format(10), "-w", odd, "-o", out)
    assert [path.name for path in tmp_path.iterdir()] == ["big.csv"]
    assert len(out.read_text().splitlines()) == 11


# Not `ru_maxrss`, which a process has of the one that it was forked from.
_PEAK = """
from cmr.cli.main import main
from cmr.pipeline.bench.machine import peak_resident
def go(*args):
    try: main(args)
    except SystemExit as done: assert not done.code, done.code
few, many = {few!r}, {many!r}
go(*few); before = peak_resident(); go(*many); print("grew", (peak_resident() - before) >> 20)
"""


def grew(few, many):
    """Mebibytes by which the process's peak grows from one export to another of the same kind.

    The first is large enough for what does not grow with the rows: libraries, buffers and blocks.
    """
    code = _PEAK.format(few=tuple(map(str, few)), many=tuple(map(str, many)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout.split("grew")[1])


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_large_tables_stream(odd, tmp_path, form):
    """2,000,000 rows of some 50 bytes, which DuckDB, Arrow or Polars would hold at once."""
    query = "select range, repeat(hash(range)::varchar, 2) as text from range({})"
    few, many = (
        ("export", form, query.format(rows), "-w", odd, "-o", tmp_path / f"{rows}")
        for rows in (250_000, 2_000_000)
    )
    assert grew(few, many) < 60
    if form == "parquet":
        file = pq.ParquetFile(tmp_path / "2000000")
        assert file.metadata.num_rows == 2_000_000
        assert (
            max(file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)) < 300_000
        )


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """200,000 visuals of 256 dimensions: 205 MB as float32; and 50,000 of them."""
    root = tmp_path_factory.mktemp("large") / "w"
    rng = np.random.default_rng(0)
    visuals = rng.standard_normal((200_000, 256), dtype=np.float32)
    texts = visuals[:100] + rng.standard_normal((100, 256), dtype=np.float32)
    wh = package.open(root, create=True)
    for name, count in (("large", 200_000), ("fewer", 50_000)):
        wh.ingest_arrays(texts, visuals[:count], np.arange(100), dataset=name, model="m")
    return root


@pytest.mark.parametrize("form", ["npz", "hf"])
def test_large_vectors_stream(large, tmp_path, form):
    """The peak grows by far less than 150,000 more vectors take, 154 MB; ids remain."""
    fewer, all_ = (
        ("export", form, "-w", large, "--dataset", name, "-o", tmp_path / name)
        for name in ("fewer", "large")
    )
    found = grew(fewer, all_)
    assert found < 100, found


def test_every_table_by_every_reader(published):
    """polars, pandas, pyarrow and a plain DuckDB read the files of every table."""
    import duckdb
    import pyarrow.dataset

    from cmr.warehouse.schemas import CATALOGUE
    from cmr.warehouse.schemas import TABLES as SCHEMAS

    con = duckdb.connect()
    for name in (*SCHEMAS, "embeddings"):
        folder = published / name
        pattern = f"{folder}/**/*.parquet"
        rows = con.execute(
            f"select count(*) from read_parquet('{pattern}', hive_partitioning = true, "
            "union_by_name = true)"
        ).fetchall()[0][0]
        expected = sum(pq.read_metadata(path).num_rows for path in folder.rglob("*.parquet"))
        assert rows == expected
        lazy = polars.scan_parquet(
            pattern, hive_partitioning=True, missing_columns="insert", extra_columns="ignore"
        )
        if name == "embeddings":
            # A file a precision and dimension: each is read by itself.
            for path in folder.rglob("*.parquet"):
                assert polars.read_parquet(path).height == pandas.read_parquet(path).shape[0]
            continue
        assert lazy.collect().height == expected
        assert len(pandas.read_parquet(folder)) == expected
        table = pyarrow.dataset.dataset(folder, partitioning="hive").to_table()
        assert table.num_rows == expected
    raw = {f"catalogue_{table.name}" for table in CATALOGUE}
    assert set(view_names("staging")) - raw == {*SCHEMAS, "embeddings"}
