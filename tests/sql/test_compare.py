"""Paired comparison, retention and recommendation against the same in plain NumPy."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from cmr.views import connect
from tests import warehouses
from tests.reference import intervals, measures


@pytest.fixture
def two(tmp_path):
    """Two runs of 40 texts on 12 visuals, several texts a visual, some with two visuals."""
    rng = np.random.default_rng(7)
    relevance = np.zeros((40, 12), dtype=int)
    relevance[np.arange(40), np.arange(40) % 11] = 1
    relevance[::9, 11] = 2
    base = rng.normal(size=relevance.shape) + 1.5 * (relevance > 0)
    a, b = np.round(base, 1), np.round(2 * rng.normal(size=base.shape) - 0.5 * base, 1)
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    warehouses.add_run(warehouse, "aa11", "d", a, relevance)
    coarse = {"precision": "int8", "dim_method": "truncate", "vector_bytes": 8}
    warehouses.add_run(warehouse, "bb22", "d", b, relevance, **coarse)
    warehouses.add_run(warehouse, "bb33", "d", b, relevance, "v2t", **coarse)
    return warehouse, a, b, relevance


def values(scores, relevance, measure, k):
    measured = every_measure(*map(as_key, (scores, relevance)), k or 1)
    return np.array([one[measure] for one in measured])


def as_key(matrix):
    return tuple(map(tuple, matrix.tolist()))


@cache
def every_measure(scores, relevance, k):
    """Of each query all measures at once: to enumerate the orders takes far longer than to look."""
    return [
        measures.expectation(list(zip(*query, strict=True)), k)
        for query in zip(scores, relevance, strict=True)
    ]


def clusters(relevance):
    return np.array([f"v{np.flatnonzero(row)[0]}" for row in relevance])


def summed(series, groups):
    """Sums by cluster: of a text with several visuals, the one whose id sorts first."""
    return {name: series[groups == name].sum() for name in np.unique(groups)}


def groups_of(relevance):
    return np.array([min(f"v{v}" for v in np.flatnonzero(row)) for row in relevance])


@pytest.mark.slow
def test_compare_equals_numpy(two):
    warehouse, a, b, relevance = two
    rows = (
        connect(warehouse.root)
        .execute("from compare('aa', 'bb2') order by measure, k")
        .to_arrow_table()
        .to_pylist()
    )
    assert {(row["measure"], row["k"]) for row in rows} == {
        *((name, k)
          for name in ("recall", "hit_rate", "mrr@k", "ndcg", "ndcg_exp", "precision")
          for k in (1, 5, 10)),
        *((name, None) for name in ("mrr", "map", "r_precision", "map_at_r", "mean_rank")),
    }  # fmt: skip
    groups = groups_of(relevance)
    for row in rows:
        x, y = (values(scores, relevance, row["measure"], row["k"]) for scores in (a, b))
        assert row["value_a"] == pytest.approx(x.mean(), abs=1e-9)
        assert row["value_b"] == pytest.approx(y.mean(), abs=1e-9)
        low, high, p = intervals.difference(y - x, groups, row["measure"] != "mean_rank")
        assert row["difference"] == pytest.approx((y - x).mean(), abs=1e-9)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), abs=2e-6)
        assert row["p"] == pytest.approx(p, abs=1e-6)
        better = (x - y) if row["measure"] == "mean_rank" else (y - x)
        assert row["wins"] == (better > 1e-9).sum()
        assert row["losses"] == (better < -1e-9).sum()
        assert row["wins"] + row["losses"] + row["ties"] == row["queries"] == 40
        assert row["clusters"] == len(set(groups))
    check_holm(rows)
    assert any(0 < row["p_holm"] < 1 for row in rows)


def check_holm(rows):
    p = np.array([row["p"] for row in rows])
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order]).clip(max=1)
    np.testing.assert_allclose([rows[at]["p_holm"] for at in order], adjusted, rtol=1e-12)


@pytest.mark.slow
def test_compare_is_antisymmetric(two):
    con = connect(two[0].root)
    there = con.execute("from compare('aa', 'bb2') order by measure, k").fetchall()
    back = con.execute("from compare('bb2', 'aa') order by measure, k").fetchall()
    for one, other in zip(there, back, strict=True):
        assert one[6] == pytest.approx(-other[6], abs=1e-12)
        assert one[9] == pytest.approx(other[9], rel=1e-9)
        assert one[11:13] == other[12:10:-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("compare('aa', 'zz')", "no run has an id that begins with 'zz'"),
        ("compare('aa', 'bb')", "2 runs have ids that begin with 'bb'"),
        ("compare('aa', 'bb3')", "differ in data set, judgments or direction"),
        ("compare('aa', 'bb2', pools := 'half')", "full, expected or sampled"),
    ],
)
def test_what_cannot_be_compared(two, call, reason):
    with pytest.raises(Exception, match=reason):
        connect(two[0].root).execute(f"from {call}").fetchall()


def test_p_value():
    con = connect_empty()
    for z in (0.0, 0.3, -1.0, 1.96, -4.0, 9.0, 30.0):
        found = con.execute("select p_value(?::double)", [z]).fetchone()[0]
        assert found == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), rel=2e-7)


def connect_empty():
    import duckdb

    from cmr.sqlfiles import views

    con = duckdb.connect()
    macro = next(view for view in views("macros") if view.name == "p_value")
    con.execute(f"create macro {macro.query}")
    return con


def test_retention_equals_numpy(two):
    warehouse, a, b, relevance = two
    rows = (
        connect(warehouse.root)
        .execute("from retention where direction = 't2v'")
        .to_arrow_table()
        .to_pylist()
    )
    assert len(rows) == 2 * 19
    groups = groups_of(relevance)
    for row in rows:
        y = values(a, relevance, row["measure"], row["k"])
        x = y if row["run_id"] == "aa11" else values(b, relevance, row["measure"], row["k"])
        kept = x.mean() / y.mean()
        low, high = intervals.kept(x, y, groups)
        assert (row["baseline"], row["baseline_is"]) == ("aa11", "native fp32")
        assert row["value"] == pytest.approx(x.mean(), abs=1e-9)
        assert row["retention"] == pytest.approx(kept, abs=1e-9)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), abs=2e-6)
        ends = intervals.share(x, groups)
        assert (row["value_low"], row["value_high"]) == pytest.approx(ends, abs=2e-6)
        assert row["unearned"] == "12 visual items are too few: at least 30 are needed"


@pytest.mark.slow
def test_recommend(tmp_path):
    """The sure choice has its interval's lower end above the share; the other its estimate."""
    rng = np.random.default_rng(3)
    relevance = np.eye(60, dtype=int)
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    finer = 3.5 * relevance + rng.normal(size=relevance.shape)
    coarser = finer + 0.9 * rng.normal(size=relevance.shape)
    coarse = {"precision": "int8", "vector_bytes": 8}
    warehouses.add_run(warehouse, "aa11", "d", finer, relevance)
    warehouses.add_run(warehouse, "bb22", "d", coarser, relevance, **coarse)
    con = connect(warehouse.root)
    rows = con.execute("select run_id, measure, k, retention, ci_low, unearned from retention")
    kept = {row[:3]: row[3:] for row in rows.fetchall()}
    seen = set()
    for retain in (0.5, 0.9, 0.95, 0.99):
        rows = con.execute(
            "select measure, k, run_id, point_run_id, unearned from recommend(retain := ?)",
            [retain],
        ).fetchall()
        assert len(rows) == 19
        for measure, k, sure, point, why in rows:
            share, low, unearned = kept["bb22", measure, k]
            enough = kept["aa11", measure, k][1] >= retain
            assert (why is None) == (unearned is None and enough)
            near = "bb22" if share >= retain else "aa11"
            assert point == (near if unearned is None else None)
            expected = "bb22" if low >= retain else "aa11"
            assert sure == (expected if why is None else None)
            seen.add((sure, point))
    assert {("bb22", "bb22"), ("aa11", "aa11"), (None, "aa11")} <= seen


@pytest.mark.slow
def test_the_frontier(two):
    """Fewer bytes or more recall keep a run on it; what is beaten in both is off it."""
    warehouse, _, b, relevance = two
    worse = {"precision": "fp16", "dim_method": "truncate", "vector_bytes": 16}
    warehouses.add_run(warehouse, "cc44", "d", b, relevance, **worse)
    rows = connect(warehouse.root).execute(
        "select run_id, pareto_bytes, recall_10 from tradeoffs "
        "where direction = 't2v' order by run_id"
    )
    found = {run: rest for run, *rest in rows.fetchall()}
    assert found["aa11"][1] > found["bb22"][1] == found["cc44"][1]
    assert [found[run][0] for run in ("aa11", "bb22", "cc44")] == [True, True, False]
