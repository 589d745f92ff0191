"""Candidate pools exist of the sizes that were asked for, in any order, and of no others."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

import cmr as api
from cmr import materialised
from cmr.errors import CmrError
from cmr.materialised import open_for
from cmr.pipeline.evaluate import evaluate
from cmr.pipeline.request import Request
from cmr.progressbar import no_bar
from cmr.views import connect
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store
from tests import warehouses
from tests.conftest import npz_arrays

POOLS = "select protocol, candidates from {} where run_id = '{}' group by all order by all"


def asked(root, seed, direction, *commands):
    """Evaluate (protocols, sizes) one after another; the run that answers all of them."""
    for protocols, sizes in commands:
        more = {"candidates": sizes} if sizes else {}
        request = Request(
            dims=(4,), precisions=("fp32",), protocols=protocols, seed=seed,
            directions=(direction,), **more,
        )  # fmt: skip
        (run_id,) = evaluate(root, request, no_bar).run_ids
    return run_id


@pytest.mark.slow
@pytest.mark.parametrize("visuals", [1, 2, 3, 7, 60])
def test_any_order_of_commands(cmr, tmp_path, visuals):
    """Two texts a visual; the default sizes, of a command without pools, are too large."""
    rng = np.random.default_rng(visuals)
    vectors = rng.standard_normal((visuals, 4))
    truth = np.arange(2 * visuals) % visuals
    text = vectors[truth] + rng.standard_normal((2 * visuals, 4))
    np.savez(tmp_path / "d.npz", text_4=text, video_4=vectors, ground_truth=truth)
    root = str(tmp_path / "w")
    cmr("ingest", "npz", tmp_path / "d.npz", "-w", root, "--dataset", "d")
    wanted = {}
    for direction, least, gallery in (("t2v", 1, visuals), ("v2t", 2, 2 * visuals)):
        sizes = tuple(sorted({least, (least + gallery) // 2, gallery}))
        commands = [(("full",), ()), (("expected",), sizes[:2]), (("sampled",), sizes[-1:])]
        orders = list(permutations(commands))
        # The larger direction needs no more than the first and last of them.
        for seed, order in enumerate(orders if direction == "t2v" else orders[::5]):
            run_id = asked(root, seed, direction, *order)
            wanted[run_id] = sorted(
                [("full", gallery), ("sampled", gallery), *(("expected", c) for c in sizes[:2])]
            )
    con = connect(root)
    for run_id, pools in wanted.items():
        assert con.execute(POOLS.format("int_pools", run_id)).fetchall() == pools


@pytest.fixture
def older(tmp_path):
    """Three texts a visual, and rows of runs as earlier versions wrote them: the sizes of every
    command, asked for or not."""
    rng = np.random.default_rng(0)
    relevance = np.zeros((60, 20), dtype=int)
    relevance[np.arange(60), np.arange(60) % 20] = 1
    scores = rng.random(relevance.shape) + relevance
    warehouse = warehouses.new(tmp_path / "w")
    warehouses.add_dataset(warehouse, "d", relevance)
    many = [2, 10, 15, 100, 200, 300, 400, 500]
    for name, direction in (("t", "t2v"), ("v", "v2t")):
        for kind, protocols in (("full", ["full"]), ("both", ["expected", "full"])):
            warehouses.add_run(
                warehouse, f"{name}-{kind}", "d", scores, relevance, direction,
                candidates=many, protocols=protocols,
            )  # fmt: skip
    return warehouse


def test_an_older_warehouse(older):
    """A visual has three relevant texts, so that a pool of two cannot hold them."""
    pools = {
        "t-full": [("full", 20)],
        "t-both": [("expected", 2), ("expected", 10), ("expected", 15), ("full", 20)],
        "v-full": [("full", 60)],
        "v-both": [("expected", 10), ("expected", 15), ("full", 60)],
    }
    con = open_for(older, "from metrics")
    for view in ("metrics", "leaderboard", "int_pools"):
        for run_id, there in pools.items():
            assert con.execute(POOLS.format(view, run_id)).fetchall() == there, (view, run_id)
    (most,) = con.execute("select max(value) from metrics where measure = 'mrr'").fetchone()
    assert most <= 1
    shown = dict(con.execute("select run_id, candidates from runs").fetchall())
    assert shown["t-full"] == shown["v-full"] == []
    assert shown["t-both"] == [2, 10, 15]
    rows = {row["run_id"]: row["candidates"] for row in api.open(older.root).runs().dicts()}
    assert rows == shown
    for view in ("check_pools_range", "check_metrics_range"):
        assert con.execute(f"from {view}").fetchall() == []


def test_compare_in_an_older_warehouse(older):
    con = connect(older.root)
    query = (
        "select distinct candidates from compare('{0}', '{0}', pools := 'expected') order by all"
    )
    assert con.execute(query.format("v-both")).fetchall() == [(10,), (15,)]
    assert con.execute(query.format("v-full")).fetchall() == []


@pytest.mark.slow
def test_python_asks_an_older_warehouse_for_any_size(older):
    """A size that the row holds, and was not measured."""
    found = api.open(older.root).metrics(
        ["v-full"], protocol="expected", candidates=15, measure="recall", k=10
    )
    assert [row["candidates"] for row in found.dicts()] == [15]


@pytest.mark.slow
def test_figures_kept_by_an_earlier_version_are_not_read(older, monkeypatch):
    """They have names of their own: of other SQL."""
    materialised.open_for(older, "from metrics").close()
    now = materialised.current_files(older)
    monkeypatch.setattr(materialised, "sql_fingerprint", lambda: "earlier")
    assert now
    assert now.isdisjoint(materialised.current_files(older))


def test_the_next_evaluation_drops_what_nobody_asked_for(cmr, tmp_path):
    np.savez(tmp_path / "d.npz", **npz_arrays(dims=(4,)))
    root = tmp_path / "w"
    cmr("ingest", "npz", tmp_path / "d.npz", "-w", root, "--dataset", "d")
    run_id = asked(str(root), 42, "t2v", (("full",), ()))
    warehouse = Store.open(str(root))
    row = warehouse.find(RUNS, run_id)
    assert row["candidates"] == []
    for protocols, left in ((["full"], [20]), (["full", "expected"], [10, 20])):
        earlier = {"protocols": protocols, "candidates": [10, 100], "expected_candidates": None}
        warehouse.commit(RUNS, run_id, {**row, **earlier})
        asked(str(root), 42, "t2v", (("expected",), (20,)))
        assert warehouse.find(RUNS, run_id)["candidates"] == left


def test_a_size_that_does_not_fit_changes_nothing(cmr, tmp_path):
    """Refused in one sentence, in both directions' terms, and the row is as it was."""
    np.savez(tmp_path / "d.npz", **npz_arrays(texts=60, visuals=20, dims=(4,)))
    root = tmp_path / "w"
    cmr("ingest", "npz", tmp_path / "d.npz", "-w", root, "--dataset", "d")
    run_id = asked(str(root), 42, "t2v", (("expected",), (5,)))
    before = Store.open(str(root)).find(RUNS, run_id)
    for size, reason in ((21, "more than the gallery of 20"), (0, "cannot hold")):
        with pytest.raises(CmrError, match=reason):
            asked(str(root), 42, "t2v", (("expected",), (size,)))
    assert Store.open(str(root)).find(RUNS, run_id) == before
