"""Kept measures are the views' own, follow the runs, and are never needed."""

from __future__ import annotations

import os

import numpy as np
import pytest

from cmr import materialised
from cmr.materialised import open_for
from cmr.views import connect
from cmr.warehouse.schemas import RANKS, RUNS
from tests import warehouses

ALL = "from {} order by all"


@pytest.fixture
def warehouse(tmp_path):
    rng = np.random.default_rng(5)
    relevance = np.eye(12, 9, dtype=int)
    relevance[9:, 0] = 1
    made = warehouses.new(tmp_path / "w")
    warehouses.add_dataset(made, "d", relevance)
    pools = {(5, 0): (rng.random(relevance.shape) < 0.4) | (relevance > 0)}
    for name, precision in (("a", "fp32"), ("b", "int8")):
        scores = rng.normal(size=relevance.shape)
        warehouses.add_run(made, name, "d", scores, relevance, pools=pools, precision=precision)
    return made


def kept(warehouse):
    return warehouse.storage.listing("metrics")


def rounded(rows):
    """Threads add in any order, so the last digits differ from time to time."""
    return [tuple(round(x, 9) if isinstance(x, float) else x for x in row) for row in rows]


def live(warehouse, view):
    return rounded(connect(warehouse.root).execute(ALL.format(view)).fetchall())


def read(warehouse, view, **more):
    con = open_for(warehouse, f"from {view}", **more)
    return rounded(con.execute(ALL.format(view)).fetchall())


@pytest.mark.slow
@pytest.mark.parametrize("view", ["metrics", "retention", "leaderboard", "tradeoffs"])
def test_the_same_as_the_view(warehouse, view):
    expected = live(warehouse, view)
    assert expected
    assert read(warehouse, view) == expected
    files = kept(warehouse)
    # Retention depends on the baseline of the moment, and is not kept.
    assert bool(files) == (view in ("metrics", "leaderboard"))
    assert read(warehouse, view) == expected
    assert kept(warehouse) == files


@pytest.mark.slow
def test_files_are_read(warehouse, monkeypatch):
    """The second time nothing is computed."""
    first = read(warehouse, "leaderboard")
    monkeypatch.setattr(materialised, "_compute", None)
    assert read(warehouse, "leaderboard") == first


@pytest.mark.slow
def test_other_ranks_count(warehouse):
    """Kept measures are of the ranks that the row names now, not of those before."""
    before = read(warehouse, "metrics")
    row = warehouse.find(RUNS, "a")
    (path,) = [name for name in row["files"] if name.startswith("ranks/")]
    table = warehouse.storage.read(path)
    ranks = table.to_pylist()
    ranks[0]["above"] = 8 - ranks[0]["above"] if ranks[0]["above"] != 4 else 0
    new = warehouse.write(RANKS, {"run_id": "a"}, [table.from_pylist(ranks, schema=table.schema)])
    files = [new if name == path else name for name in row["files"]]
    warehouse.commit(RUNS, "a", {**row, "files": files})
    after = read(warehouse, "metrics")
    assert after == live(warehouse, "metrics") != before


@pytest.mark.slow
def test_only_some_runs(warehouse):
    found = read(warehouse, "metrics", run_ids=["b"])
    assert found == [row for row in live(warehouse, "metrics") if row[0] == "b"]
    assert [name for name in kept(warehouse) if "run_id=a/" in name] == []


@pytest.mark.slow
def test_new_questions_are_computed(warehouse):
    before = read(warehouse, "metrics")
    row = warehouse.find(RUNS, "a")
    warehouse.commit(RUNS, "a", {**row, "ks": [3, 10]})
    after = read(warehouse, "metrics")
    assert after == live(warehouse, "metrics") != before
    assert len([name for name in kept(warehouse) if "run_id=a/" in name]) == 1


@pytest.mark.slow
def test_a_run_that_went_is_gone(warehouse):
    read(warehouse, "metrics")
    warehouse.storage.delete("runs/b.parquet")
    assert {row[0] for row in read(warehouse, "metrics")} == {"a"}


@pytest.mark.slow
def test_a_damaged_file_is_made_again(warehouse):
    expected = read(warehouse, "metrics")
    for name in kept(warehouse):
        warehouse.storage.write_bytes(name, b"no parquet")
    assert read(warehouse, "metrics") == expected


@pytest.mark.slow
def test_a_warehouse_one_may_only_read(warehouse):
    expected = live(warehouse, "leaderboard")
    os.chmod(warehouse.root, 0o555)
    try:
        assert read(warehouse, "leaderboard") == expected
        assert kept(warehouse) == []
    finally:
        os.chmod(warehouse.root, 0o755)


@pytest.mark.slow
def test_retention_is_held_against_a_run_that_was_kept_before(tmp_path):
    """A later command's runs against an earlier command's baseline, as the view itself says."""
    rng = np.random.default_rng(8)
    relevance = np.zeros((12, 9), dtype=int)
    relevance[np.arange(12), np.arange(12) % 9] = 1
    warehouse = warehouses.new(tmp_path)
    warehouses.add_dataset(warehouse, "d", relevance)
    for run_id, precision in (("f", "fp32"), ("b", "b1")):
        scores = rng.random(relevance.shape) + relevance * (precision == "fp32")
        warehouses.add_run(warehouse, run_id, "d", scores, relevance, precision=precision)
        open_for(warehouse, "from retention", [run_id])
    # Sums of floats depend on their order in the last digits.
    query = "select run_id, measure, k, baseline, round(retention, 12) from retention order by all"
    kept = open_for(warehouse, "from retention").execute(query).fetchall()
    assert kept == connect(warehouse.root).execute(query).fetchall()
    assert {row[3] for row in kept} == {"f"}
    assert min(row[4] for row in kept) < 0.9
