"""Runs of an engine: faiss called by hand gives the same lists, and contenders are one field."""

from __future__ import annotations

import json

import faiss
import numpy as np
import pytest
from click.testing import CliRunner

import cmr as package
from cmr.answers import fetch
from cmr.cli.main import main
from cmr.score.search.scorer_declaration import ScorerKind
from cmr.views import connect
from tests.conftest import unanswered

pytestmark = pytest.mark.slow

ITEMS, DIM = 400, 32
GRID = ("--dims", DIM, "--precisions", "fp32", "--protocols", "full", "--directions", "t2v")


def _run(*args):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == 0, (result.stdout, result.stderr)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Pairs with noise, searched exactly and by engines."""
    folder = tmp_path_factory.mktemp("engines")
    rng = np.random.default_rng(0)
    visual = rng.standard_normal((ITEMS, DIM)).astype(np.float32)
    text = visual + 1.2 * rng.standard_normal(visual.shape).astype(np.float32)
    arrays = {f"text_{DIM}": text, f"video_{DIM}": visual, "ground_truth": np.arange(ITEMS)}
    np.savez(folder / "d.npz", **arrays)
    here = ("-w", folder / "w")
    _run("ingest", "npz", folder / "d.npz", "--dataset", "d", *here)
    with unanswered():
        _run("evaluate", *GRID[:2], "--precisions", "fp32,int8", *GRID[4:], *here)
        _run("evaluate", *GRID, "--scorer", "faiss-rabitq", "--scorer-options", "bits=1,4", *here)
        more = ("--scorer", "faiss-hnsw", "--scorer-options", "m=4,ef=2,64", "--hits", "10")
        _run("evaluate", *GRID, *more, *here)
    return folder / "w"


def rows(root, query):
    return fetch(connect(str(root)), query).to_pylist()


def test_lists_are_faiss_own(root):
    """Ranks are places in the lists as faiss returns them."""
    opened = package.open(str(root))
    text, visual = (
        opened.embeddings(modality=side, dim=DIM, precision="fp32").floats()
        for side in ("text", "visual")
    )
    con = connect(str(root))
    agreed = fetch(
        con, "from metrics where measure = 'ann_recall' and k = 10 and scorer = 'faiss-rabitq'"
    ).to_pylist()
    for bits in (1, 4):
        index = faiss.index_factory(DIM, f"RR,RaBitQ{bits if bits > 1 else ''}",
                                    faiss.METRIC_INNER_PRODUCT)  # fmt: skip
        index.train(visual)
        index.add(visual)
        _, found = index.search(text, 10)
        held = (found == np.arange(ITEMS)[:, None]).argmax(axis=1)
        there = (found == np.arange(ITEMS)[:, None]).any(axis=1)
        (run,) = fetch(con, f"from runs where scorer_options = 'bits {bits}'").to_pylist()
        ranks = fetch(
            con, f"select above from ranks where run_id = '{run['run_id']}' order by query_id::int"
        ).to_pylist()
        assert [row["above"] for row in ranks] == [
            int(place) if known else None for place, known in zip(held, there, strict=True)
        ]
        assert run["vector_bytes"] == round(faiss.serialize_index(index).nbytes / ITEMS)
        assert run["list_length"] == 10
        assert json.loads(run["scorer_settings"])["options"] == {"bits": bits}
        assert "faiss" in run["versions"]
        true = np.argsort(-(text @ visual.T), axis=1)[:, :10]
        agreement = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, true, strict=True)])
        (told,) = [row for row in agreed if row["run_id"] == run["run_id"]]
        assert told["value"] == pytest.approx(agreement)


def test_a_search_of_another_ef_is_of_the_same_graph(root):
    near, far = rows(
        root, "select variant, index_bytes from runs where scorer = 'faiss-hnsw' order by variant"
    )
    assert [near["variant"], far["variant"]] == [
        "m 4 ef_construction 40 ef 2", "m 4 ef_construction 40 ef 64",
    ]  # fmt: skip
    assert near["index_bytes"] == far["index_bytes"]
    found = rows(
        root,
        "select contender, ann_recall from contenders "
        "where scorer = 'faiss-hnsw' and measure = 'recall' and k = 10 order by ann_recall",
    )
    assert found[0]["ann_recall"] < found[1]["ann_recall"] - 0.05
    assert found[1]["contender"] == f"{DIM} native fp32, faiss-hnsw, m 4 ef_construction 40 ef 64"


def test_contenders(root):
    """The losses add up; the front is that of value and bytes, among those that may be compared."""
    found = rows(root, "from contenders where measure = 'recall' and k = 10")
    assert len(found) == 6
    for row in found:
        if row["lost_by_codes"] is None:
            continue
        lost = row["lost_by_codes"] + row["lost_by_search"]
        (base,) = [one for one in found if one["contender"] == f"{DIM} native fp32"]
        assert row["value"] == pytest.approx(base["value"] - lost)
        assert row["kept"] == pytest.approx(row["value"] / base["value"])
    learnt = {row["contender"] for row in found if row["scorer"] == "faiss-rabitq"}
    assert {row["contender"] for row in found if row["unearned"]} == learnt
    for row in found:
        if row["unearned"]:
            assert row["best"] is None
            continue
        beaten = any(
            one["value"] >= row["value"] - 1e-12 and one["bytes"] <= row["bytes"]
            and (one["value"] > row["value"] + 1e-12 or one["bytes"] < row["bytes"])
            for one in found
            if not one["unearned"]
        )  # fmt: skip
        assert row["best"] == (not beaten), row["contender"]


def test_recommend_shows_the_field(root, cmr):
    said = cmr("recommend", "--retain", ".9", "-w", root).stdout
    assert "Not beaten in recall@10, bytes and time at once, by point estimates" in said
    assert "by faiss-rabitq: " in said
    assert "2 of 6 contenders are not compared: an engine fits the gallery" in said


def test_bench_gives_options_to_those_that_know_them(root, cmr):
    grid = ("bench", "--dims", DIM, "--precisions", "fp32", "--stages", "batch", "--repeats", "1")
    more = ("--scorers", "torch,faiss-hnsw", "--scorer-options")
    cmr(*grid, *more, "m=4,ef=64", "-w", root)
    timed = rows(root, "from speed where scorer = 'faiss-hnsw' and measured = 'bench'")
    assert [row["variant"] for row in timed] == ["m 4 ef_construction 40 ef 64"]
    assert timed[0]["run_id"] is not None
    assert timed[0]["ann_recall"] > 0.9
    said = cmr(*grid, *more, "x=1", "-w", root, code=1).stderr
    assert "none of the scorers torch, faiss-hnsw has an option 'x'" in said
    said = cmr(
        *grid, "--scorers", "faiss,torch", "--scorer-options", "nprobe=2", "-w", root, code=1
    )
    assert "none of the scorers faiss, torch has a use for 'nprobe' here" in said.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--scorer", "faiss-hnsw", "--precisions", "int8"), "codes vectors itself"),
        (("--scorer", "faiss", "--scorer-options", "factory=Nonsense"), "faiss cannot make"),
        (("--scorer", "faiss-ivfpq", "--scorer-options", "m=7"), "multiple"),
        (("--scorer", "torch", "--scorer-options", "m=7"), "has no option 'm'"),
    ],
)
def test_what_is_wrong_is_a_sentence(root, cmr, given, said):
    before = sorted(path.name for path in root.rglob("*.parquet"))
    result = cmr("evaluate", *GRID[:2], *GRID[4:], *given, "-w", root, code=1)
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(path.name for path in root.rglob("*.parquet")) == before


@pytest.mark.usefixtures("no_answer")
def test_another_version_is_told(root, cmr, monkeypatch):
    """A finished run is not scored again by another version of its library, and cmr says so."""
    graph = ("--scorer", "faiss-hnsw", "--scorer-options", "m=4,ef=2")
    assert "were made by" not in cmr("evaluate", *GRID, *graph, "-w", root).stderr
    monkeypatch.setattr(ScorerKind, "versions", lambda self: {"faiss-cpu": "0.1"})
    said = cmr("evaluate", *GRID, *graph, "-w", root).stderr
    assert "runs of faiss-hnsw were made by faiss-cpu 1." in said
    assert ", now 0.1; --force makes them again" in said


@pytest.mark.usefixtures("no_answer")
def test_bytes_mean_the_same_timed_or_not(root, cmr):
    """Codes, their scale, and what was learnt with them over the gallery; memory is apart."""
    asked = (*GRID[:2], "--precisions", "int8,int4,b1,fp16,rabitq1,pq16", *GRID[4:], "-w", root)
    cmr("evaluate", *asked, "--folds", "0")
    cmr("evaluate", *GRID[:2], "--precisions", "int8", "--quantizer", "calibrated", *GRID[4:],
        "--folds", "0", "-w", root)  # fmt: skip
    query = (
        "select precision, quantizer, bytes, memory_bytes from contenders "
        "where scorer = 'torch' and measure = 'recall' and k = 10"
    )
    codebook = 4 * DIM * (DIM + 256) / ITEMS
    wanted = {
        ("fp32", None): 4 * DIM, ("fp16", None): 2 * DIM, ("int8", "absmax"): DIM + 4,
        ("int4", "absmax"): DIM / 2 + 4, ("b1", "absmax"): DIM / 8,
        ("rabitq1", "rabitq"): DIM / 8 + 4 + 4 * DIM / ITEMS, ("pq16", "pq"): 16 + codebook,
        ("int8", "calibrated"): DIM + 8 * DIM / ITEMS,
    }  # fmt: skip

    def told():
        return {(row["precision"], row["quantizer"]): row for row in rows(root, query)}

    before = told()
    assert {name: row["bytes"] for name, row in before.items()} == pytest.approx(wanted)
    cmr("bench", *GRID[:2], "--precisions", "int4,pq16", "--stages", "batch", "--scorers", "torch",
        "--directions", "t2v", "--repeats", "1", "--batch", "100", "-w", root)  # fmt: skip
    after = told()
    assert {name: row["bytes"] for name, row in after.items()} == pytest.approx(wanted)
    assert after["int4", "absmax"]["memory_bytes"] == pytest.approx(DIM + 4)
    assert after["pq16", "pq"]["memory_bytes"] == pytest.approx(4 * DIM)


@pytest.mark.usefixtures("no_answer")
def test_engine_and_second_stage_are_added(root, cmr):
    more = ("--scorer", "faiss-flat", "--rescore", "fp32", "--precisions", "fp16")
    cmr("evaluate", *GRID[:2], *GRID[4:], *more, "--oversample", "2", "-w", root)
    (run,) = rows(root, "from runs where scorer = 'faiss-flat'")
    assert run["vector_bytes"] == round(run["index_bytes"] / ITEMS) + 4 * DIM
    (row,) = rows(
        root,
        "select bytes from contenders where scorer = 'faiss-flat' and measure = 'recall' "
        "and k = 10",
    )
    assert row["bytes"] == pytest.approx(run["index_bytes"] / ITEMS + 4 * DIM)


@pytest.mark.usefixtures("no_answer")
def test_an_engine_may_be_rescored_by_what_it_was_given(root, cmr):
    """Its own codes are coarser: twice the list by them, and the best of it by the vectors."""
    more = ("--scorer", "faiss-rabitq", "--rescore", "fp32", "--oversample", "2", "--folds", "0")
    cmr("evaluate", *GRID, *more, "-w", root)
    opened = package.open(str(root))
    text, visual = (
        opened.embeddings(modality=side, dim=DIM, precision="fp32").floats()
        for side in ("text", "visual")
    )
    index = faiss.index_factory(DIM, "RR,RaBitQ", faiss.METRIC_INNER_PRODUCT)
    index.train(visual)
    index.add(visual)
    short = index.search(text, 20)[1]
    scores = np.einsum("qd,qkd->qk", text.astype(np.float64), visual[short].astype(np.float64))
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    found = np.take_along_axis(short, order, axis=1) == np.arange(ITEMS)[:, None]
    (run,) = rows(root, "from runs where scorer = 'faiss-rabitq' and rescore = 'fp32'")
    ranks = rows(
        root, f"select above from ranks where run_id = '{run['run_id']}' order by query_id::int"
    )
    assert [row["above"] for row in ranks] == [
        int(row.argmax()) if row.any() else None for row in found
    ]
    said = cmr("evaluate", *GRID, "--rescore", "fp32", "-w", root, code=1).stderr
    assert "--rescore fp32 is no finer than fp32" in said
