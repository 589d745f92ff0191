"""`cmr bench` through the command line: what is measured, kept, and told of failures."""

from __future__ import annotations

import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from cmr.answers import fetch
from cmr.pipeline.bench.bench_request import BATCH, BenchRequest
from cmr.pipeline.bench.index import rescore
from cmr.pipeline.bench.machine import machine, versions
from cmr.pipeline.bench.measuring_task import Failed, Lane, Measured, Task, Turn
from cmr.pipeline.bench.run import bench
from cmr.pipeline.bench.schedule import Job, heats
from cmr.pipeline.bench.single_product import OneProduct
from cmr.pipeline.bench.turns import race
from cmr.pipeline.evaluate import evaluate
from cmr.pipeline.request import Request
from cmr.represent.precisions import encode
from cmr.score.search.torch_index import TorchSearcher
from cmr.views import connect
from cmr.warehouse.schemas import BENCHES
from cmr.warehouse.store import Store
from tests.pipeline.test_searches import no_bar, run

pytestmark = pytest.mark.slow

GRAPH = "usearch-hnsw"
ASKED = (
    "--dims", "40", "--precisions", "fp32,int8", "--scorers", f"torch,usearch-exact,{GRAPH}",
    "--expansion-search", "16,64", "--candidates", "20", "--batch", "50", "--singles", "10",
    "--stages", "build,batch,single", "--repeats", "2", "--threads", "1",
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A warehouse of given vectors, evaluated by torch and by a graph, and benched."""
    from tests.conftest import npz_arrays

    folder = tmp_path_factory.mktemp("bench")
    np.savez(folder / "data.npz", **npz_arrays())
    run("ingest", "npz", folder / "data.npz", "-w", folder / "w", "--dataset", "d")
    common = {"dims": (40,), "precisions": ("fp32", "int8"), "protocols": ("full",)}
    evaluate(str(folder / "w"), Request(**common), no_bar)
    graphs = {"scorer": GRAPH, "expansion_search": (16, 64), "directions": ("t2v",)}
    evaluate(str(folder / "w"), Request(**common, **graphs), no_bar)
    return folder / "w"


@pytest.fixture(scope="module")
def benched(root):
    return root, run("bench", "-w", root, *ASKED)


def rows(root, query):
    return fetch(connect(str(root), query), query).to_pylist()


def catalogue(root):
    return Store.open(str(root)).catalogue(BENCHES)


def test_every_contender_is_measured(benched):
    root, result = benched
    found = catalogue(root)
    # Of 2 precisions: 3 indexes built, 4 searches in batches, and one by one over 2 galleries.
    counted = {stage: sum(row["stage"] == stage for row in found) for stage in
               ("build", "batch", "single")}  # fmt: skip
    assert counted == {"build": 6, "batch": 8, "single": 16}
    for row in found:
        turns = pq.read_table(root / row["files"][0]).to_pylist()
        assert [turn["repeat"] for turn in turns] == [0, 1] == list(range(row["repeats"]))
        assert all(turn["seconds"] > 0 and turn["threads"] == 1 for turn in turns)
        assert all(turn["peak_rss_bytes"] >= turn["idle_rss_bytes"] * 0.9 for turn in turns)
        assert all(
            len(turn["latencies"] or []) == 10 * (row["stage"] == "single") for turn in turns
        )
        assert json.loads(row["machine"]) == machine("cpu")
        assert json.loads(row["versions"]) == versions()
        assert row["batch"] == {"build": None, "batch": 50, "single": 1}[row["stage"]]
    assert len({row["race"] for row in found}) == 3
    assert "Speed" in result.stdout
    assert "C=20" in result.stdout
    assert "30 measurements" in result.stderr


def test_speed_is_what_the_rows_say(benched):
    """The views against plain Python over the Parquet files."""
    root, _ = benched
    measured = catalogue(root)
    found = rows(root, "from speed where measured = 'bench'")
    assert len(found) == 8
    for row in found:
        who = {name: row[name] for name in ("precision", "scorer", "expansion_search")}
        mine = [one for one in measured if all(one[name] == who[name] for name in who)]
        batch = turns_of(root, mine, "batch", 30)
        each = [turn["seconds"] / turn["queries"] for turn in batch]
        assert row["queries_per_second"] == pytest.approx(1 / np.median(each))
        assert row["slowest"] == pytest.approx(1 / max(each))
        single = turns_of(root, mine, "single", 30)
        all_of_them = np.concatenate([turn["latencies"] for turn in single]) * 1e3
        for level in (50, 95, 99):
            assert row[f"p{level}_ms"] == pytest.approx(np.percentile(all_of_them, level))
        at_20 = np.concatenate([t["latencies"] for t in turns_of(root, mine, "single", 20)]) * 1e3
        (short,) = [
            one for one in rows(root, "from latencies where candidates = 20")
            if all(one[name] == who[name] for name in ("precision", "scorer"))
            and str(who["expansion_search"] or "") in one["variant"].rpartition("/")[2]
        ]  # fmt: skip
        assert short["p95_ms"] == pytest.approx(np.percentile(at_20, 95))
        graph = row["scorer"] == GRAPH
        assert row["ann_recall"] == 1.0 or (graph and 0.5 < row["ann_recall"] < 1)
        assert (row["run_id"] is None) == (row["scorer"] == "usearch-exact")
        stored = {"fp32": 160, "int8": 40}[row["precision"]]
        assert row["vector_bytes"] == stored < row["disk_vector_bytes"]
        assert row["index_vector_bytes"] >= stored
        assert row["build_seconds"] > 0


def turns_of(root, measured, stage, candidates):
    (mine,) = [r for r in measured if (r["stage"], r["candidates"]) == (stage, candidates)]
    return pq.read_table(root / mine["files"][0]).to_pylist()


def test_curves_and_decisions(benched):
    root, _ = benched
    curve = rows(root, "from ann_curve")
    assert len(curve) == 8
    assert sum(row["is_exact"] for row in curve) == 4
    assert len({row["curve"] for row in curve}) == 6
    costs = rows(root, "from cost_curve where measure = 'recall' and k = 10 and direction = 't2v'")
    assert {(row["precision"], row["scorer"]) for row in costs} == {
        (precision, scorer) for precision in ("fp32", "int8") for scorer in ("torch", GRAPH)
    }
    assert all(row["p50_ms"] > 0 for row in costs)
    assert any(row["best_bytes"] for row in costs)
    (said,) = rows(
        root,
        "from decisions where precision = 'int8' and scorer = 'torch' and measure = 'recall' "
        "and k = 10 and direction = 't2v'",
    )
    assert said["together"]
    assert said["throughput_low"] <= said["throughput"] <= said["throughput_high"]
    assert said["sentence"].startswith(
        "What int8 at 40 keeps of the Recall@10 of fp32 at 40 (t2v, whole gallery) cannot be said "
        "(22 visual items are too few: at least 30 are needed); it has a quarter of the bytes and "
    )
    assert said["sentence"].endswith(" the throughput")


def test_what_is_measured_is_kept(benched):
    root, _ = benched
    before = {row["bench_id"]: row["started_at"] for row in catalogue(root)}
    result = run("bench", "-w", root, *ASKED)
    assert "all 30 measurements already exist" in result.stderr
    assert {row["bench_id"]: row["started_at"] for row in catalogue(root)} == before
    assert measure(root, candidates=(20, 25)) == (1, 2)
    after = {row["bench_id"]: row["started_at"] for row in catalogue(root)}
    assert before.items() < after.items()
    # A lost file, more repeats, and force are reasons to measure again.
    lost = next(row for row in catalogue(root) if row["candidates"] == 25)
    os.remove(root / lost["files"][0])
    assert measure(root, candidates=(20, 25)) == (1, 2)
    assert measure(root, repeats=3) == (2, 0)
    assert measure(root, force=True) == (2, 0)


def measure(root, **more):
    """Single queries of torch in fp32, as in ASKED: how many were measured, and how many kept."""
    search = Request(dims=(40,), precisions=("fp32",), directions=("t2v",))
    settings = {"candidates": (20,), "repeats": 2, **more}
    asked = BenchRequest(
        search, ("torch",), ("single",), batch=50, singles=10, threads=1, **settings
    )
    done = bench(str(root), asked, no_bar)
    return len(done.measured), done.kept


def test_two_stages(benched):
    root, _ = benched
    search = Request(dims=(40,), precisions=("int8",), directions=("t2v",), rescore="fp32")
    asked = BenchRequest(search, ("torch",), ("batch",), repeats=1, batch=20)
    assert len(bench(str(root), asked, no_bar).measured) == 1
    (found,) = [row for row in rows(root, "from speed") if row["rescore"]]
    assert found["vector_bytes"] == 40 + 160
    assert found["ann_recall"] is None


def test_rescoring_is_an_exact_search_of_the_shortlist():
    rng = np.random.default_rng(0)
    items, queries = (rng.standard_normal((n, 24)).astype(np.float32) for n in (50, 7))
    shortlist = np.stack([rng.permutation(50)[:20] for _ in range(7)])
    shortlist[0, 15:] = -1
    for precision in ("fp32", "fp16"):
        found, scores = rescore(encode(items, precision), encode(queries, precision), shortlist, 5)
        exact = queries @ items.T
        for query in range(7):
            there = shortlist[query][shortlist[query] >= 0]
            best = there[np.argsort(-exact[query, there])][:5]
            assert found[query].tolist() == best.tolist()
            assert scores[query] == pytest.approx(exact[query, best], abs=0.02)


def test_a_half_type_is_multiplied_as_one_while_its_index_is_there():
    import torch

    matmul = torch.backends.mkldnn.matmul
    vectors = np.eye(4, 64, dtype=np.float32)
    before = matmul.fp32_precision
    index = OneProduct(encode(vectors, "bf16"))
    kernel = TorchSearcher(encode(vectors, "bf16"))._kernel
    with kernel.active():
        wanted = matmul.fp32_precision
    assert matmul.fp32_precision == wanted
    del index
    assert matmul.fp32_precision == before


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "int8", "int4", "b1"])
def test_one_product_finds_what_tiles_find(precision, monkeypatch):
    rng = np.random.default_rng(1)
    items, queries = (
        encode(rng.standard_normal((n, 70)).astype(np.float32), precision) for n in (300, 40)
    )
    tiles = TorchSearcher(items)
    expected = tiles.search(queries, 7)
    for room in (2**26, 4 * 300 * 16):
        monkeypatch.setattr("cmr.pipeline.bench.single_product.ROOM", room)
        whole = OneProduct(items)
        found = whole.search(queries, 7)
        assert found[1] == pytest.approx(expected[1], rel=1e-6)
        # Ties may come in another order, and b1 has many.
        if precision != "b1":
            assert (found[0] == expected[0]).all()
        assert whole.index_bytes == tiles.index_bytes


def test_fp32_queries(root):
    """Each direction's own contender, joined with the run that has its quality."""
    way = ("--dims", "40", "--precisions", "int8,b1", "--asymmetric", "--stages", "batch,single",
             "--directions", "t2v,v2t", "--candidates", "20", "--repeats", "1")  # fmt: skip
    before = {row["bench_id"] for row in catalogue(root)}
    result = run("bench", "-w", root, *way)
    assert "fp32 queries" in result.stdout
    mine = [row for row in catalogue(root) if row["bench_id"] not in before]
    assert len(mine) == 2 * 2 * 3
    assert {(row["scorer"], row["query_precision"]) for row in mine} == {("torch", "fp32")}
    asked = Request(dims=(40,), precisions=("int8", "b1"), protocols=("full",), asymmetric=True)
    evaluate(str(root), asked, no_bar)
    joined = rows(
        root,
        "select speed.variant, runs.variant as of_run, runs.query_precision, speed.ann_recall, "
        "speed.queries_per_second > 0 and p50_ms > 0 as measured "
        "from speed join runs using (run_id) "
        "where speed.measured = 'bench' and speed.variant like '%fp32 queries%'",
    )
    assert len(joined) == 4
    assert all(row["variant"] == row["of_run"] == "fp32 queries" for row in joined)
    assert all(row["query_precision"] == "fp32" and row["ann_recall"] == 1 for row in joined)
    assert all(row["measured"] for row in joined)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (("--candidates", "31"), "more than the gallery of 30 items"),
        (("--candidates", "5"), "less than the 10 items"),
        (("--batch", "61"), "more than the 60 queries"),
        (("--k", "31", "--candidates", "31"), "more than the gallery"),
        (("--threads", "4096"), "cores"),
        (("--stages", "encode"), "were given, not encoded by a model"),
        (("--precisions", "int3"), "unknown precision"),
        (("--asymmetric", "--scorers", "usearch-exact"), "needs --scorer torch"),
        (("--scorers", "torch", "--connectivity", "8"), "--scorers does not name"),
        (("--model", "nobody"), "no vectors by the model"),
    ],
)
def test_what_cannot_be_measured(root, wrong, reason):
    before = len(catalogue(root))
    asked = ("--dims", "40", "--precisions", "fp32", "--candidates", "20", "--stages", "single")
    result = run("bench", "-w", root, *asked, *wrong, code=1)
    assert reason in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert len(catalogue(root)) == before


