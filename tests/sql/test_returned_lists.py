"""Measures of runs that return lists: what holds whatever lies beyond them, NULL otherwise."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from cmr.answers import fetch
from cmr.materialised import open_for
from cmr.views import connect
from cmr.warehouse.schemas import HITS, RANKS, RUNS
from tests import warehouses
from tests.reference import intervals, lists, measures

KS = (1, 2, 3, 5)
LENGTH = 3


def make_lists(rng, relevance, levels):
    """Each query's list of LENGTH items of the gallery, with ties."""
    items = np.stack([rng.permutation(relevance.shape[1])[:LENGTH] for _ in relevance])
    return items, -np.sort(-rng.integers(0, levels, items.shape).astype(float), axis=1)


def add_list_run(warehouse, run_id, dataset, found, relevance, exact_above=None, **more):
    """A t2v run whose ranks and hits are those of lists."""
    items, scores = found
    warehouses.add_run(warehouse, run_id, dataset, np.zeros(relevance.shape), relevance)
    names = ("above", "tied", "relevants_above", "relevants_tied")
    rows = []
    known = lists.counts(items, scores, relevance > 0, 0.0)
    for (query, item), values in zip(np.argwhere(relevance > 0), known, strict=True):
        rows.append(
            {
                "query_id": f"t{query}",
                "item_id": f"v{item}",
                "relevance": int(relevance[query, item]),
                **dict(zip(names, values, strict=True)),
                "relevants": int((relevance[query] > 0).sum()),
                "gallery": relevance.shape[1],
            }
        )
    hits = [
        {"query_id": f"t{q}", "position": at + 1, "item_id": f"v{items[q, at]}",
         "exact_above": None if exact_above is None else exact_above[q][at]}
        for q, at in np.ndindex(*items.shape)
        if relevance[q].any()
    ]  # fmt: skip
    keys = {"run_id": run_id}
    row = warehouse.find(RUNS, run_id)
    kept = [name for name in row["files"] if not name.startswith("ranks/")]
    for table, data in ((RANKS, rows), (HITS, hits)):
        kept.append(warehouse.write(table, keys, [pa.Table.from_pylist(data, schema=table.schema)]))
    settings = {"list_length": LENGTH, "hits": LENGTH, "scorer": "usearch-hnsw", "ks": list(KS)}
    warehouse.commit(RUNS, run_id, {**row, "files": kept, **settings, **more})


