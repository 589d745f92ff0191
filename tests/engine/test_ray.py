"""`--engine ray` on a cluster of several nodes: the same rows, and what is lost is done again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from cmr.sources.scenes_draw import render, scenes
from cmr.views import connect
from cmr.warehouse.storage import Storage
from tests.conftest import TOY, npz_arrays
from tests.pipeline.test_interrupted import rows, start

pytest.importorskip("ray", reason="needs Ray (the extra ray)")
on_a_cluster = pytest.mark.skipif(
    not os.environ.get("CMR_CLUSTER_TESTS"),
    reason="starts clusters and kills their workers; CMR_CLUSTER_TESTS=1 runs it",
)

# The pools make a task last some seconds.
GRID = (
    "--dims", "64", "--precisions", "int8", "--candidates", "300", "--draws", "120", "--hits", "3",
)  # fmt: skip


@pytest.fixture(scope="module")
def cluster():
    """A head without CPUs for tasks, and two nodes of one."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    made.add_node(num_cpus=1)
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    made.shutdown()
    del os.environ["RAY_AUTH_MODE"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "d.npz"
    np.savez(path, **npz_arrays(1500, 800, (64,)))
    return path


@pytest.fixture(scope="module")
def local(data, tmp_path_factory):
    root = tmp_path_factory.mktemp("local") / "w"
    for command in (("ingest", "npz", data), ("evaluate", *GRID)):
        assert start(root, *command).wait() == 0
    return rows(root)


@pytest.fixture
def root(cmr, data, tmp_path):
    cmr("ingest", "npz", data, "-w", tmp_path / "w")
    return tmp_path / "w"


def asked(root, cluster):
    return ("evaluate", *GRID, "-w", root, "--engine", "ray", "--ray-address", cluster.address,
            "--shards", "4")  # fmt: skip


def meanwhile(ready, act):
    """Do something once while a command runs; returns what tells whether it was done."""
    done = threading.Event()

    def watch():
        until = time.monotonic() + 60
        while time.monotonic() < until:
            found = ready()
            if found:
                act(found)
                done.set()
                return
            time.sleep(0.02)

    threading.Thread(target=watch, daemon=True).start()
    return done


def counting():
    """Worker processes that count a block now."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.name().startswith("ray::_count")
    ]


@on_a_cluster
def test_a_killed_worker_and_a_lost_node(cmr, cluster, root, local):
    """Ray begins their tasks again, elsewhere; nothing is lost or counted twice."""
    extra = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()

    def strike(found):
        time.sleep(0.5)  # its beginning is told
        found[0].kill()
        cluster.remove_node(extra, allow_graceful=False)

    struck = meanwhile(lambda: (mine := counting())[2:] and mine, strike)
    said = cmr(*asked(root, cluster)).stderr
    assert struck.is_set()
    assert "restarted" in said
    assert "4 of 4 tasks" in said
    assert rows(root) == local
    storage = Storage(str(root))
    assert storage.listing("partial_counts") == storage.listing("tasks") == []


@on_a_cluster
def test_a_killed_driver_and_a_damaged_file(cmr, cluster, root, local):
    """The same command goes on: what is whole is kept, what is damaged is counted again."""
    storage = Storage(str(root))
    process = start(root, *asked(root, cluster))
    until = time.monotonic() + 90
    while len(storage.listing("tasks")) < 2:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = len(storage.listing("tasks"))
    named = [name for name in storage.listing("partial_counts") if ".part-" not in name]
    victim = Path(storage.path(named[0]))
    victim.write_bytes(victim.read_bytes()[:-100])
    said = cmr(*asked(root, cluster)).stderr
    first = next(line for line in said.splitlines() if "of 4 tasks" in line)
    assert kept >= 2
    assert 1 <= int(first.split()[0]) <= 4
    assert rows(root) == local


@on_a_cluster
def test_a_failed_task_names_its_log(cmr, cluster, root):
    """The reason in a sentence, and the log that holds the rest."""
    storage = Storage(str(root))
    cmr("evaluate", *GRID, "--prepare", "-w", root)
    storage.delete(storage.listing("thresholds")[0])
    victim = Path(storage.path(next(n for n in storage.listing("embeddings") if "int8" in n)))
    victim.write_bytes(b"PAR1 this is no Parquet file PAR1")
    said = cmr(*asked(root, cluster), code=1).stderr
    last = said.splitlines()[-1]
    assert last.startswith("cmr: the task 64 native int8, shard ")
    assert "is not a readable Parquet file" in last
    log = last.partition("its log is ")[2].partition(":")[2]
    assert "Traceback" in Path(log).read_text()


@on_a_cluster
def test_pictures_are_encoded_by_workers(cmr, cluster, tmp_path):
    """The same vectors as the local engine's, and the same picture is rejected by name."""
    folder, lines = tmp_path / "photos", ["image\tcaption"]
    folder.mkdir()
    for n, scene in enumerate(scenes("test", 40)):
        render(scene).save(folder / f"{n}.png")
        lines += [f"{n}.png\t{caption}" for caption in scene.captions[:2]]
    (folder / "7.png").write_bytes((folder / "7.png").read_bytes()[:200])
    table = tmp_path / "captions.tsv"
    table.write_text("\n".join(lines) + "\n")
    found = {}
    for engine in ("local", "ray"):
        more = ("--engine", "ray", "--ray-address", cluster.address) if engine == "ray" else ()
        root = tmp_path / engine
        command = ("pairs", table, *TOY, "--images", folder, "-w", root, "--dataset", "d",
                   "--max-rejects", "1")  # fmt: skip
        cmr("ingest", *command, *more)
        con = connect(str(root))
        found[engine] = [
            con.execute(f"select {columns} order by all").fetchall()
            for columns in (
                "modality, item_id from items",
                "* from qrels",
                "source_row, reason from rejects",
                "modality, item_id, vector from embeddings",
            )
        ]
    *mine, vectors = found["ray"]
    *theirs, others = found["local"]
    assert mine == theirs
    assert ["7.png" in row[0] + row[1] for row in mine[2]] == [True]
    assert len(vectors) == len(others) == 39 + 78
    for row, other in zip(vectors, others, strict=True):
        assert row[:2] == other[:2]
        np.testing.assert_allclose(row[2], other[2], atol=1e-5)


@pytest.mark.slow
def test_no_cluster_there(cmr, root):
    said = cmr("evaluate", "-w", root, "--engine", "ray", "--ray-address", "127.0.0.1:1", code=1)
    assert said.stderr.splitlines()[-1].startswith("cmr: cannot reach Ray at 127.0.0.1:1")


@pytest.mark.slow
def test_the_local_engine_imports_no_ray(root):
    code = (
        "import sys\nfrom cmr.cli.main import main\n"
        "try: main()\nfinally: assert 'ray' not in sys.modules"
    )
    command = [sys.executable, "-c", code, "evaluate", "--explain", "-w", str(root)]
    subprocess.run(command, check=True, capture_output=True)
