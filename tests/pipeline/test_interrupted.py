"""kill -9 anywhere, and two processes at once: the result equals an undisturbed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from cmr.views import connect
from tests.conftest import npz_arrays

pytestmark = pytest.mark.slow

TABLES = ("items", "qrels", "ranks", "sampled_ranks", "hits", "embeddings")
EVALUATE = (
    "evaluate",
    "--dims",
    "16,24,64",
    "--precisions",
    "fp16,int8,int4",
    "--candidates",
    "20",
)


def rows(root):
    """Every row of the warehouse's lasting tables, but for when and how long."""
    con = connect(str(root))
    found = {name: con.execute(f"from {name} order by all").fetchall() for name in TABLES}
    settings = "run_id, text_set, visual_set, protocols, candidates, ks, queries, gallery"
    found["runs"] = con.execute(f"select {settings} from runs order by all").fetchall()
    return found


def start(root, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "cmr", *map(str, arguments), "-w", str(root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200"},
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "d.npz"
    np.savez(path, **npz_arrays(600, 300, (16, 40)))
    return path


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    root = tmp_path_factory.mktemp("undisturbed") / "w"
    for command in (("ingest", "npz", data), EVALUATE):
        process = start(root, *command)
        assert process.wait() == 0, process.stderr.read()
    return rows(root)


def test_killed_again_and_again(data, undisturbed, tmp_path):
    """Killed after ever longer times, until a run is left alone to its end."""
    root = tmp_path / "w"
    kills = 0
    for command in (("ingest", "npz", data), EVALUATE):
        wait = 0.9
        while True:
            process = start(root, *command)
            try:
                code = process.wait(timeout=wait)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                wait *= 1.5
                continue
            assert code == 0, process.stderr.read()
            break
    assert kills > 3
    assert rows(root) == undisturbed
    leftovers = [path for path in root.rglob("*") if ".part-" in path.name]
    assert leftovers == []


def test_two_at_once(data, undisturbed, tmp_path):
    root = tmp_path / "w"
    for command in (("ingest", "npz", data), EVALUATE):
        both = [start(root, *command) for _ in range(2)]
        for process in both:
            assert process.wait() == 0, process.stderr.read()
    assert rows(root) == undisturbed


def test_interrupt_says_how_to_go_on(data, tmp_path):
    root = tmp_path / "w"
    assert start(root, "ingest", "npz", data).wait() == 0
    ingested = len(list(root.glob("embedding_sets/*.parquet")))
    process = start(root, *EVALUATE, "--draws", "50")
    while len(list(root.glob("embedding_sets/*.parquet"))) == ingested:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert b"run the same command to continue" in process.stderr.read()


def test_interrupt_stops_a_query(data, tmp_path):
    """DuckDB holds the signal back while it computes, unless it computes elsewhere."""
    root = tmp_path / "w"
    assert start(root, "ingest", "npz", data).wait() == 0
    endless = "select sum(a.range * b.range) from range(10000000) a, range(10000000) b"
    process = start(root, "sql", endless)
    time.sleep(8)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert b"stopped" in process.stderr.read()
