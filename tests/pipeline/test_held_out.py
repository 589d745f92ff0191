"""What is learnt from vectors is scored on queries that it has not seen: against plain NumPy."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from cmr.answers import fetch
from cmr.cli.main import main
from cmr.export.target import MARK
from cmr.pipeline.fits import DerivedVectors, Learner, Wanted
from cmr.pipeline.folds import FEWEST, MOST, fold_count, folds_of
from cmr.report.quantizer_choice import _groups
from cmr.report.subject import Subject
from cmr.score.judgments import judge
from cmr.sources.collection import TEXT, VISUAL
from cmr.views import connect
from cmr.warehouse.schemas import EMBEDDING_SETS
from cmr.warehouse.store import Store
from tests.conftest import unanswered

pytestmark = pytest.mark.slow

PAIRS, WIDE, NARROW = 300, 96, 24


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def flat(seed):
    """Pairs with a flat spectrum: the worst case of a basis that was fitted on them."""
    rng = np.random.default_rng(seed)
    visual = rng.standard_normal((PAIRS, WIDE))
    text = visual + 1.2 * rng.standard_normal(visual.shape)
    return unit(text), unit(visual)


def basis(text, visual):
    moment = text.T @ text / len(text) + visual.T @ visual / len(visual)
    return np.linalg.eigh(moment)[1][:, ::-1][:, :NARROW]


def above(text, visual, matrix):
    """How many visuals score above each text's own."""
    scores = unit(text @ matrix) @ unit(visual @ matrix).T
    return (scores > np.diag(scores)[:, None] + 1e-6).sum(axis=1)


BOTH = ("--dims", f"{NARROW},{WIDE}", "--precisions", "fp32")
GRID = ("--dataset", "scored", *BOTH, "--protocols", "full")


def done(*command):
    result = CliRunner().invoke(main, [str(word) for word in command])
    assert result.exit_code == 0, result.stderr


@pytest.fixture(scope="module")
def ingested(tmp_path_factory):
    """Both data sets, which nobody changes."""
    folder = tmp_path_factory.mktemp("ingested")
    for name, seed in (("scored", 0), ("train", 1)):
        text, visual = flat(seed)
        arrays = {f"text_{WIDE}": text, f"video_{WIDE}": visual, "ground_truth": np.arange(PAIRS)}
        path = folder / f"{name}.npz"
        np.savez(path, **{key: value.astype(np.float32) if value.ndim > 1 else value
                          for key, value in arrays.items()})  # fmt: skip
        done("ingest", "npz", path, "--dataset", name, "--model-name", "m", "-w", folder / "w")
    return folder / "w"


@pytest.fixture
def root(ingested, tmp_path):
    return shutil.copytree(ingested, tmp_path / "w")


@pytest.fixture(scope="module")
def folded(ingested, tmp_path_factory):
    """Evaluated with folds and lists, which nobody changes either."""
    root = shutil.copytree(ingested, tmp_path_factory.mktemp("folded") / "w")
    with unanswered():
        done("evaluate", *GRID, "--hits", "3", "-w", root)
    return root


def ranks(root, table, fit_on):
    """A pca run's counts of t2v, in the order of the queries."""
    found = connect(str(root)).execute(f"""
        select above, {"fold" if table == "held_out_ranks" else "0"} as fold
        from {table} inner join runs using (run_id)
        where direction = 't2v' and dim_method = 'pca' and fit_on = '{fit_on}'
        order by query_id::int
    """)
    return {name: np.asarray(column) for name, column in found.fetchnumpy().items()}


@pytest.mark.usefixtures("no_answer")
def test_fit_on_is_numpy_s(cmr, root):
    cmr("evaluate", *GRID, "--fit-on", "train", "-w", root)
    expected = above(*flat(0), basis(*flat(1)))
    assert (ranks(root, "ranks", "train")["above"] == expected).all()
    assert (ranks(root, "ranks", "train")["above"] != above(*flat(0), basis(*flat(0)))).any()
    told = connect(str(root)).execute(
        "select distinct fit, evidence_fit, fit_vectors from runs where dim_method = 'pca'"
    )
    assert told.fetchall() == [("held out", "held out", 2 * PAIRS)]


