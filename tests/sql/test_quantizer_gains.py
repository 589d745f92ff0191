"""What quantisers gain over absmax: paired, against NumPy, and the sentences that say it."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from scipy import stats

from cmr.report.quantizer_choice import quantizer_sentences
from cmr.report.subject import Subject
from cmr.sqlfiles import views
from cmr.views import connect
from tests import warehouses
from tests.reference import intervals

VISUALS, TEXTS = 60, 120
NOISE = {"absmax": 2.4, "centred": 0.4, "median": 2.3, "rotated": 2.6}


def truth(visuals):
    relevance = np.zeros((2 * visuals, visuals), dtype=int)
    relevance[np.arange(2 * visuals), np.arange(2 * visuals) % visuals] = 1
    return relevance


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs():
    """Scores by quantiser and direction, of queries along the rows."""
    rng = np.random.default_rng(5)
    base = truth(VISUALS) + 0.2 * rng.normal(size=(TEXTS, VISUALS))
    noisy = {name: base + noise * rng.normal(size=base.shape) for name, noise in NOISE.items()}
    found = {(name, "t2v"): scores for name, scores in noisy.items()}
    return found | {(name, "v2t"): scores for name, scores in noisy.items() if name != "rotated"}


@pytest.fixture(scope="module")
def root(tmp_path_factory, runs):
    warehouse = warehouses.new(tmp_path_factory.mktemp("w"))
    for dataset, size in (("d", VISUALS), ("few", 12)):
        relevance = truth(size)
        warehouses.add_dataset(warehouse, dataset, relevance)
        for (name, way), scores in runs.items():
            part = scores[: 2 * size, :size]
            # The names of the runs are in no order of their quantisers.
            warehouses.add_run(
                warehouse, f"{name[::-1]}{way}{dataset}", dataset, part, relevance, way,
                precision="int4", quantizer=name,
            )  # fmt: skip
    return warehouse.root


def recall(scores, way):
    """recall@10 of each query, and the visual item that its errors are clustered by."""
    relevance = truth(VISUALS)
    if way == "v2t":
        scores, relevance = scores.T, relevance.T
    ranks = (-scores).argsort(axis=1).argsort(axis=1)
    values = ((ranks < 10) & (relevance > 0)).sum(axis=1) / relevance.sum(axis=1)
    clusters = np.arange(VISUALS) if way == "v2t" else np.arange(TEXTS) % VISUALS
    return values, clusters


def test_every_gain_and_its_interval(root, runs, monkeypatch):
    """Five rows, so each interval is one of 99%."""
    names = ["absmax", "centred", "median", "rotated"]
    ids = [f"{name[::-1]}{way}d" for name in names for way in ("t2v", "v2t") if (name, way) in runs]
    rows = connect(root).execute(f"from quantizer_gains({ids})").to_arrow_table().to_pylist()
    monkeypatch.setattr(intervals, "quantile", lambda n, looks=1: stats.t.ppf(1 - 0.025 / 5, n - 1))
    assert [(row["direction"], row["quantizer"]) for row in rows] == [
        ("t2v", "centred"), ("t2v", "median"), ("t2v", "rotated"),
        ("v2t", "centred"), ("v2t", "median"),
    ]  # fmt: skip
    for row in rows:
        way = row["direction"]
        own, clusters = recall(runs[row["quantizer"], way], way)
        first, _ = recall(runs["absmax", way], way)
        assert row["beside"] == "absmax"
        assert row["value"] == pytest.approx(own.mean(), abs=1e-12)
        assert row["value_beside"] == pytest.approx(first.mean(), abs=1e-12)
        assert row["difference"] == pytest.approx((own - first).mean(), abs=1e-12)
        low, high, p = intervals.difference(own - first, clusters)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), abs=1e-5)
        assert row["p_bonferroni"] == pytest.approx(min(1, 5 * p), abs=1e-5)


def test_the_sentences(root):
    con = connect(root, "from runs")
    (said,) = quantizer_sentences(con, root, Subject("d", "default", "m", "torch"), 10)
    assert said.startswith("int4 at 8: t2v: centred beats absmax by ")
    assert "; v2t: centred beats absmax by " in said
    assert quantizer_sentences(con, root, Subject("few", "default", "m", "torch"), 10) == []


def test_where_nothing_is_better(root):
    """The best of the others is named, with its interval, which holds 0."""
    con = connect(root, "from runs")
    ids = tuple(f"{name[::-1]}{way}d" for name in ("absmax", "median") for way in ("t2v", "v2t"))
    mine = Subject("d", "default", "m", "torch", run_ids=ids)
    (said,) = quantizer_sentences(con, root, mine, 10)
    for way in ("t2v", "v2t"):
        assert f"{way}: no quantizer beats absmax in recall@10 (best: median, " in said
    alone = Subject("d", "default", "m", "torch", run_ids=ids[:2])
    assert quantizer_sentences(con, root, alone, 10) == []


def test_quantiles_of_several_intervals():
    con = duckdb.connect()
    for name in ("t_of_z", "acklam_tail", "t_quantile", "t_among"):
        (macro,) = [view for view in views("macros") if view.name == name]
        con.execute(f"create macro {macro.query}")
    for clusters in (30, 31, 100, 5000):
        for many in (1, 2, 3, 9, 60):
            got = con.execute("select t_among(?, ?)", [clusters, many]).fetchone()[0]
            wanted = stats.t.ppf(1 - 0.025 / many, clusters - 1)
            assert got == pytest.approx(wanted, rel=2e-5)
