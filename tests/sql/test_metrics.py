"""The marts against measures enumerated order by order and pool by pool."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.views import connect
from tests import warehouses
from tests.reference import intervals, measures

KS = (1, 2, 3)


def per_query(con, protocol, size=None):
    rows = con.execute(
        "select query_id, measure, k, value from per_query where protocol = ? "
        "and (? is null or candidates = ?)",
        [protocol, size, size],
    ).fetchall()
    return {(query, measure, k): value for query, measure, k, value in rows}


def check_direction(con, scores, relevance, letter, protocol, size):
    got = per_query(con, protocol, size)
    for query in range(len(scores)):
        if not relevance[query].any():
            assert (f"{letter}{query}", "mrr", None) not in got
            continue
        items = list(zip(scores[query].tolist(), relevance[query].tolist(), strict=True))
        for k in KS:
            plain = measures.expectation(items, k, size)
            for name, value in plain.items():
                if name in measures.FULL_MEASURES and protocol != "full":
                    continue
                whole = name == "mrr" or name in measures.FULL_MEASURES
                key = (f"{letter}{query}", name, None if whole else k)
                assert got[key] == pytest.approx(value, abs=1e-9), (key, protocol, size)


@settings(max_examples=7, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.integers(1, 4),
    visuals=st.integers(2, 6),
    levels=st.integers(1, 4),
    grades=st.integers(1, 3),
    share=st.floats(0.1, 0.7),
    seed=st.integers(0, 10_000),
)
def test_every_order_and_pool(tmp_path_factory, texts, visuals, levels, grades, share, seed):
    """full and expected, R = 1 and more, with ties and graded relevance, to 1e-9."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (texts, visuals)).astype(float)
    relevance = rng.integers(1, grades + 1, (texts, visuals)) * (
        rng.random((texts, visuals)) < share
    )
    relevance[0, 0] = 1
    most = int((relevance > 0).sum(1).max())
    size = int(rng.integers(most, visuals + 1))
    warehouse = warehouses.new(tmp_path_factory.mktemp("w"))
    warehouses.add_dataset(warehouse, "d", relevance)
    warehouses.add_run(
        warehouse, "1e5", "d", scores, relevance, ks=list(KS), candidates=sorted({size, visuals})
    )
    con = connect(warehouse.root)
    for view in ("per_query", "metrics"):
        con.execute(f"create temp table {view} as from memory.main.{view}")
    check_direction(con, scores, relevance, "t", "full", None)
    check_direction(con, scores, relevance, "t", "expected", size)
    # Every pool of the gallery's size is the gallery.
    differences = con.execute(
        "select max(abs(a.value - b.value)), count(*) from metrics a join metrics b "
        "on a.measure = b.measure and a.k is not distinct from b.k "
        "where a.protocol = 'full' and b.protocol = 'expected' and b.candidates = a.candidates"
    ).fetchone()
    assert differences[1] > 0
    assert differences[0] < 1e-9


