"""What engines learn from: their gallery, a part of it for each fold, or another data set."""

from __future__ import annotations

import faiss
import numpy as np
import pytest
from click.testing import CliRunner

import cmr as package
from cmr.answers import fetch
from cmr.cli.main import main
from cmr.pipeline.folds import folds_of
from cmr.pipeline.search import Search
from cmr.score.judgments import judge
from cmr.score.rank_rows import places
from cmr.score.search.engines.faiss_index import learns
from cmr.score.search.scorer_kinds import scorer_kind
from cmr.views import connect
from tests.conftest import unanswered

ITEMS, DIM = 400, 32
GRID = ("--dims", DIM, "--precisions", "fp32", "--protocols", "full", "--directions", "t2v")
SQ4 = ("--scorer", "faiss-sq", "--scorer-options", "type=4")
HERE = ("--dataset", "d")


def _run(*args):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == 0, (result.stdout, result.stderr)


def vectors(seed):
    rng = np.random.default_rng(seed)
    visual = rng.standard_normal((ITEMS, DIM)).astype(np.float32)
    return visual + 1.2 * rng.standard_normal(visual.shape).astype(np.float32), visual


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two data sets of one model; the first searched by engines that learn or do not."""
    folder = tmp_path_factory.mktemp("taught")
    here = ("-w", folder / "w")
    for seed, name in enumerate(("d", "other")):
        text, visual = vectors(seed)
        arrays = {f"text_{DIM}": text, f"video_{DIM}": visual, "ground_truth": np.arange(ITEMS)}
        np.savez(folder / f"{name}.npz", **arrays)
        named = ("--dataset", name, "--model-name", "m")
        _run("ingest", "npz", folder / f"{name}.npz", *named, *here)
    with unanswered():
        _run("evaluate", *GRID, *HERE, *here)
        _run("evaluate", *GRID, *HERE, *SQ4, *here)
        _run("evaluate", *GRID, *HERE, *SQ4, "--fit-on", "other", *here)
        _run("evaluate", *GRID, *HERE, "--scorer", "faiss-hnsw", "--fit-on", "other", *here)
    return folder / "w"


def rows(root, query):
    return fetch(connect(str(root)), query).to_pylist()


def native(root, name, side):
    opened = package.open(str(root))
    return opened.embeddings(dataset=name, modality=side, dim=DIM, precision="fp32").floats()


def above(taught, gallery, queries, own):
    """The places of each query's own item in the lists of faiss, None beyond them."""
    index = faiss.index_factory(DIM, "SQ4", faiss.METRIC_INNER_PRODUCT)
    index.train(taught)
    index.add(gallery)
    found = index.search(queries, 10)[1] == np.asarray(own)[:, None]
    return [int(row.argmax()) if row.any() else None for row in found]


def one_run(root, where):
    (run,) = rows(root, f"from runs where scorer = 'faiss-sq' and {where}")
    return run


@pytest.mark.slow
def test_folds_are_searched_by_what_was_learnt_without_them(root):
    run = one_run(root, "fit_on = 'd'")
    assert (run["fit"], run["evidence_fit"], run["fit_vectors"], run["folds"]) == (
        "in-sample", "cross-fitted", ITEMS, 5,
    )  # fmt: skip
    assert run["scorer_learns"]
    text, visual = native(root, "d", "text"), native(root, "d", "visual")
    con = connect(str(root))

    def column(query):
        return next(iter(fetch(con, query).to_pydict().values()))

    ids = column("select item_id from items where modality = 'visual' order by ordinal")[:ITEMS]
    judged = judge(np.arange(ITEMS), np.arange(ITEMS), ITEMS, ITEMS)
    for fold in folds_of(judged, "t2v", places(ids), run["seed"], 5):
        asked = fold.queries
        wanted = above(visual[fold.learn["visual"]], visual, text[asked], asked)
        found = column(
            f"select above from held_out_ranks where run_id = '{run['run_id']}' "
            f"and fold = {fold.number} order by query_id::int"
        )
        assert found == wanted
    whole = column(
        f"select above from ranks where run_id = '{run['run_id']}' order by query_id::int"
    )
    assert whole == above(visual, visual, text, np.arange(ITEMS))


@pytest.mark.slow
def test_learnt_elsewhere(root):
    run = one_run(root, "fit_on = 'other'")
    assert (run["evidence_fit"], run["fit_vectors"], run["folds"]) == ("held out", ITEMS, 0)
    assert run["variant"] == "fit on other, type 4"
    wanted = above(
        native(root, "other", "visual"), native(root, "d", "visual"),
        native(root, "d", "text"), np.arange(ITEMS),
    )  # fmt: skip
    found = rows(
        root, f"select above from ranks where run_id = '{run['run_id']}' order by query_id::int"
    )
    assert [row["above"] for row in found] == wanted