class Deadly(Task):
    """Kills the process that it is sent to."""

    def __reduce__(self):
        return eval, ("__import__('os').kill(__import__('os').getpid(), 9)",)


def test_a_lost_process_is_one_sentence_and_the_others_go_on(benched):
    """Of three contenders one is killed and one has no vectors to search."""
    root, _ = benched
    warehouse = Store.open(str(root))
    from cmr.warehouse.schemas import EMBEDDING_SETS

    sets = {r["modality"]: r for r in warehouse.catalogue(EMBEDDING_SETS) if r["dim"] == 40}
    lane = Lane()
    common = {
        "root": str(root), "stage": BATCH, "lanes": (lane,), "threads": 1, "device": "cpu",
        "seed": 0, "scorer": "torch", "batch": 5, "queries": sets["text"],
    }  # fmt: skip
    lost = {**sets["visual"], "files": ["embeddings/gone.parquet"]}
    tasks = [
        Deadly(label="the first", gallery=sets["visual"], **common),
        Task(label="the second", gallery=lost, **common),
        Task(label="the third", gallery=sets["visual"], **common),
    ]
    turns = []
    killed, missing, done = race(tasks, 2, turns.append)
    assert isinstance(killed, Failed)
    assert killed.reason == (
        "the first: its process was ended by SIGKILL, as happens when memory runs out"
    )
    assert isinstance(missing, Failed)
    assert missing.reason.startswith("the second: the warehouse lacks ")
    assert isinstance(done, Measured)
    assert [type(turn) for turn in done.turns[lane]] == [Turn, Turn]
    assert len(turns) == 6


def test_heats_fit_into_the_memory():
    jobs = [Job(Task("", BATCH, str(n), (), 1, "cpu", 0), {}, size) for n, size in
            enumerate((4, 4, 9, 1, 20))]  # fmt: skip
    assert [[job.bytes for job in heat] for heat in heats(jobs, 10)] == [[4, 4], [9, 1], [20]]
    assert heats([], 10) == []
