"""Random pools: exact fractions in large galleries, drawn pools in middle ones, any C and K."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.answers import fetch
from cmr.errors import CmrError
from cmr.views import connect
from cmr.warehouse.schemas import RANKS, RUNS
from tests import warehouses
from tests.reference import measures


def add_counts(warehouse, rows, size, gallery, k=10):
    """A run `r` whose ranks are given: dicts of query_id, item_id, above, tied and the like."""
    blank = {"relevance": 1, "score": 0.0, "relevants_above": 0, "relevants_tied": 0}
    blank |= {"tied": 0, "relevants": 1, "gallery": gallery}
    table = pa.Table.from_pylist([blank | row for row in rows], schema=RANKS.schema)
    files = [warehouse.write(RANKS, {"run_id": "r"}, [table])]
    warehouses.add_dataset(warehouse, "d", np.ones((1, 1), dtype=int))
    row = dict.fromkeys(RUNS.schema.names) | {
        "run_id": "r", "dataset": "d", "direction": "t2v", "protocols": ["expected", "full"],
        "candidates": [size], "sampled_candidates": [], "ks": [k], "gallery": gallery,
        "queries": len({row["query_id"] for row in rows}), "files": files,
        "started_at": warehouses.NOW,
    }  # fmt: skip
    warehouse.commit(RUNS, "r", row)


def exact(total, before, drawn, k):
    """recall@k, ndcg@k, mrr and mrr@k of one relevant item, in fractions: `before` competitors of
    `total` non-relevant items score higher, `drawn` are in the pool."""
    ways = math.comb(total, drawn)
    odds = [
        Fraction(math.comb(before, x) * math.comb(total - before, drawn - x), ways)
        for x in range(min(before, drawn, k - 1) + 1)
        if drawn - x <= total - before
    ]
    start = max(0, drawn - (total - before))
    recall = sum(odds)
    ndcg = sum(float(p) / math.log2(x + 2) for x, p in enumerate(odds, start))
    missed = Fraction(math.comb(total - before, drawn + 1), math.comb(total + 1, drawn + 1))
    mrr = Fraction(total + 1, (before + 1) * (drawn + 1)) * (1 - missed)
    cut = sum(p / (x + 1) for x, p in enumerate(odds, start))
    return np.array([float(recall), ndcg, float(mrr), float(cut)])


LARGE = [
    (5_000, 100, (0, 1, 40, 3_000, 4_999), (0, 1, 7)),
    (1_000_000, 100, (0, 1, 2, 2_000, 90_000), (0, 1, 7)),
    (1_000_000, 500, (0, 1, 3, 2_000, 999_990), (0, 2)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("gallery", "size", "aboves", "ties"), LARGE)
def test_large_galleries(tmp_path, gallery, size, aboves, ties):
    """To 1e-9 where log-gammas alone, or 1 - (a number near 1), lose three digits of it."""
    cases = [(a, t) for a in aboves for t in ties if a + t <= gallery - 1]
    rows = [
        {"query_id": f"{above} {tied}", "item_id": "v", "above": above, "tied": tied}
        for above, tied in cases
    ]
    warehouse = warehouses.new(tmp_path)
    add_counts(warehouse, rows, size, gallery)
    measured = connect(warehouse.root).execute(
        "select query_id, "
        "list(value order by list_position(['recall', 'ndcg', 'mrr', 'mrr@k'], measure)) "
        "from per_query where protocol = 'expected' "
        "and measure in ('recall', 'ndcg', 'mrr', 'mrr@k') "
        "and coalesce(k, 10) = 10 group by query_id"
    )
    found = dict(measured.fetchall())
    assert len(found) == len(cases)
    for above, tied in cases:
        got = found[f"{above} {tied}"]
        plain = sum(exact(gallery - 1, above + u, size - 1, 10) for u in range(tied + 1))
        assert got == pytest.approx(plain / (tied + 1), abs=1e-9), (above, tied)


def test_a_long_tie_is_not_spread(tmp_path):
    """Half a million equal scores, as a constant scorer gives, take little memory."""
    gallery = 500_000
    rows = [{"query_id": "q", "item_id": "v", "above": 0, "tied": gallery - 1}]
    warehouse = warehouses.new(tmp_path)
    add_counts(warehouse, rows, 200, gallery)
    con = connect(warehouse.root)
    con.execute("set memory_limit = '250MB'")
    lifts = con.execute("select lift from metrics where measure <> 'map'").fetchall()
    assert lifts
    assert np.array(lifts).ravel() == pytest.approx(1, abs=1e-9)


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    gallery=st.integers(2, 60),
    relevants=st.integers(1, 4),
    levels=st.integers(1, 12),
    seed=st.integers(0, 10_000),
)
def test_properties(tmp_path_factory, gallery, relevants, levels, seed):
    """Between 0 and 1, rising with K, falling with C, and the gallery's own at C = gallery."""
    relevants = min(relevants, gallery - 1)
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (3, gallery)).astype(float)
    relevance = np.zeros(scores.shape, dtype=int)
    for query in range(3):
        relevance[query, rng.choice(gallery, relevants, replace=False)] = 1
    sizes = sorted({relevants, (relevants + gallery) // 2, gallery})
    warehouse = warehouses.new(tmp_path_factory.mktemp("w"))
    warehouses.add_dataset(warehouse, "d", relevance)
    warehouses.add_run(warehouse, "r", "d", scores, relevance, candidates=sizes, ks=[2, 25])
    con = connect(warehouse.root)
    rows = con.execute(
        "select query_id, measure, coalesce(k, 0), candidates, protocol, value from per_query "
        "where measure in ('recall', 'hit_rate', 'mrr', 'mrr@k', 'ndcg') order by all"
    ).fetchall()
    values = {row[:5]: row[5] for row in rows}
    for (query, measure, k, size, protocol), value in values.items():
        assert -1e-9 <= value <= 1 + 1e-9
        if protocol == "full":
            other = values[query, measure, k, gallery, "expected"]
            assert value == pytest.approx(other, abs=1e-9)
            continue
        for larger in sizes[sizes.index(size) + 1 :]:
            assert values[query, measure, k, larger, protocol] <= value + 1e-9
        if measure in ("recall", "hit_rate", "mrr@k") and k == 1:
            assert value <= values[query, measure, 5, size, protocol] + 1e-9


@pytest.mark.slow
def test_drawn_pools_agree(tmp_path):
    """The mean over 4,000 drawn pools and tie orders, within five standard errors."""
    rng = np.random.default_rng(3)
    gallery, size, k, draws = 120, 30, 5, 4_000
    scores = rng.integers(0, 25, (3, gallery)).astype(float)
    relevance = np.zeros(scores.shape, dtype=int)
    for query, count in enumerate((1, 3, 6)):
        places = np.argsort(-scores[query], kind="stable")[: gallery // 3]
        relevance[query, rng.choice(places, count, replace=False)] = rng.integers(1, 4, count)
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    warehouses.add_run(warehouse, "r", "d", scores, relevance, candidates=[size], ks=[k])
    rows = connect(warehouse.root).execute(
        "select query_id, measure, value from per_query "
        "where protocol = 'expected' and coalesce(k, ?) = ?",
        [k, k],
    )
    found = {(query_id, name): value for query_id, name, value in rows.fetchall()}
    for query in range(3):
        relevant = np.flatnonzero(relevance[query])
        others = np.flatnonzero(relevance[query] == 0)
        drawn = []
        for _ in range(draws):
            pool = np.concatenate([relevant, rng.permutation(others)[: size - len(relevant)]])
            order = pool[np.lexsort((rng.random(size), -scores[query, pool]))]
            values = measures.of_order(
                relevance[query, order].tolist(), relevance[query, relevant].tolist(), k
            )
            drawn.append([values[name] for name in measures.MEASURES])
        means, errors = np.mean(drawn, 0), np.std(drawn, 0) / draws**0.5
        for name, mean, error in zip(measures.MEASURES, means, errors, strict=True):
            value = found[f"t{query}", name]
            assert abs(value - mean) <= 5 * error + 1e-12, (query, name)


@pytest.fixture(scope="module")
def two_ways(tmp_path_factory):
    """Galleries of 12 and 20, asked for C = 8 and K = 1, 3, 5, 10."""
    rng = np.random.default_rng(1)
    relevance = rng.integers(1, 3, (20, 12)) * (rng.random((20, 12)) < 0.15)
    relevance[np.arange(20), np.arange(20) % 12] = 1
    scores = rng.integers(0, 6, relevance.shape).astype(float)
    warehouse = warehouses.new(tmp_path_factory.mktemp("two_ways"))
    warehouses.add_dataset(warehouse, "d", relevance)
    for direction in ("t2v", "v2t"):
        warehouses.add_run(
            warehouse, direction, "d", scores, relevance, direction, candidates=[8], ks=[3]
        )
    return warehouse


@pytest.fixture(scope="module")
def asked(two_ways):
    return connect(two_ways.root)


@pytest.mark.slow
def test_any_k_and_c(asked):
    """What was not asked for equals what would have been found had it been."""
    columns = "run_id, protocol, candidates, measure, k, value, ci_low, ci_high, chance, lift"
    those = "from metrics where (k = 3 or k is null)"
    for found, wanted in (
        ("from metrics_at(3)", those),
        ("from metrics_for(8, 3)", f"{those} and protocol = 'expected'"),
    ):
        got = asked.execute(f"select {columns} {found} order by all").fetchall()
        plain = asked.execute(f"select {columns} {wanted} order by all").fetchall()
        assert len(got) == len(plain) > 0
        for one, other in zip(got, plain, strict=True):
            assert one[:5] == other[:5]
            assert one[5:] == pytest.approx(other[5:], abs=1e-12)
    # C = 12 is the whole gallery of one direction, and a pool of the other's.
    rows = asked.execute(
        "select max(abs(a.value - b.value)), count(*) from metrics_for(12, 4) a "
        "join metrics_at(4) b using (run_id, measure, candidates) where b.protocol = 'full'"
    ).fetchone()
    assert rows[0] < 1e-9
    assert rows[1] == 7
    only = asked.execute("select distinct run_id from metrics_for(15, 4)").fetchall()
    assert only == [("v2t",)]


@pytest.mark.slow
def test_a_cutoff_beyond_every_gallery(asked):
    """All that is relevant is found, and nothing is tabulated as far."""
    found = asked.execute(
        "select distinct measure, round(value, 9) from metrics_at(1000000000) "
        "where measure in ('recall', 'hit_rate') order by all"
    )
    assert found.fetchall() == [("hit_rate", 1), ("recall", 1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("metrics_for(21, 5)", "no run can have pools of 21"),
        ("metrics_for(0, 5)", "no run can have pools of 0"),
        ("metrics_for(-8, 5)", "no run can have pools of -8"),
        ("metrics_for(8.5, 5)", "C must be a whole number"),
        ("metrics_for(null, 5)", "C must be a whole number"),
        ("metrics_for(8, 0)", "K must be a whole number, 1 or more"),
        ("metrics_for(8, 2.5)", "K must be a whole number, 1 or more"),
        ("metrics_at(0)", "K must be a whole number, 1 or more"),
        ("metrics_at(-1)", "K must be a whole number, 1 or more"),
        ("metrics_at(null)", "K must be a whole number, 1 or more"),
    ],
)
def test_what_cannot_be_asked(asked, call, reason):
    with pytest.raises(CmrError, match=reason):
        fetch(asked, f"from {call}")


@pytest.mark.slow
def test_any_k_of_an_empty_warehouse(tmp_path):
    con = connect(warehouses.new(tmp_path).root)
    assert con.execute("from metrics_at(3)").fetchall() == []
    assert con.execute("from metrics_for(8, 3)").fetchall() == []


def test_every_macro_is_documented(tmp_path):
    con = connect(warehouses.new(tmp_path).root)
    found = con.execute(
        "select function_name, comment from duckdb_functions() where not internal"
    ).fetchall()
    assert {"metrics_at", "metrics_for"} <= {name for name, _ in found}
    assert [name for name, comment in found if not comment] == []
