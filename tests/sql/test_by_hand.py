"""The values that docs/sql.md computes by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cmr.views import connect
from tests import warehouses


@pytest.mark.slow
def test_the_page_computes_what_the_views_do(tmp_path):
    relevance = np.zeros((1, 10), dtype=int)
    relevance[0, [2, 3]] = 1
    scores = np.array([[9.0, 8, 7, 5, 5, 5, 5, 1, 1, 1]])
    made = warehouses.new(tmp_path)
    warehouses.add_dataset(made, "d", relevance)
    warehouses.add_run(made, "r", "d", scores, relevance)
    con = connect(made.root)
    counts = con.execute(
        "select above, tied, relevants_above, relevants_tied from ranks order by all"
    ).fetchall()
    assert counts == [(2, 0, 0, 0), (2, 3, 1, 0)]
    by_hand = {
        ("recall", 5): 0.75,
        ("mrr", None): 1 / 3,
        ("ndcg", 5): (1 / math.log2(4) + (1 / math.log2(5) + 1 / math.log2(6)) / 4)
        / (1 + 1 / math.log2(3)),
        ("map", None): (1 / 3 + 2 * (1 / 4 + 1 / 5 + 1 / 6 + 1 / 7) / 4) / 2,
    }
    found = {
        (name, k): value
        for name, k, value in con.execute("select measure, k, value from per_query").fetchall()
    }
    for key, value in by_hand.items():
        assert found[key] == pytest.approx(value, abs=1e-12), key
    chance = con.execute(
        "select chance, lift from metrics where measure = 'recall' and k = 5"
    ).fetchall()
    assert chance == [(pytest.approx(0.5), pytest.approx(1.5))]
