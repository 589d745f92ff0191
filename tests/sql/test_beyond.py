"""`growth_beyond` against its reference, where queries have several relevant items and ties."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cmr.answers import fetch
from cmr.materialised import open_for
from tests import warehouses
from tests.reference import beyond

pytestmark = pytest.mark.slow

QUERIES, GALLERY, KS = 36, 1200, [1, 3, 10]


def judged(rng):
    """Scores with one to four relevant items a query, and small ties of every kind."""
    relevant = np.zeros((QUERIES, GALLERY), dtype=bool)
    scores = rng.standard_normal((QUERIES, GALLERY)).round(9)
    for query in range(QUERIES):
        items = rng.choice(60, 1 + query % 4, replace=False)
        relevant[query, items] = True
        scores[query, items] += 2.6
        best = scores[query, items[0]]
        others = np.flatnonzero(~relevant[query])
        # Two competitors tie with the first, or with it and another relevant item.
        if query % 3:
            scores[query, others[: query % 3]] = best
        if query % 5 == 1 and len(items) > 1:
            scores[query, items[1]] = best
    return scores, relevant


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What the view says, by measure, K and candidates, and the scores."""
    scores, relevant = judged(np.random.default_rng(11))
    warehouse = warehouses.new(tmp_path_factory.mktemp("beyond") / "w")
    # All after the first 60 are distractors.
    made = {"distractors": {"visual": GALLERY - 60}}
    warehouses.add_dataset(warehouse, "d", relevant.astype(int), settings=json.dumps(made))
    warehouses.add_run(warehouse, "r", "d", scores, relevant.astype(int), ks=KS)
    con = open_for(warehouse, "from growth_beyond, metrics")
    rows = fetch(con, "from growth_beyond").to_pylist()
    whole = fetch(con, "from metrics where protocol = 'full'").to_pylist()
    return rows, whole, scores, relevant


def test_against_the_reference(both):
    rows, _, scores, relevant = both
    assert {row["measure"] for row in rows} == {"recall", "hit_rate", "precision"}
    assert {(row["k"], row["candidates"]) for row in rows} == {
        (3, 2000), (10, 2000), (10, 5000), (10, 10_000)
    }  # fmt: skip
    for row in rows:
        expected = beyond.beyond(scores, relevant, row["candidates"], row["k"])[row["measure"]]
        assert row["value"] == pytest.approx(expected, abs=2e-4), row
        assert row["value"] > 0.02


def test_it_goes_on_where_the_gallery_ends(both):
    """With no further candidates, the reference has the measured figures, in every tie order."""
    _, whole, scores, relevant = both
    measured = {(row["measure"], row["k"]): row["value"] for row in whole}
    for k in KS:
        for measure, value in beyond.beyond(scores, relevant, GALLERY, k).items():
            assert value == pytest.approx(measured[measure, k], abs=1e-9), (measure, k)


def test_chance(both):
    """A random ranking's: K / C, 1 - C(C - R, K) / C(C, K) over queries of R, and R / C."""
    rows, _, _, relevant = both
    many = relevant.sum(axis=1)
    for row in rows:
        size, k = row["candidates"], row["k"]
        missed = [np.prod([(size - r - i) / (size - i) for i in range(k)]) for r in many]
        expected = {
            "recall": k / size, "hit_rate": 1 - np.mean(missed), "precision": many.mean() / size
        }[row["measure"]]  # fmt: skip
        assert row["chance"] == pytest.approx(expected, rel=1e-9), row
        assert row["lift"] == pytest.approx(row["value"] / expected)