def test_folds_are_numpy_s(folded):
    """Each query's count is that of a basis of the other parts' pairs, over the whole gallery."""
    found = ranks(folded, "held_out_ranks", "scored")
    text, visual = flat(0)
    assert sorted(np.bincount(found["fold"])) == [PAIRS // MOST] * MOST
    for fold in range(MOST):
        rest, mine = found["fold"] != fold, found["fold"] == fold
        expected = above(text, visual, basis(text[rest], visual[rest]))[mine]
        assert (found["above"][mine] == expected).all()
    seen = ranks(folded, "ranks", "scored")["above"]
    assert (seen == above(text, visual, basis(text, visual))).all()


def test_what_is_sure_rests_on_them(folded):
    con = connect(str(folded))
    rows = con.execute("""
        select fit, value, clusters from retention
        where dim_method = 'pca' and direction = 't2v' and measure = 'hit_rate' and k = 1
    """).fetchall()
    counted = ranks(folded, "held_out_ranks", "scored")["above"]
    assert rows == [("cross-fitted", pytest.approx((counted == 0).mean()), PAIRS)]
    shown = con.execute("""
        select fit, value from metrics
        where dim_method = 'pca' and direction = 't2v' and measure = 'hit_rate' and k = 1
    """).fetchall()
    seen = ranks(folded, "ranks", "scored")["above"]
    assert shown == [("in-sample", pytest.approx((seen == 0).mean()))]
    assert (seen == 0).mean() > (counted == 0).mean() + 0.1
    board = con.execute(
        "select fit, hit_rate_1 from leaderboard where dim_method = 'pca' and direction = 't2v'"
    )
    assert board.fetchall() == [("cross-fitted", pytest.approx((counted == 0).mean()))]


def test_single_queries_rest_on_them(folded):
    """Ranks of single queries and the lists beside them: by each fold's basis, over the gallery."""
    con = connect(str(folded))
    counted = ranks(folded, "held_out_ranks", "scored")
    mine = "dim_method = 'pca' and direction = 't2v'"
    told = con.execute(f"select fit, rank from first_ranks where {mine} order by query_id::int")
    assert told.fetchall() == [("cross-fitted", above + 1) for above in counted["above"]]
    told = con.execute(f"""
        select position, item_id::int as item, fold from evidence_hits
        inner join runs using (run_id) where {mine} order by query_id::int, position
    """)
    found = {name: np.asarray(column) for name, column in told.fetchnumpy().items()}
    assert (found["position"].reshape(-1, 3) == [1, 2, 3]).all()
    assert (found["fold"].reshape(-1, 3) == counted["fold"][:, None]).all()
    text, visual = flat(0)
    for fold in range(MOST):
        rest, mine = counted["fold"] != fold, counted["fold"] == fold
        matrix = basis(text[rest], visual[rest])
        scores = unit(text[mine] @ matrix) @ unit(visual @ matrix).T
        best = np.argsort(-scores, axis=1)[:, :3]
        assert (found["item"].reshape(-1, 3)[mine] == best).mean() > 0.999
    # Those of the vectors as they are differ, and stay.
    whole = con.execute(
        "select item_id::int from hits inner join runs using (run_id) where dim_method = 'pca' "
        "and direction = 't2v' order by query_id::int, position"
    ).fetchnumpy()
    assert (np.asarray(next(iter(whole.values()))) != found["item"]).any()
    wide = con.execute(
        "select count(*), count(fold) from evidence_hits inner join runs using (run_id) "
        f"where direction = 't2v' and dim = {WIDE}"
    )
    assert wide.fetchall() == [(3 * PAIRS, 0)]


@pytest.mark.usefixtures("no_answer")
def test_comparing_does_not_mix(cmr, root):
    narrow, wide = f"dim={NARROW},direction=t2v", f"dim={WIDE},direction=t2v"
    cmr("evaluate", *GRID, "--folds", "0", "-w", root)
    said = cmr("compare", narrow, wide, "-w", root, code=1).stderr
    assert "learnt from what it is scored on" in said
    assert "in-sample" in cmr("compare", narrow, wide, "--in-sample", "-w", root).stdout
    assert "not sure of anything" in cmr("recommend", "--retain", ".5", "-w", root).stdout
    cmr("evaluate", *GRID, "-w", root)
    assert "cross-fitted" in cmr("compare", narrow, wide, "-w", root).stdout
    drawn = ("--candidates", "50", "--protocols", "sampled")
    cmr("evaluate", *GRID[:6], *drawn, "-w", root)
    said = cmr("compare", narrow, wide, "--pools", "sampled", "-w", root, code=1).stderr
    assert "in drawn pools" in said


def test_exports_say_it(cmr, folded, tmp_path):
    for fit, dim, said in (("in-sample", NARROW, True), ("none", WIDE, False)):
        one = ("-w", folded, "--dim", dim, "--direction", "t2v")
        done = cmr("export", "mteb", *one, "-o", tmp_path / f"mteb{dim}")
        assert ("in-sample" in done.stderr) == said
        mark = json.loads((tmp_path / f"mteb{dim}" / MARK).read_text())
        assert mark["fit"] == fit
        done = cmr("export", "clip-benchmark", *one[:4], "-o", tmp_path / f"clip{dim}.json")
        assert ("in-sample" in done.stderr) == said
        assert json.loads((tmp_path / f"clip{dim}.json").read_text())["fit"] == fit


@pytest.mark.usefixtures("no_answer")
def test_a_quantizer_is_held_against_its_own_basis(cmr, root):
    """What was fitted elsewhere is another group, but where absmax learns nothing."""
    grid = ("--dataset", "scored", "--precisions", "b1", "--quantizer", "absmax,centred")
    for dims in (NARROW, WIDE):
        cmr("evaluate", *grid, "--dims", dims, "--protocols", "full", "-w", root)
        more = ("--fit-on", "train")
        cmr("evaluate", *grid, "--dims", dims, "--protocols", "full", *more, "-w", root)
    con = connect(str(root))
    groups = _groups(con, Subject("scored", "default", "m", "torch"))
    runs = {row["run_id"]: row for row in fetch(con, "from runs").to_pylist()}
    found = [
        (group["dim"], group["basis"], sorted(runs[one]["fit_on"] or "" for one in group["ids"]))
        for group in groups
    ]
    assert found == [
        (NARROW, "scored", ["scored"] * 4),
        (NARROW, "train", ["train"] * 4),
        (WIDE, None, ["", "", "scored", "scored", "train", "train"]),
    ]


def test_a_set_that_is_not_held_out(cmr, root, tmp_path):
    text, visual = (side.astype(np.float32) for side in flat(0))
    np.savez(tmp_path / "same.npz", **{f"text_{WIDE}": text, f"video_{WIDE}": visual,
             "ground_truth": np.arange(PAIRS)[::-1]})  # fmt: skip
    cmr(
        "ingest", "npz", tmp_path / "same.npz", "--dataset", "same", "--model-name", "m", "-w", root
    )
    rounded = {f"text_{WIDE}": 3 * text, f"video_{WIDE}": visual.astype(np.float16)}
    np.savez(tmp_path / "copy.npz", **rounded, ground_truth=np.arange(PAIRS))
    cmr(
        "ingest", "npz", tmp_path / "copy.npz", "--dataset", "copy", "--model-name", "m", "-w", root
    )
    for name, why in (
        ("copy", "of the 300 visuals that are scored are among its own"),
        ("same", "300 of the 300 visuals that are scored are among its own"),
        ("scored", "is the data set that is scored"),
        ("nowhere", "there is no data set 'nowhere'"),
    ):  # fmt: skip
        assert why in cmr("evaluate", *GRID, "--fit-on", name, "-w", root, code=1).stderr
    assert fetch(connect(str(root)), "from runs").num_rows == 0


@pytest.mark.usefixtures("no_answer")
@pytest.mark.parametrize(
    "options",
    [
        ("--precisions", "int8,b1", "--quantizer", "calibrated"),
        ("--precisions", "int8,b1", "--quantizer", "centred,median"),
        ("--precisions", "b1,int4", "--quantizer", "centred", "--asymmetric"),
        ("--precisions", "int8", "--asymmetric"),
        ("--precisions", "int4", "--rescore", "fp32"),
        ("--precisions", "fp32", "--scorer", "usearch-exact"),
    ],
)
def test_every_way_of_scoring_has_folds(cmr, root, options):
    """As many held-out ranks as ranks, one a pair, and doctor finds nothing wrong."""
    cmr(
        "evaluate",
        "--dataset",
        "scored",
        "--dims",
        str(NARROW),
        *options,
        "--protocols",
        "full",
        "-w",
        root,
    )
    con = connect(str(root))
    assert con.execute("select distinct evidence_fit from runs").fetchall() == [("cross-fitted",)]
    assert con.execute("from check_held_out").fetchall() == []
    rows = con.execute("select count(*) from ranks union all select count(*) from held_out_ranks")
    one, other = rows.fetchall()
    assert one == other != (0,)


@pytest.mark.usefixtures("no_answer")
def test_graphs_are_for_fit_on(cmr, root):
    graph = (
        "--dataset",
        "scored",
        "--dims",
        str(NARROW),
        "--precisions",
        "fp32",
        "--scorer",
        "usearch-hnsw",
    )
    cmr("evaluate", *graph, "--protocols", "full", "-w", root)
    con = connect(str(root))
    assert con.execute("select distinct evidence_fit from runs").fetchall() == [("in-sample",)]
    cmr("evaluate", *graph, "--protocols", "full", "--fit-on", "train", "-w", root)
    rows = connect(str(root)).execute("select distinct fit from runs order by all").fetchall()
    assert rows == [("held out",), ("in-sample",)]


def test_what_a_fold_may_learn_from():
    """Neither its queries nor what is relevant to them, of judgments that are many to many."""
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(0, (60, 40), (150, 2)), axis=0)
    place = rng.permutation(40)
    for direction, (query, item, sizes) in {
        "t2v": (pairs[:, 0], pairs[:, 1], (60, 40)), "v2t": (pairs[:, 1], pairs[:, 0], (40, 60))
    }.items():  # fmt: skip
        judged = judge(query, item, *sizes)
        folds = folds_of(judged, direction, place, 42, MOST)
        ask, find = (TEXT, VISUAL) if direction == "t2v" else (VISUAL, TEXT)
        assert sorted(np.concatenate([fold.queries for fold in folds])) == sorted(set(query))
        for fold in folds:
            relevant = set(item[np.isin(query, fold.queries)])
            assert set(np.flatnonzero(~fold.learn[ask])) == set(fold.queries)
            assert set(np.flatnonzero(~fold.learn[find])) == relevant
            part = fold.part_of(judged)
            assert {(fold.queries[q], i) for q, i in zip(part.query, part.item, strict=True)} == {
                (q, i) for q, i in zip(query, item, strict=True) if q in fold.queries
            }
    everything = judge(np.repeat(np.arange(4), 4), np.tile(np.arange(4), 4), 4, 4)
    assert folds_of(everything, "t2v", np.arange(4), 42, MOST) == []


