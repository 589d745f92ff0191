"""kill -9 anywhere, and two processes at once: the result equals an undisturbed one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from cmr.views import connect
from tests.conftest import npz_arrays
from tests.processes import begin, end, killed

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
    """The command as it is called, in a process of its own."""
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
def made(data, tmp_path_factory):
    """Two warehouses that nothing disturbed: ingested alone, and evaluated."""
    folder = tmp_path_factory.mktemp("undisturbed")
    told = folder / "told"
    assert end(begin(("ingest", "npz", data, "-w", folder / "ingested"), told)) == 0
    shutil.copytree(folder / "ingested", folder / "evaluated")
    assert end(begin((*EVALUATE, "-w", folder / "evaluated"), told)) == 0, told.read_text()
    return folder


@pytest.fixture(scope="module")
def undisturbed(made):
    return rows(made / "evaluated")


@pytest.fixture
def ingested(made, tmp_path):
    return shutil.copytree(made / "ingested", tmp_path / "w")


def test_killed_again_and_again(data, undisturbed, tmp_path):
    """Killed after ever longer times of its work, until a run is left alone to its end."""
    root, told = tmp_path / "w", tmp_path / "told"
    kills = 0
    for command in (("ingest", "npz", data), EVALUATE):
        wait = 0.1
        while (code := killed((*command, "-w", root), told, wait)) == -signal.SIGKILL:
            kills += 1
            wait *= 1.5
        assert code == 0, told.read_text()
    assert kills > 3
    assert rows(root) == undisturbed
    leftovers = [path for path in root.rglob("*") if ".part-" in path.name]
    assert leftovers == []


def test_two_at_once(data, undisturbed, tmp_path):
    root = tmp_path / "w"
    for command in (("ingest", "npz", data), EVALUATE):
        told = [tmp_path / name for name in ("one", "other")]
        both = [begin((*command, "-w", root), path) for path in told]
        for process, path in zip(both, told, strict=True):
            assert end(process) == 0, path.read_text()
    assert rows(root) == undisturbed


def test_interrupt_says_how_to_go_on(ingested):
    before = len(list(ingested.glob("embedding_sets/*.parquet")))
    process = start(ingested, *EVALUATE, "--draws", "50")
    while len(list(ingested.glob("embedding_sets/*.parquet"))) == before:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert b"run the same command to continue" in process.stderr.read()


def test_interrupt_stops_a_query(ingested):
    """DuckDB holds the signal back while it computes, unless it computes elsewhere."""
    endless = "select sum(a.range * b.range) from range(10000000) a, range(10000000) b"
    process = start(ingested, "sql", endless)
    # Beginning takes a process one second, so it computes.
    while (spent := psutil.Process(process.pid).cpu_times()).user < 4:
        assert process.poll() is None, (spent, process.stderr.read())
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert b"stopped" in process.stderr.read()
