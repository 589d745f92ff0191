"""What is sure of many to choose from, and what would not be seen, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from bench.choice import SETTINGS, drawn, lower_end
from cmr.views import connect
from tests import warehouses
from tests.reference import intervals

pytestmark = pytest.mark.slow

ITEMS, RIVALS, GALLERY = 60, 5, 60


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    """One baseline and some that find less, with the hits at 10 of each."""
    rng = np.random.default_rng(0)
    relevance = np.eye(ITEMS, dtype=int)
    warehouse = warehouses.new(tmp_path_factory.mktemp("w"))
    warehouses.add_dataset(warehouse, "d", relevance)
    found = {}
    fine = 2.0 * relevance + rng.normal(size=relevance.shape)
    for number in range(RIVALS + 1):
        scores = fine + 0.25 * number * rng.normal(size=relevance.shape)
        more = {"precision": "int8", "vector_bytes": 8, "seed": number} if number else {}
        warehouses.add_run(warehouse, f"r{number}", "d", scores, relevance, **more)
        above = (scores > np.diag(scores)[:, None]).sum(axis=1)
        found[f"r{number}"] = (above < 10).astype(float)
    return warehouse, found


def test_lower_ends_hold_together(chosen):
    warehouse, hits = chosen
    rows = connect(warehouse.root).execute(
        "select run_id, looks, sure_low, ci_low, unseen from retention "
        "where measure = 'hit_rate' and k = 10"
    ).fetchall()  # fmt: skip
    assert len(rows) == RIVALS + 1
    groups = np.arange(ITEMS)
    for run, looks, sure, low, unseen in rows:
        assert looks == RIVALS
        x, y = hits[run], hits["r0"]
        assert sure == pytest.approx(intervals.sure(x, y, groups, RIVALS), abs=2e-4)
        assert low == pytest.approx(intervals.kept(x, y, groups)[0], abs=2e-6)
        assert sure < low
        assert sure == pytest.approx(lower_end(x[None], y, RIVALS)[0], abs=2e-4)
        assert unseen == pytest.approx(intervals.unseen(x - y, groups), abs=2e-6)


def test_recommend_takes_them(chosen):
    warehouse, _ = chosen
    con = connect(warehouse.root)
    kept = con.execute(
        "select sure_low, ci_low from retention "
        "where run_id = 'r1' and measure = 'hit_rate' and k = 10"
    ).fetchone()
    for retain, is_sure in ((kept[0] - 1e-6, True), ((kept[0] + kept[1]) / 2, False)):
        (row,) = con.execute(
            "select run_id, looks from recommend(retain := ?) "
            "where measure = 'hit_rate' and k = 10",
            [retain],
        ).fetchall()
        assert (row[0] not in ("r0", None)) == is_sure
        assert row[1] == RIVALS


def test_what_is_unseen_is_seen_in_four_of_five():
    """Samples of a true difference of that size: how often the interval excludes 0."""
    rng = np.random.default_rng(1)
    groups = np.arange(400)
    seen = []
    for _ in range(150):
        a = rng.random(400) < 0.6
        b = np.where(a, rng.random(400) < 0.95, rng.random(400) < 0.05)
        size = intervals.unseen(b.astype(float) - a, groups)
        lost = rng.random(400) < size / 0.6
        low, high, _ = intervals.difference(np.where(a & lost, 0, b) - a.astype(float), groups)
        seen.append(high < 0 or low > 0)
    assert 0.65 < np.mean(seen) < 0.93


def test_simulation_of_the_choice():
    """On their own the worst candidates are recommended often, together hardly ever."""
    rng = np.random.default_rng(2)
    truth = SETTINGS["edge"](9)
    wrong = {1: 0, 9: 0}
    for _ in range(300):
        x, y = drawn(rng, truth, 1000, False)
        for looks in wrong:
            wrong[looks] += bool((lower_end(x, y, looks) >= 0.99).any())
    assert wrong[1] > 300 * 0.12
    assert wrong[9] < 300 * 0.06
