"""The marts over metrics, ranks of the whole gallery, and what `fetch` says of broken files."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.answers import fetch
from cmr.errors import DamageWarning
from cmr.views import connect
from tests import warehouses
from tests.reference import intervals, measures


@pytest.fixture
def graded(tmp_path):
    rng = np.random.default_rng(2)
    relevance = rng.integers(1, 4, (9, 7)) * (rng.random((9, 7)) < 0.25)
    relevance[np.arange(9), np.arange(9) % 7] = 2
    scores = rng.integers(0, 4, relevance.shape).astype(float)
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    return warehouse, scores, relevance


@pytest.mark.slow
def test_ranks_of_the_whole_gallery(graded):
    """map, r_precision, map_at_r, mean_rank and median_rank from every tie order."""
    warehouse, scores, relevance = graded
    warehouses.add_run(warehouse, "r", "d", scores, relevance)
    con = connect(warehouse.root)
    plain = [
        measures.expectation(list(zip(scores[q].tolist(), relevance[q].tolist(), strict=True)), 5)
        for q in range(9)
    ]
    clusters = [f"v{np.flatnonzero(relevance[q])[0]}" for q in range(9)]
    for name in measures.FULL_MEASURES:
        series = np.array([values[name] for values in plain])
        low, high = (
            intervals.mean_rank(series, clusters, 7)
            if name == "mean_rank"
            else intervals.share(series, clusters)
        )
        got = con.execute(
            "select value, ci_low, ci_high, k, protocol from metrics where measure = ?", [name]
        ).fetchall()
        assert len(got) == 1
        assert got[0][:3] == pytest.approx((series.mean(), low, high), abs=1e-6)
        assert got[0][3:] == (None, "full")
    ranks = [values["mean_rank"] for values in plain]
    got = con.execute(
        "select value, ci_low, ci_high from metrics where measure = 'median_rank'"
    ).fetchall()
    low, high = intervals.median(np.array(ranks), np.array(clusters))
    assert got == [(pytest.approx(np.median(ranks), abs=1e-9), low, high)]


@pytest.mark.slow
@pytest.mark.parametrize(("queries", "captions"), [(5, 1), (6, 1), (41, 1), (300, 1), (120, 3)])
def test_the_median_has_the_sign_tests_interval(tmp_path, queries, captions):
    """The order statistics of scipy's binomial; queries of one visual count as one."""
    rng = np.random.default_rng(queries)
    visuals = queries // captions
    relevance = np.zeros((queries, visuals), dtype=int)
    relevance[np.arange(queries), np.arange(queries) % visuals] = 1
    scores = rng.normal(size=relevance.shape)
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    warehouses.add_run(warehouse, "r", "d", scores, relevance)
    own = scores[relevance > 0][:, None]
    ranks = 1 + (scores > own).sum(1)
    expected = intervals.median(ranks, np.arange(queries) % visuals)
    got = connect(warehouse.root).execute(
        "select ci_low, ci_high from metrics where measure = 'median_rank'"
    )
    assert got.fetchone() == expected


def test_per_query_averages_to_metrics(graded):
    warehouse, scores, relevance = graded
    warehouses.add_run(warehouse, "r", "d", scores, relevance, candidates=[6])
    worst, rows = (
        connect(warehouse.root)
        .execute(
            "with means as (select protocol, candidates, measure, k, avg(value) as value "
            "from per_query group by all) "
            "select max(abs(a.value - b.value)), count(*) from metrics a join means b "
            "on a.protocol = b.protocol and a.candidates = b.candidates and a.measure = b.measure "
            "and a.k is not distinct from b.k"
        )
        .fetchone()
    )
    assert worst < 1e-12
    assert rows == 2 * (6 * 3 + 1) + 4