def completions(found, relevance, query):
    """The query's gallery with what its list lacks below it, in every order."""
    items, scores = found[0][query].tolist(), found[1][query].tolist()
    listed = [(score, int(relevance[query, i])) for i, score in zip(items, scores, strict=True)]
    rest = [int(relevance[query, i]) for i in range(relevance.shape[1]) if i not in items]
    for order in set(itertools.permutations(rest)):
        yield listed + [(-1.0 - place, grade) for place, grade in enumerate(order)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_known_where_nothing_beyond_the_list_matters(tmp_path, seed):
    rng = np.random.default_rng(seed)
    relevance = rng.integers(1, 3, (6, 6)) * (rng.random((6, 6)) < 0.3)
    relevance[0] = [0, 2, 0, 0, 1, 0]
    relevance[1:, 0] = 1
    size = int(max((relevance > 0).sum(1).max(), 5))
    found = make_lists(rng, relevance, 3)
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    add_list_run(warehouse, "a", "d", found, relevance, candidates=[size])
    con = connect(warehouse.root)
    rows = con.execute("select protocol, query_id, measure, k, value from per_query").fetchall()
    got = {row[:4]: row[4] for row in rows if row[2] != "ann_recall"}
    told = 0
    for query, protocol in itertools.product(range(6), ("full", "expected")):
        for k in KS:
            pool = None if protocol == "full" else size
            every = [
                measures.expectation(items, k, pool)
                for items in completions(found, relevance, query)
            ]
            for name in every[0]:
                alone = name == "mrr" or name in measures.FULL_MEASURES
                if protocol == "expected" and name in measures.FULL_MEASURES:
                    continue
                value = got[protocol, f"t{query}", name, None if alone else k]
                values = np.array([one[name] for one in every])
                if value is None:
                    # Lists say nothing of what they lack, even where all of it looks the same.
                    assert np.ptp(values) > 1e-9 or beyond(found, relevance, query), name
                else:
                    told += 1
                    np.testing.assert_allclose(values, value, atol=1e-9, err_msg=f"{name}@{k}")
                if protocol == "full" and k <= LENGTH and not alone:
                    assert value is not None
    assert told > 100


def beyond(found, relevance, query):
    """Whether a relevant item is not in the query's list."""
    lacks = set(np.flatnonzero(relevance[query])) - set(found[0][query].tolist())
    return bool(lacks)


@pytest.fixture
def three(tmp_path):
    """Binary judgments; an exact run, and two of lists, of which one holds every relevant item."""
    rng = np.random.default_rng(3)
    relevance = np.zeros((12, 9), dtype=int)
    relevance[np.arange(12), np.arange(12) % 9] = 1
    scores = rng.random(relevance.shape)
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    warehouses.add_run(warehouse, "e", "d", scores, relevance, ks=list(KS))
    some = make_lists(rng, relevance, 50)
    whole = (some[0].copy(), some[1])
    for query in range(12):
        if query % 9 not in whole[0][query]:
            whole[0][query, 2] = query % 9
    agreement = rng.integers(0, 3, (12, LENGTH)).astype(object)
    agreement[rng.random((12, LENGTH)) < 0.3] = None
    add_list_run(warehouse, "a", "d", some, relevance, agreement.tolist(), candidates=[5])
    add_list_run(warehouse, "b", "d", whole, relevance, agreement.tolist(), candidates=[5])
    return warehouse, some, agreement, relevance


def every_value(con):
    """By run and protocol, each measure's value by its name and K: asked once for all."""
    found = {}
    rows = con.execute("select run_id, protocol, measure, k, value from metrics").fetchall()
    for run_id, protocol, measure, k, value in rows:
        found.setdefault((run_id, protocol), {})[measure, k] = value
    return found


@pytest.mark.slow
def test_one_query_that_is_not_known_makes_the_mean_unknown(three):
    warehouse, some, *_ = three
    con = connect(warehouse.root)
    every = every_value(con)
    got, whole = every["a", "full"], every["b", "full"]
    hit = [query % 9 in some[0][query].tolist() for query in range(12)]
    assert 0 < sum(hit) < 12
    assert got["hit_rate", 3] == pytest.approx(np.mean(hit))
    assert got["recall", 3] == pytest.approx(np.mean(hit))
    assert 0 < got["mrr@k", 3] < got["hit_rate", 3]
    for name in ("hit_rate", "recall", "mrr@k", "ndcg", "precision"):
        assert got[name, 5] is None
        assert got[name, 2] is not None
    for name in ("mrr", "map", "mean_rank", "median_rank"):
        assert got[name, None] is None
        assert whole[name, None] is not None
    assert all(value is None for value in every["a", "expected"].values())
    assert None not in every["b", "expected"].values()
    rows = con.execute(
        "select ci_low, ci_high, lift, chance from metrics where run_id = 'a' and measure = 'mrr'"
    ).fetchall()
    assert {row[:3] for row in rows} == {(None, None, None)}
    assert None not in {row[3] for row in rows}
    # What is kept says the same.
    kept = every_value(open_for(warehouse, "from metrics"))["a", "full"]
    assert kept == pytest.approx(got, abs=1e-12)
    assert every_value(open_for(warehouse, "from metrics"))["a", "full"] == kept


@pytest.mark.slow
def test_ann_recall_is_a_measure_of_its_own(three):
    warehouse, _, agreement, _ = three
    con = connect(warehouse.root)
    metrics = con.execute(
        "select run_id, k, value, ci_low, ci_high, chance from metrics "
        "where measure = 'ann_recall' order by run_id, k"
    ).fetchall()
    queries = con.execute(
        "select k, value from per_query where run_id = 'a' and measure = 'ann_recall' "
        "order by query_id[2:]::int"
    ).fetchall()
    for k in (1, 2, 3):
        each = [
            sum(value is not None and value < k for value in row[:k]) / k
            for row in agreement.tolist()
        ]
        low, high = intervals.share(each, [f"v{query % 9}" for query in range(12)])
        (row,) = (row[2:] for row in metrics if row[:2] == ("a", k))
        assert row == pytest.approx((np.mean(each), low, high, k / 9))
        assert [value for at, value in queries if at == k] == pytest.approx(each)
    assert [row[:2] for row in metrics] == [(run, k) for run in "ab" for k in (1, 2, 3)]


@pytest.mark.slow
def test_what_is_built_on_metrics_is_null_too(three):
    """compare, retention, leaderboard, rank_flips, hard_queries and the checks."""
    warehouse, some, _, _ = three
    con = connect(warehouse.root)
    rows = fetch(con, "from compare('e', 'a')").to_pylist()
    found = {(row["measure"], row["k"]): row for row in rows}
    assert found["hit_rate", 3]["difference"] is not None
    assert found["mrr", None]["value_a"] is not None
    for name in ("value_b", "difference", "ci_low", "p", "p_holm", "wins", "losses", "ties"):
        assert found["mrr", None][name] is None, name
    for name, k in (("hit_rate", 3), ("mrr", None)):
        call = f"compare_runs(['e', 'a'], measure_name := '{name}', cut := {k or 3})"
        (alone,) = fetch(con, f"from {call}").to_pylist()
        for key in ("value_a", "value_b", "difference", "ci_low", "p", "wins", "losses", "ties"):
            assert alone[key] == pytest.approx(found[name, k][key], abs=1e-12), (name, key)
    kept = fetch(con, "from retention where run_id = 'a'").to_pylist()
    assert {row["baseline"] for row in kept} == {"e"}
    for row in kept:
        known = row["measure"] != "mrr" and row["k"] <= LENGTH
        assert (row["retention"] is None) == (not known), row
    board = fetch(con, "from leaderboard where run_id = 'a' and protocol = 'full'").to_pylist()
    assert board[0]["mrr"] is None
    assert board[0]["hit_rate_1"] is not None
    assert con.execute("select max(runs) from hard_queries").fetchall() == [(1,)]
    flips = fetch(con, "from rank_flips('e', 'a', top := 3)").to_pylist()
    ranks = dict(
        con.execute("select query_id, rank from first_ranks where run_id = 'e'").fetchall()
    )
    lost = {
        f"t{query}"
        for query in range(12)
        if ranks[f"t{query}"] <= 3 and query % 9 not in some[0][query].tolist()
    }
    assert {row["query_id"] for row in flips if row["rank_b"] is None} == lost
    assert lost
    assert fetch(con, "from rank_flips('e', 'a', top := 5) where rank_b is null").num_rows == 0
    for check in ("ranks_known", "ranks_range", "every_query", "ranks_judged", "runs_agree"):
        assert fetch(con, f"from check_{check}").num_rows == 0, check


def test_a_rank_beyond_its_list_is_found(three):
    warehouse, *_ = three
    row = warehouse.find(RUNS, "b")
    warehouse.commit(RUNS, "b", {**row, "list_length": 1})
    warehouse.commit(RUNS, "a", {**warehouse.find(RUNS, "a"), "list_length": None})
    con = connect(warehouse.root)
    rows = con.execute("select run_id, above is null from check_ranks_known").fetchall()
    assert set(rows) == {("a", True), ("b", False)}