def middle_case(seed=5, texts=40, visuals=30):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 12, (texts, visuals)).astype(float)
    relevance = np.zeros((texts, visuals), dtype=int)
    relevance[np.arange(texts), rng.integers(0, visuals // 2, texts)] = 1
    return rng, scores, relevance


@pytest.fixture
def sampled(tmp_path):
    """Both directions, R > 1 on one side, drawn pools of two sizes and draws."""
    rng, scores, relevance = middle_case()
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "2024", relevance)
    pools = {}
    for direction in ("t2v", "v2t"):
        judged = relevance if direction == "t2v" else relevance.T
        pools[direction] = {}
        for draw in (0, 1):
            order = rng.random(judged.shape)
            order[judged > 0] = 2
            place = np.argsort(np.argsort(order, axis=1), axis=1)
            for size in (15, 25):
                room = size - (judged > 0).sum(1, keepdims=True)
                pools[direction][size, draw] = (place < room) | (judged > 0)
        warehouses.add_run(
            warehouse, f"run{direction}", "2024", scores, relevance, direction, pools[direction]
        )
    return connect(warehouse.root), scores, relevance, pools


@pytest.mark.slow
def test_sampled_and_intervals(sampled):
    """Means over drawn pools, and errors clustered by visual item, draws in their cluster."""
    con, scores, relevance, pools = sampled
    con.execute("create temp table drawn as from metrics where protocol = 'sampled'")
    for direction in ("t2v", "v2t"):
        side = (scores, relevance) if direction == "t2v" else (scores.T, relevance.T)
        for size in (15, 25):
            values, clusters = [], []
            for draw in (0, 1):
                for query in range(len(side[0])):
                    judged = side[1][query]
                    if not judged.any():
                        continue
                    inside = pools[direction][size, draw][query]
                    items = list(zip(side[0][query][inside], judged[inside], strict=True))
                    values.append(_by_formula(items, 10))
                    clusters.append(str(judged.argmax() if direction == "t2v" else query))
            for name in measures.MEASURES:
                series = np.array([value[name] for value in values])
                low, high = intervals.share(series, clusters)
                got = con.execute(
                    "select value, ci_low, ci_high, draws, queries from drawn "
                    "where direction = ? and candidates = ? and measure = ? "
                    "and coalesce(k, 10) = 10",
                    [direction, size, name],
                ).fetchone()
                assert got[:3] == pytest.approx((series.mean(), low, high), abs=1e-6)
                assert got[3:] == (2, len(values) // 2)


def _by_formula(items, k):
    """Tie orders by sampling every position of a group: linear measures, and the first hit."""
    groups: dict[float, list[int]] = {}
    for score, relevance in items:
        groups.setdefault(score, []).append(relevance)
    relevances = [relevance for _, relevance in items if relevance > 0]
    total = len(relevances)
    ideal = sum(1 / np.log2(r + 1) for r in range(1, min(k, total) + 1))
    recall = dcg = cut = 0.0
    before, hit, mrr, missed = 0, 0.0, 0.0, 1.0
    for score in sorted(groups, reverse=True):
        group = groups[score]
        size, good = len(group), sum(one > 0 for one in group)
        places = range(before + 1, before + size + 1)
        recall += good / size * sum(place <= k for place in places)
        dcg += good / size * sum(1 / np.log2(place + 1) for place in places if place <= k)
        if good and missed:
            # The first relevant item at the u-th place of the group.
            chance, left = 1.0, size
            for place in places:
                first = chance * good / left
                hit += first * (place <= k)
                mrr += first / place
                cut += first / place * (place <= k)
                chance -= first
                left -= 1
                if left < good:
                    break
                chance = _still_none(size, good, place - before)
            missed = 0.0
        before += size
    return {
        "recall": recall / total, "hit_rate": hit, "mrr": mrr, "mrr@k": cut,
        "ndcg": dcg / ideal, "ndcg_exp": dcg / ideal, "precision": recall / k,
    }  # fmt: skip


def _still_none(size, good, seen):
    chance = 1.0
    for step in range(seen):
        chance *= (size - good - step) / (size - step)
    return chance


@pytest.mark.slow
def test_constant_scorer_is_chance(tmp_path):
    """Every measure of a scorer that says the same of all is exactly chance, for any R."""
    _, _, relevance = middle_case()
    relevance[0, :5] = [1, 2, 3, 1, 1]
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    for direction in ("t2v", "v2t"):
        warehouses.add_run(
            warehouse,
            direction,
            "d",
            np.zeros(relevance.shape),
            relevance,
            direction,
            candidates=[12, 20],
        )
    con = connect(warehouse.root)
    rows = con.execute("select protocol, measure, k, lift, chance from metrics").fetchall()
    assert {row[0] for row in rows} == {"full", "expected"}
    for row in rows:
        assert row[3] == pytest.approx(1, abs=1e-9), row
        assert row[4] > 0
        assert row[4] <= 1 or row[1] in ("mean_rank", "median_rank")


@pytest.mark.slow
@pytest.mark.parametrize("relevants", [1, 5])
def test_random_scorer_has_lift_one(tmp_path, relevants):
    """Twenty random scorers find what chance finds, for every C and K, within their intervals."""
    rng = np.random.default_rng(relevants)
    relevance = np.zeros((300, 60), dtype=int)
    for row in relevance:
        row[rng.choice(60, relevants, replace=False)] = 1
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    asked = {"candidates": [20], "ks": [1, 10], "protocols": ["full", "expected"]}
    for run in range(20):
        scores = rng.random(relevance.shape)
        warehouses.add_run(warehouse, f"r{run}", "d", scores, relevance, **asked)
    rows = connect(warehouse.root).execute(
        "select measure, k, candidates, avg(lift), stddev(lift) / sqrt(count(*)), "
        "avg((chance between ci_low and ci_high)::int) from metrics "
        "where measure in ('recall', 'hit_rate', 'mrr', 'mrr@k', 'ndcg', 'precision', 'map') "
        "group by all"
    )
    found = rows.fetchall()
    assert len(found) == 2 * (5 * 3 + 1) + 1
    for *what, lift, error, _ in found:
        assert abs(lift - 1) < 3.5 * error, what
    assert 0.88 < np.mean([row[-1] for row in found]) < 0.99


@pytest.mark.slow
def test_uncommitted_files_do_not_exist(tmp_path):
    """What a killed writer left, and a run without its catalogue row, are invisible."""
    _, scores, relevance = middle_case()
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    warehouses.add_run(warehouse, "kept", "d", scores, relevance)
    before = connect(warehouse.root).execute("select count(*) from ranks").fetchone()
    folder = tmp_path / "ranks" / "run_id=kept"
    (folder / "orphan.parquet").write_bytes(next(folder.glob("*.parquet")).read_bytes())
    (folder / "half.parquet.part-1").write_bytes(b"PAR1 half")
    warehouses.add_run(warehouse, "gone", "d", scores, relevance)
    (tmp_path / "runs" / "gone.parquet").unlink()
    con = connect(warehouse.root)
    assert con.execute("select count(*) from ranks").fetchone() == before
    assert con.execute("select distinct run_id from metrics").fetchall() == [("kept",)]


def test_every_view_and_column_is_documented(tmp_path):
    con = connect(warehouses.new(tmp_path).root)
    views = con.execute(
        "select view_name, comment from duckdb_views() "
        "where not internal and database_name = 'memory'"
    ).fetchall()
    assert len(views) > 20
    assert [name for name, comment in views if not comment] == []
    columns = con.execute(
        "select table_name, column_name from duckdb_columns() where not internal "
        "and database_name = 'memory' and coalesce(comment, '') = ''"
    ).fetchall()
    assert columns == []


@pytest.mark.slow
def test_marts_answer_on_an_empty_warehouse(tmp_path):
    con = connect(warehouses.new(tmp_path).root)
    for (view,) in con.execute(
        "select view_name from duckdb_views() where not internal"
    ).fetchall():
        if view != "measures":
            assert con.execute(f"from {view}").fetchall() == [], view
