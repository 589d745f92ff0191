"""Several models and data sets at once: what is evaluated, and the choice across models."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import cmr as api
from cmr.answers import fetch
from cmr.api.select import pairs
from cmr.errors import CmrError
from cmr.materialised import open_for
from cmr.report.best_model import across_models
from cmr.report.page.overview import _leads
from cmr.warehouse.current import current_runs
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store
from tests.conftest import npz_arrays, snapshot, unanswered

pytestmark = pytest.mark.slow

# Visual items, enough for advice, with two captions each.
VISUALS = 80
SETTINGS = ("--precisions", "fp32,int8,b1", "--protocols", "full")


def vectors(dim, decay, noise, seed):
    """Captions near their pictures; the faster the spectrum decays, the less bits are worth."""
    rng = np.random.default_rng(seed)
    scale = np.exp(-np.arange(dim) / decay)
    picture = rng.standard_normal((VISUALS, dim)) * scale
    text = np.repeat(picture, 2, axis=0)
    text = text + noise * rng.standard_normal(text.shape) * scale
    return {
        f"text_{dim}": text.astype(np.float32),
        f"video_{dim}": picture.astype(np.float32),
        "ground_truth": np.repeat(np.arange(VISUALS), 2),
    }


@pytest.fixture
def two(once, cmr):
    """A data set with two models whose quality crosses as bytes shrink, evaluated by default."""

    def fill(folder):
        np.savez(folder / "fine.npz", **vectors(48, 3, 0.45, 1))
        np.savez(folder / "flat.npz", **vectors(96, 400, 2.2, 2))
        for model in ("fine", "flat"):
            cmr("ingest", "npz", folder / f"{model}.npz", "--dataset", "d", "--model-name", model,
                "-w", folder / "w")  # fmt: skip
        with unanswered():
            cmr("evaluate", *SETTINGS, "-w", folder / "w")

    return once("two_models", fill) / "w"


def test_all_models_by_default_with_their_native_dimensions(two):
    runs = current_runs(Store.open(str(two)))
    assert {row["model"] for row in runs} == {"fine", "flat"}
    for model, native in (("fine", 48), ("flat", 96)):
        mine = [row for row in runs if row["model"] == model]
        dims = {row["dim"] for row in mine}
        assert dims == {native, 256, 512, 1024}
        coded = {row["precision"] for row in mine if row["dim_method"] == "native"}
        assert coded == {"fp32", "int8", "b1"}


def test_one_of_them_by_name_does_no_more_work(cmr, two):
    done = cmr("evaluate", *SETTINGS, "--model", "flat", "-w", two)
    assert "runs of flat on d: all exist already" in done.stderr
    assert "fine" not in done.stderr
    both = api.open(str(two)).evaluate(
        "d", ["fine", "flat"], precisions="fp32,int8,b1", protocols="full"
    )
    assert (both.dataset, both.model, both.scored) == ("d", "fine, flat", [])
    assert len(both.run_ids) == 2 * len(set(both.run_ids)) // 2 == 48


def test_what_is_wrong_for_one_is_said_before_anything_is_written(cmr, two, tmp_path):
    root = tmp_path / "w"
    shutil.copytree(two, root)
    before = snapshot(root)
    refused = cmr("evaluate", "--model", "flat,none", "-w", root, code=1)
    assert "'d' has no vectors by the model 'none'" in refused.stderr
    assert snapshot(root) == before


def test_several_data_sets_each_with_what_it_has(cmr, two, tmp_path):
    root = tmp_path / "w"
    shutil.copytree(two, root)
    np.savez(tmp_path / "e.npz", **npz_arrays(texts=20, visuals=10, dims=(16,)))
    cmr("ingest", "npz", tmp_path / "e.npz", "--dataset", "e", "-w", root)
    done = cmr("evaluate", "--dims", "16", "--precisions", "fp32", "-w", root)
    assert "runs of fine on d: 2 scored" in done.stderr
    assert "runs of e on e: 2 scored" in done.stderr
    assert "runs of flat on d: 2 scored" in done.stderr
    # 80 and 10 visual items: the default C that they hold.
    assert "e: pools hold" in done.stderr
    assert "only whole galleries are ranked" in done.stderr
    again = cmr("evaluate", "--dims", "16", "--precisions", "fp32", "--model", "flat", "-w", root)
    assert "runs of flat on d" in again.stderr
    assert " e:" not in again.stderr


def test_a_name_may_hold_a_comma(cmr, tmp_path, no_answer):
    np.savez(tmp_path / "x.npz", **npz_arrays(texts=20, visuals=10, dims=(16,)))
    for model in ("mod,A", "B"):
        cmr("ingest", "npz", tmp_path / "x.npz", "--dataset", "d,1", "--model-name", model,
            "-w", tmp_path / "w")  # fmt: skip
    asked = ("--dims", "16", "--precisions", "fp32", "--protocols", "full", "-w", tmp_path / "w")
    assert "runs of B on d,1: 2 scored" in cmr("evaluate", *asked).stderr
    named = cmr("evaluate", "--dataset", "d,1", "--model", "B,mod,A", *asked).stderr
    assert "runs of mod,A on d,1: all exist already" in named


def test_a_default_pool_size_that_does_not_fit_is_left_out_and_said(cmr, tmp_path, no_answer):
    np.savez(tmp_path / "x.npz", **npz_arrays(texts=240, visuals=240, dims=(16,)))
    cmr("ingest", "npz", tmp_path / "x.npz", "--dataset", "x", "-w", tmp_path / "w")
    done = cmr("evaluate", "--dims", "16", "--precisions", "fp32", "-w", tmp_path / "w")
    assert "C = 300, 400, 500 of the default are left out" in done.stderr
    runs = Store.open(str(tmp_path / "w")).catalogue(RUNS)
    assert {tuple(row["candidates"]) for row in runs} == {(100, 200)}
    refused = cmr("evaluate", "--candidates", "100,300", "-w", tmp_path / "w", code=1)
    assert "C = 300 is more than the gallery of 240" in refused.stderr


FAMILY = 5


def crossing():
    """Two models: one finds every picture's family but not which of five it is, one finds three in
    five captions' own picture at once and the others nowhere near."""
    rng = np.random.default_rng(8)
    noise = 0.2 * rng.standard_normal((3 * VISUALS, 24))
    centre = np.repeat(rng.standard_normal((VISUALS // FAMILY, 24)), FAMILY, axis=0)
    near = (np.repeat(centre, 2, axis=0) + noise[VISUALS:], centre + noise[:VISUALS])
    picture = rng.standard_normal((VISUALS, 24))
    text = np.repeat(picture, 2, axis=0) + noise[VISUALS:]
    lost = rng.random(2 * VISUALS) < 0.4
    text[lost] = rng.standard_normal((lost.sum(), 24))
    return {"near": near, "first": (text, picture)}


@pytest.fixture
def crossed(once, cmr):
    """The models of `crossing`, at their native dimension and half of it."""

    def fill(folder):
        for model, (text, picture) in crossing().items():
            np.savez(folder / f"{model}.npz", text_24=text.astype(np.float32),
                     video_24=picture.astype(np.float32),
                     ground_truth=np.repeat(np.arange(VISUALS), 2))  # fmt: skip
            cmr("ingest", "npz", folder / f"{model}.npz", "--dataset", "d", "--model-name", model,
                "-w", folder / "w")  # fmt: skip
        asked = ("--dims", "12,24", "--precisions", "fp32", "--protocols", "full")
        with unanswered():
            cmr("evaluate", *asked, "-w", folder / "w")

    return once("crossed_models", fill) / "w"


def values_by_hand(text, picture):
    """Recall@10 and reciprocal rank of each caption, by their own picture's place."""
    scores = (text / np.linalg.norm(text, axis=1)[:, None]) @ (
        picture / np.linalg.norm(picture, axis=1)[:, None]
    ).T
    own = scores[np.arange(len(text)), np.repeat(np.arange(VISUALS), 2)]
    # None is so close that its order depends on rounding.
    assert np.sort(np.abs(scores - own[:, None]), axis=1)[:, 1].min() > 1e-6
    rank = 1 + (scores > own[:, None]).sum(axis=1)
    return {"recall": rank <= 10, "mrr": 1 / rank}


def test_the_best_is_chosen_by_each_measure(crossed):
    con = open_for(Store.open(str(crossed)), "from across_models, compare")
    rows = fetch(
        con,
        "select * from across_models where direction = 't2v' and dim = 24 "
        "and (measure = 'mrr' or measure = 'recall' and k = 10)",
    ).to_pylist()
    hand = {model: values_by_hand(*vectors) for model, vectors in crossing().items()}
    means = {model: {name: each[name].mean() for name in each} for model, each in hand.items()}
    assert means["near"]["recall"] > means["first"]["recall"]
    assert means["near"]["mrr"] < means["first"]["mrr"]
    assert len(rows) == 4
    for row in rows:
        best = {"recall": "near", "mrr": "first"}[row["measure"]]
        assert row["baseline_model"] == best
        mine, held = means[row["model"]][row["measure"]], means[best][row["measure"]]
        assert row["value"] == pytest.approx(mine)
        assert row["baseline_value"] == pytest.approx(held)
        assert row["difference"] == pytest.approx(mine - held)
        assert row["retention"] == pytest.approx(mine / held)
        (pair,) = fetch(
            con,
            f"from compare('{row['baseline']}', '{row['run_id']}') "
            f"where measure = '{row['measure']}' and k is not distinct from {row['k'] or 'null'}",
        ).to_pylist()
        assert (row["difference"], row["p"]) == pytest.approx((pair["difference"], pair["p"]))


def test_every_row_is_held_against_the_best_of_its_measure(crossed):
    """Chance, which a random ranking expects, is no model, and no row is above its baseline's."""
    con = open_for(Store.open(str(crossed)), "from across_models, retention")
    ahead = fetch(
        con,
        """
        from across_models as x
        inner join retention as own on own.run_id = own.baseline
            and own.direction = x.direction and own.measure = x.measure
            and own.k is not distinct from x.k
        where own.value > x.baseline_value + 1e-12
        """,
    )
    assert ahead.num_rows == 0
    # `retained` takes the highest for the best.
    assert not fetch(con, "from measures where over_pools and better <> 'higher'").num_rows


def test_who_leads_in_what_is_said(cmr, crossed):
    said = cmr("recommend", "--retain", "0.8", "-w", crossed).stdout
    sentence = said[said.index("d, all models: n") :]
    assert "the best, near 24 native fp32 (recall@10 " in sentence
    assert "; first 24 native fp32 (mrr " in sentence
    (found,) = across_models(open_for(Store.open(str(crossed)), "from across_models"), 0.8)
    assert {row["model"] for row in found.by_recall} == {"near"}
    told = _leads(found, str)
    assert [one for one in told if one.startswith("By MRR, first is best: ")]
    assert not [one for one in told if "Recall" in one]


def ranks_by_hand(two, run_id):
    """Each query's reciprocal rank, from the ranks as they are stored; one relevant item each."""
    con = open_for(Store.open(str(two)), "from evidence")
    rows = fetch(con, f"select query_id, above from evidence where run_id = '{run_id}'").to_pylist()
    return {row["query_id"]: 1.0 / (row["above"] + 1) for row in rows}


def test_across_models_each_is_held_against_the_best(two):
    store = Store.open(str(two))
    con = open_for(store, "from across_models")
    rows = fetch(
        con,
        "from across_models where direction = 't2v' and measure in ('mrr', 'recall') "
        "and coalesce(k, 10) = 10",
    ).to_pylist()
    assert {row["model"] for row in rows} == {"fine", "flat"}
    native = [row for row in rows if row["precision"] == "fp32" and row["dim_method"] == "native"]
    best = max((row for row in native if row["measure"] == "recall"), key=lambda row: row["value"])
    assert {row["baseline"] for row in rows} == {best["run_id"]}
    assert {row["baseline_model"] for row in rows} == {best["model"]}
    assert {row["looks"] for row in rows} == {len(current_runs(store)) // 2 - 1}
    held = ranks_by_hand(two, best["run_id"])
    for row in rows:
        # Codes of one bit have ties, whose expectation is not one rank.
        if row["measure"] == "mrr" and row["dim"] in (48, 96) and row["precision"] != "b1":
            mine = ranks_by_hand(two, row["run_id"])
            assert mine.keys() == held.keys()
            assert row["retention"] == pytest.approx(sum(mine.values()) / sum(held.values()))
            assert row["ci_low"] <= row["retention"] <= row["ci_high"]
            assert row["sure_low"] <= row["ci_low"]


def test_the_best_models_own_figures_are_those_of_retention(two):
    con = open_for(Store.open(str(two)), "from across_models, retention")
    same = fetch(
        con,
        """
        select
            count(*) as rows,
            max(abs(x.retention - y.retention)) as kept, max(abs(x.ci_low - y.ci_low)) as low,
            min(y.sure_low - x.sure_low) as less_sure
        from across_models as x
        inner join retention as y using (run_id, measure, baseline, direction)
        where x.k is not distinct from y.k
        """,
    ).to_pylist()[0]
    assert same["rows"] > 0
    assert (same["kept"], same["low"]) == (0, 0)
    # The same run is one of more candidates.
    assert same["less_sure"] >= 0


def test_recommend_across_models(cmr, two):
    said = cmr("recommend", "--retain", "0.8", "-w", two).stdout
    (sentence,) = [line for line in said.splitlines() if line.startswith("d, all models: ")][-1:]
    con = open_for(Store.open(str(two)), "from across_models")
    smallest = fetch(
        con,
        """
        select model, dim, precision, vector_bytes
        from across_models
        where measure in ('hit_rate', 'recall', 'mrr', 'ndcg') and coalesce(k, 10) = 10
        group by all
        having min(sure_low) >= 0.8 and bool_and(unearned is null)
        order by vector_bytes limit 1
        """,
    ).to_pylist()
    if smallest:
        (row,) = smallest
        assert f"{row['model']} {row['dim']} " in sentence
        assert f"{row['vector_bytes']:,} bytes a vector" in sentence
    else:
        assert "no representation of any model" in sentence
    assert "all models" not in cmr("recommend", "--model", "flat", "-w", two).stdout


def test_a_front_over_all_models(two):
    rows = fetch(
        open_for(Store.open(str(two)), "from tradeoffs"),
        "from tradeoffs where direction = 't2v'",
    ).to_pylist()

    def beaten(row, others):
        return any(
            one["vector_bytes"] <= row["vector_bytes"]
            and one["recall_10"] >= row["recall_10"]
            and (one["vector_bytes"] < row["vector_bytes"] or one["recall_10"] > row["recall_10"])
            for one in others
        )

    for row in rows:
        mine = [one for one in rows if one["model"] == row["model"]]
        assert row["pareto_bytes"] == (not beaten(row, mine))
        assert row["front_bytes"] == (not beaten(row, rows))
    assert any(row["pareto_bytes"] and not row["front_bytes"] for row in rows)


def test_settings_name_runs_of_each_model(cmr, two):
    runs = current_runs(Store.open(str(two)))
    found = pairs(runs, "dim=256,precision=int8", "dim=512,precision=int8")
    assert {(a["model"], a["model"] == b["model"]) for a, b in found} == {
        ("fine", True),
        ("flat", True),
    }
    # Native, truncated and expanded dimensions are made in other ways.
    native = pairs(runs, "dim=48,precision=int8", "dim=256,precision=int8")
    assert {a["model"] for a, _ in native} == {b["model"] for _, b in native} == {"fine"}
    each = cmr("compare", "dim=256,precision=int8", "dim=512,precision=int8", "-w", two).stdout
    assert "d t2v, fine, whole gallery: a = 256" in each
    assert "d t2v, flat, whole gallery: a = 256" in each
    across = cmr("compare", "model=fine,dim=48,precision=fp32", "model=flat,dim=96,precision=fp32",
                 "-w", two).stdout  # fmt: skip
    assert "a = fine 48 native fp32 (" in across
    assert "b = flat 96 native fp32 (" in across
    few = {(48, "b1"), (256, "int8"), (256, "fp32")}
    unlike = [row for row in runs if (row["dim"], row["precision"]) in few]
    with pytest.raises(CmrError, match="the closest differ in precision; name that for both"):
        pairs(unlike, "dim=48", "dim=256")