def test_texts_of_a_visual_stay_together():
    judged = judge(np.arange(100), np.arange(100) // 5, 100, 20)
    for fold in folds_of(judged, "t2v", np.arange(20), 7, MOST):
        assert len(fold.queries) == 5 * len(set(fold.queries // 5))


def test_fewer_parts_where_there_is_plenty():
    assert (fold_count(30_000, 512), fold_count(200 * 512, 512)) == (MOST, FEWEST)


def test_blocks_of_what_is_derived(root):
    """Blocks of any size hold the same codes, numbered anew where some are chosen."""
    warehouse = Store.open(str(root))
    native = {
        (row["modality"], row["dim"]): row
        for row in warehouse.catalogue(EMBEDDING_SETS)
        if row["dataset"] == "scored"
    }
    ids = {side: pa.array([str(n) for n in range(PAIRS)]) for side in (TEXT, VISUAL)}
    wanted = Wanted(NARROW, "pca", "int8")
    coding = Learner(warehouse, native, WIDE, ids).coding(wanted, 42, VISUAL)
    row = native[TEXT, WIDE]
    chosen = np.arange(1, PAIRS, 3)
    every = DerivedVectors(warehouse, row, wanted, coding, ids[TEXT])
    some = DerivedVectors(warehouse, row, wanted, coding, ids[TEXT], chosen)
    ((_, whole),) = every.blocks(PAIRS)
    found = list(some.blocks(7))
    assert [first for first, _ in found] == list(range(0, len(chosen), 7))
    assert [len(block) for _, block in found][:-1] == [7] * (len(found) - 1)
    codes = np.concatenate([block.data for _, block in found])
    assert (codes == whole.rows(chosen).data).all()
