"""What people look for: hard queries, flips, hubs, equal vectors, the gap, growth."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.views import connect
from tests import warehouses
from tests.reference import measures

pytestmark = pytest.mark.slow


def rows(con, query):
    return con.execute(query).to_arrow_table().to_pylist()


@pytest.fixture
def three(tmp_path):
    """Three runs over 20 texts and 15 visuals, graded and tied."""
    rng = np.random.default_rng(3)
    relevance = rng.integers(1, 3, (20, 15)) * (rng.random((20, 15)) < 0.1)
    relevance[np.arange(20), np.arange(20) % 15] = 1
    runs = {f"r{n}": np.round(rng.normal(size=relevance.shape), 1) for n in range(3)}
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    for name, scores in runs.items():
        warehouses.add_run(warehouse, name, "d", scores, relevance, candidates=[8])
    return warehouse, runs, relevance


def first_ranks(scores, relevance):
    return [
        measures.expectation(list(zip(s.tolist(), r.tolist(), strict=True)), 1)["mean_rank"]
        for s, r in zip(scores, relevance, strict=True)
    ]


def test_hard_queries(three):
    warehouse, runs, relevance = three
    ranks = np.array([first_ranks(scores, relevance) for scores in runs.values()])
    found = rows(connect(warehouse.root), "from hard_queries")
    assert len(found) == 20
    for row in found:
        mine = ranks[:, int(row["query_id"][1:])]
        assert row["runs"] == 3
        assert (row["best_rank"], row["median_rank"], row["worst_rank"]) == pytest.approx(
            (mine.min(), np.median(mine), mine.max())
        )
    order = [row["median_rank"] for row in found]
    assert order == sorted(order, reverse=True)


def test_rank_flips(three):
    warehouse, runs, relevance = three
    a, b = (np.array(first_ranks(runs[name], relevance)) for name in ("r0", "r1"))
    con = connect(warehouse.root)
    for top in (2, 5):
        found = rows(con, f"from rank_flips('r0', 'r1', top := {top})")
        expected = {f"t{q}" for q in range(20) if (a[q] <= top) != (b[q] <= top)}
        assert {row["query_id"] for row in found} == expected != set()
        for row in found:
            query = int(row["query_id"][1:])
            assert (row["rank_a"], row["rank_b"]) == pytest.approx((a[query], b[query]))
            assert row["change"] == ("enters" if b[query] <= top else "leaves")


def test_growth(three):
    """At the whole gallery it is the full protocol, and recall falls as the gallery grows."""
    con = connect(three[0].root)
    whole = rows(
        con,
        "select g.value as g, m.value as m from growth g join metrics m using (run_id, measure) "
        "where g.candidates = 15 and m.protocol = 'full' and g.k is not distinct from m.k",
    )
    assert len(whole) == 3 * 19
    for row in whole:
        assert row["g"] == pytest.approx(row["m"], abs=1e-9)
    sizes = rows(
        con,
        "select candidates, value from growth "
        "where run_id = 'r0' and measure = 'recall' and k = 5 order by candidates",
    )
    assert [row["candidates"] for row in sizes] == [10, 15]
    assert sizes[0]["value"] > sizes[1]["value"]


@pytest.fixture
def vectors(no_answer, cmr, npz, tmp_path):
    """A warehouse with vectors: visuals 4 to 7 are equal, and so are the texts 0 and 1."""
    rng = np.random.default_rng(0)
    visual = rng.standard_normal((30, 40)).astype(np.float32) + 0.3
    visual[5:8] = visual[4]
    truth = np.arange(60) % 30
    text = visual[truth] + rng.standard_normal((60, 40)).astype(np.float32)
    text[1] = text[0]
    path = npz(text_40=text, video_40=visual, text_16=None, video_16=None, ground_truth=truth)
    root = tmp_path / "w"
    cmr("ingest", "npz", path, "-w", root, "--dataset", "d")
    cmr("evaluate", "-w", root, "--dims", "40", "--precisions", "fp32", "--protocols", "full",
        "--hits", "4")  # fmt: skip
    return root, text, visual


def test_duplicates(vectors):
    found = rows(connect(str(vectors[0])), "from duplicates")
    assert [(row["modality"], row["items"], row["item_ids"]) for row in found] == [
        ("visual", 4, ["4", "5", "6", "7"]),
        ("text", 2, ["0", "1"]),
    ]


def test_modality_gap(vectors):
    root, text, visual = vectors
    t, v = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (text, visual))
    t, v = t.astype(float).mean(0), v.astype(float).mean(0)
    (row,) = rows(connect(str(root)), "from modality_gap")
    assert (row["texts"], row["visuals"]) == (60, 30)
    assert row["gap"] == pytest.approx(np.linalg.norm(t - v), abs=1e-6)
    assert row["cosine"] == pytest.approx(t @ v / np.linalg.norm(t) / np.linalg.norm(v), abs=1e-6)
    assert row["text_length"] == pytest.approx(np.linalg.norm(t), abs=1e-6)


@pytest.mark.usefixtures("no_answer")
def test_hubs(cmr, npz, tmp_path):
    """A visual in the middle of everything stands in every top list."""
    rng = np.random.default_rng(1)
    visual = rng.standard_normal((200, 40)).astype(np.float32)
    text = visual[np.arange(100)] + rng.standard_normal((100, 40)).astype(np.float32)
    visual[150] = text.mean(0) * 20
    text += 0.7 * text.mean(0) * 20
    path = npz(
        text_40=text, video_40=visual, text_16=None, video_16=None, ground_truth=np.arange(100)
    )
    root = tmp_path / "w"
    cmr("ingest", "npz", path, "-w", root, "--dataset", "d")
    cmr("evaluate", "-w", root, "--dims", "40", "--precisions", "fp32", "--protocols", "full",
        "--directions", "t2v", "--hits", "5")  # fmt: skip
    con = connect(str(root))
    top = rows(con, "from hubs")[0]
    assert (top["item_id"], top["relevant_lists"]) == ("150", 0)
    lists = con.execute("select count(*) from hits where item_id = '150'").fetchone()[0]
    assert top["lists"] == lists > 50
    assert top["expected_lists"] == pytest.approx(100 * 5 / 200)
    assert top["times"] == pytest.approx(lists / 2.5)