@pytest.mark.slow
def test_advice_says_why_a_run_cannot_be_sure(root):
    """400 items are fewer than 20 for each of 32 dimensions; what was learnt elsewhere may be."""
    told = rows(
        root, "select distinct scorer, fit, seen from retention where scorer like 'faiss%' "
        "order by all"
    )  # fmt: skip
    assert [(row["scorer"], row["fit"], row["seen"] is None) for row in told] == [
        ("faiss-hnsw", "none", True), ("faiss-sq", "cross-fitted", False),
        ("faiss-sq", "held out", True),
    ]  # fmt: skip
    assert "an engine fits the gallery" in told[1]["seen"]


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_an_engine_that_learns_from_what_it_holds(root, cmr, tmp_path):
    """It cannot leave a fold out: its figures are of what it has seen."""
    pytest.importorskip("sqlite_vec")
    fitted = ("--scorer", "sqlite-vec", "--scorer-options", "type=int8-fitted")
    said = cmr("evaluate", *GRID, *HERE, *fitted, "--fit-on", "other", "-w", root, code=1).stderr
    assert "--scorer sqlite-vec learns from the gallery that it holds" in said
    cmr("evaluate", *GRID, *HERE, *fitted, "-w", root)
    (run,) = rows(root, "from runs where scorer = 'sqlite-vec'")
    assert (run["evidence_fit"], run["folds"], run["fit_on"]) == ("in-sample", 0, "d")


def test_a_bench_learns_from_the_gallery(root, cmr):
    grid = ("bench", "--dims", DIM, "--precisions", "fp32", "--stages", "batch", "--repeats", "1")
    said = cmr(*grid, *HERE, "--scorers", "faiss-sq", "--fit-on", "other", "-w", root, code=1)
    assert "cmr bench lets faiss-sq learn from the gallery" in said.stderr


@pytest.mark.parametrize(
    "factory",
    [
        "Flat", "HNSW32", "HNSW16,Flat", "SQfp16", "SQbf16", "SQ8", "SQ4", "IVF4,Flat", "PQ8",
        "OPQ8_32,IVF4,PQ8x4fs", "RR,RaBitQ", "RR32,Flat", "PCA16,Flat", "IDMap,Flat", "LSH",
        "HNSW32_SQ8", "HNSW32_PQ8", "ITQ32,LSH", "L2norm,Flat", "Flat,RFlat", "PQ8,RFlat", "RaBitQ",
        "SQ8_direct", "IVF4_HNSW32,Flat", "HNSW32_Flat", "Pad64,Flat", "IDMap2,SQ8",
        "HNSW32_SQfp16", "NSG32,Flat", "SQ8_direct_signed",
    ],
)  # fmt: skip
def test_what_faiss_trains(factory):
    try:
        index = faiss.index_factory(DIM, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError:
        pytest.skip("faiss does not make it")
    # A rotation at random is made when it is trained, and learns nothing.
    assert learns(factory) == (not index.is_trained and factory != "RR32,Flat")


@pytest.mark.parametrize(
    ("scorer", "options", "learns"),
    [
        ("torch", {}, False), ("faiss-flat", {}, False), ("faiss-hnsw", {}, False),
        ("faiss-ivf", {}, True), ("faiss-sq", {"type": "8"}, True),
        ("faiss-sq", {"type": "fp16"}, False), ("faiss", {"factory": "Flat"}, False),
        ("faiss", {"factory": "IVF4,Flat"}, True), ("lancedb", {"index": "none"}, False),
        ("lancedb", {"index": "ivf-flat"}, True), ("pgvector", {"index": "hnsw"}, False),
        ("pgvector", {"index": "ivfflat"}, True), ("milvus-lite", {"index": "hnsw-sq"}, True),
        ("milvus-lite", {"index": "hnsw"}, False), ("qdrant-edge", {"codes": "binary"}, False),
        ("qdrant-edge", {"codes": "pq4"}, True), ("rabitqlib-ivf", {}, True),
        ("zvec", {"index": "hnsw", "codes": "none"}, False),
        ("zvec", {"index": "hnsw-rabitq", "codes": "none"}, True),
    ],
)  # fmt: skip
def test_which_engines_learn(scorer, options, learns):
    known = {one.name: one.default for one in scorer_kind(scorer).options} | options
    assert Search(scorer, options=tuple(known.items())).learns == learns
