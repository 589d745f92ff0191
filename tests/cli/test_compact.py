"""`cmr warehouse compact` and `cmr runs remove`, beside readers and writers."""

from __future__ import annotations

import threading
import time

import pyarrow as pa
import pytest

import cmr as package
from cmr.pipeline import remove as removing
from cmr.pipeline.compact import compact
from cmr.warehouse.schemas import RANKS, RUNS
from cmr.warehouse.store import Store
from tests.cli.housekeeping import VALUES, copied
from tests.conftest import snapshot


@pytest.fixture
def root(once, tmp_path):
    """A copy that a test may damage."""
    return copied(once, tmp_path)


def split(root):
    """Cut the ranks of one run into two files that its row names."""
    store = Store.open(str(root))
    row = store.catalogue(RUNS)[0]
    (name,) = [file for file in row["files"] if file.startswith("ranks/")]
    table = store.storage.read(name)
    keys = {"run_id": row["run_id"]}
    halves = [
        store.write(RANKS, keys, [part]) for part in (table.slice(0, 17), pa.table(table.slice(17)))
    ]
    others = [file for file in row["files"] if file != name]
    with store.claim(row["run_id"]):
        store.commit(RUNS, row["run_id"], {**row, "files": [*halves, *others]})
    store.storage.delete(name)
    return row["run_id"], halves


@pytest.mark.slow
def test_compact_merges_and_readers_see_every_row_once(cmr, root):
    assert "nothing to merge" in cmr("warehouse", "compact", "-w", root).stdout
    wh = package.open(root)
    before = wh.sql(VALUES).fetchall()
    run_id, halves = split(root)
    order = f"select * from ranks where run_id = '{run_id}' order by all"
    rows = wh.sql(order).fetchall()
    total = wh.sql("select count(*) from ranks").fetchone()
    assert "1 partitions would be merged" in cmr(
        "warehouse", "compact", "-w", root, "--dry-run").stdout  # fmt: skip
    counts, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            counts.append(wh.sql("select count(*) from ranks").fetchone())

    reader = threading.Thread(target=ask)
    reader.start()
    try:
        done = cmr("warehouse", "compact", "-w", root, "--wait", "2").stdout
        time.sleep(1)
    finally:
        stop.set()
        reader.join()
    assert "1 partitions merged" in done
    assert set(counts) == {total}
    assert len(counts) > 3
    (new,) = [file for file in wh.store.find(RUNS, run_id)["files"] if file.startswith("ranks/")]
    assert wh.sql(order).fetchall() == rows
    assert wh.sql(VALUES).fetchall() == before
    assert all((root / half).exists() for half in halves)
    cmr("warehouse", "vacuum", "-w", root, "--older", "0")
    assert not any((root / half).exists() for half in halves)
    assert (root / new).exists()
    assert wh.sql(VALUES).fetchall() == before
    assert "files are sound" in cmr("warehouse", "verify", "-w", root).stdout


def test_compact_leaves_a_run_that_is_being_written(root):
    run_id, _ = split(root)
    store = Store.open(str(root))
    before = snapshot(root)
    with Store.open(str(root)).claim(run_id):
        done = compact(store, 0, False, lambda *_: __import__("contextlib").nullcontext(len))
    assert done.busy == [f"ranks/run_id={run_id}"]
    assert not done.merged
    assert snapshot(root) == before


@pytest.mark.slow
def test_remove_lists_asks_and_removes(cmr, root):
    before = snapshot(root)
    asked = ("runs", "remove", "precision=int8", "-w", root)
    dry = cmr(*asked, "--dry-run").stdout
    assert "2 runs" in dry
    assert "would be removed" in dry
    assert "give --yes" in cmr(*asked, code=1).stderr
    cmr("runs", "remove", "-w", root, code=2)
    assert "no run matches" in cmr("runs", "remove", "dim=3", "-w", root, code=1).stderr
    assert "no such runs" in cmr("runs", "remove", "-w", root, "--model", "x", code=1).stderr
    assert snapshot(root) == before
    wh = package.open(root)
    gone = [row["run_id"] for row in wh.runs("precision=int8").dicts()]
    others = "select * from metrics where precision = 'fp32' order by all"
    values = wh.sql(others).fetchall()
    assert "2 runs removed" in cmr(*asked, "--yes").stdout
    cmr("warehouse", "vacuum", "-w", root, "--older", "0")
    left = [path for path in snapshot(root) if any(run_id in path for run_id in gone)]
    assert left == []
    assert not any((root / f"ranks/run_id={run_id}").exists() for run_id in gone)
    assert (
        wh.sql("select * from metrics where precision = 'fp32' order by all").fetchall() == values
    )
    done = wh.evaluate(dims=16, precisions="int8", candidates=20, protocols="full,sampled")
    assert sorted(done.scored) == sorted(gone)
    assert wh.sql("from check_files_exist").fetchall() == []


def test_remove_leaves_a_run_that_is_being_scored(cmr, root):
    run_id = package.open(root).runs().dicts()[0]["run_id"]
    with Store.open(str(root)).claim(run_id):
        done = cmr("runs", "remove", "--dataset", "d", "--yes", "-w", root, code=1)
    assert f"stay: {run_id}" in done.stderr
    assert [row["run_id"] for row in package.open(root).runs().dicts()] == [run_id]


@pytest.mark.slow
def test_remove_killed_on_the_way(cmr, root, monkeypatch):
    """After the row is gone nothing is visible; what is left goes with vacuum."""
    wh = package.open(root)
    row = wh.runs().dicts()[0]
    real, calls = wh.store.storage.delete, []

    def killed(name):
        calls.append(name)
        if len(calls) > 1:
            raise KeyboardInterrupt
        real(name)

    with monkeypatch.context() as patched:
        patched.setattr(wh.store.storage, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            removing.remove_runs(wh.store, [row])
    assert calls[0] == f"runs/{row['run_id']}.parquet"
    for table in ("runs", "ranks", "sampled_ranks", "timings", "metrics"):
        found = wh.sql(f"select count(*) from {table} where run_id = '{row['run_id']}'")
        assert found.fetchone() == (0,), table
    assert wh.sql("from check_files_exist").fetchall() == []
    cmr("warehouse", "vacuum", "-w", root, "--older", "0")
    assert not any(row["run_id"] in path for path in snapshot(root))