@pytest.mark.slow
def test_tradeoffs(graded):
    """The baseline, what is kept of it, and the Pareto flag."""
    warehouse, scores, relevance = graded
    perfect = (relevance > 0).astype(float)
    for run_id, side, precision, size in (
        ("native", perfect, "fp32", 32),
        ("small", perfect, "int8", 8),
        ("poor", scores, "fp16", 16),
    ):
        warehouses.add_run(
            warehouse, run_id, "d", side, relevance, precision=precision, vector_bytes=size
        )
    rows = connect(warehouse.root).execute(
        "select run_id, baseline, baseline_is, bytes_share, recall_10_kept, pareto, pareto_bytes, "
        "queries_per_second from tradeoffs order by run_id"
    )
    rows = {row[0]: row[1:] for row in rows.fetchall()}
    assert rows["native"] == ("native", "native fp32", 1.0, 1.0, None, False, None)
    assert rows["small"] == ("native", "native fp32", 0.25, 1.0, None, True, None)
    assert rows["poor"][:3] == ("native", "native fp32", 0.5)
    assert rows["poor"][3] <= 1
    assert not rows["poor"][4]


@pytest.mark.slow
def test_tradeoffs_whatever_the_protocol(graded):
    """They are over the whole gallery, and no bench is no reason to leave a run out."""
    warehouse, scores, relevance = graded
    asked = {"protocols": ["expected"], "candidates": [5, 6], "precision": "fp16"}
    warehouses.add_run(warehouse, "r", "d", scores, relevance, **asked)
    warehouses.add_dataset(warehouse, "e", relevance)
    warehouses.add_run(warehouse, "full", "e", scores, relevance)
    con = connect(warehouse.root)
    rows = con.execute(
        "select run_id, baseline_is, queries_per_second, pareto_bytes, recall_10 from tradeoffs"
    ).fetchall()
    (full,) = con.execute(
        "select value from metrics where run_id = 'full' and measure = 'recall' and k = 10 and "
        "protocol = 'full'"
    ).fetchone()
    assert [row[:4] for row in rows if row[0] == "r"] == [("r", "finest available", None, True)]
    assert all(row[4] == pytest.approx(full, abs=1e-12) for row in rows)


@pytest.mark.slow
def test_leaderboard_keeps_to_one_protocol(graded):
    """What is kept, and the front, by the figures of the row's own protocol and C alone."""
    warehouse, scores, relevance = graded
    perfect = (relevance > 0).astype(float)
    for run_id, side, precision, size, pools in (
        ("native", perfect, "fp32", 32, [6, 7]),
        ("poor", scores, "fp16", 16, [5, 6]),
        ("worse", -scores, "int8", 8, [6]),
        ("as poor", scores, "bf16", 16, [6]),
    ):
        warehouses.add_run(
            warehouse, run_id, "d", side, relevance, precision=precision, vector_bytes=size,
            protocols=["expected", "full"], candidates=pools,
        )  # fmt: skip
    con = connect(warehouse.root)
    values = {
        (run, protocol, size): value
        for run, protocol, size, value in con.execute(
            "select run_id, protocol, candidates, value from metrics where measure = 'recall' and "
            "k = 10"
        ).fetchall()
    }
    board = con.execute(
        "select run_id, protocol, candidates, recall_10_kept, pareto_bytes from leaderboard"
    ).fetchall()
    assert len(board) == len(values) == 4 + 6
    for run, protocol, size, kept, front in board:
        base = values.get(("native", protocol, size))
        mine = values[run, protocol, size]
        assert kept == (None if base is None else pytest.approx(mine / base, rel=1e-12))
        bytes_of = {"native": 32, "poor": 16, "as poor": 16, "worse": 8}
        others = [
            (values[other, protocol, size], bytes_of[other])
            for other in bytes_of
            if other != run and (other, protocol, size) in values
        ]
        beaten = any(
            value >= mine - 1e-12 and theirs <= bytes_of[run]
            and (value > mine + 1e-12 or theirs < bytes_of[run])
            for value, theirs in others
        )  # fmt: skip
        assert front == (not beaten), (run, protocol, size)
    assert sum(row[3] is None for row in board) == 1


@pytest.mark.slow
def test_a_broken_file_is_named(graded, tmp_path):
    warehouse, scores, relevance = graded
    warehouses.add_run(warehouse, "r", "d", scores, relevance)
    path = next(p for p in (tmp_path / "ranks" / "run_id=r").glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.warns(DamageWarning, match=path.name) as told:
        con = connect(warehouse.root, "from metrics")
    assert ["\n" in str(one.message) for one in told] == [False]
    assert fetch(con, "select distinct run_id from metrics").to_pylist() == []
