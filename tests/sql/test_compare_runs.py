"""`compare_runs` says of every pair what `compare` says, corrected for all of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cmr.views import connect
from tests import warehouses

SAME = ("value_a", "value_b", "difference", "ci_low", "ci_high", "p", "wins", "losses", "ties",
        "queries", "clusters")  # fmt: skip


@pytest.fixture(scope="module")
def con(tmp_path_factory):
    """Three runs of texts and one of visuals, of 40 texts and 12 visuals."""
    rng = np.random.default_rng(3)
    relevance = np.zeros((40, 12), dtype=int)
    relevance[np.arange(40), np.arange(40) % 12] = 1
    warehouse = warehouses.new(tmp_path_factory.mktemp("w"))
    warehouses.add_dataset(warehouse, "d", relevance)
    base = rng.normal(size=relevance.shape) + relevance
    for name, noise in (("aa", 0.0), ("bb", 0.5), ("cc", 3.0)):
        scores = np.round(base + noise * rng.normal(size=base.shape), 1)
        warehouses.add_run(warehouse, f"{name}11", "d", scores, relevance)
    warehouses.add_run(warehouse, "vv11", "d", base, relevance, "v2t")
    return connect(warehouse.root)


@pytest.mark.slow
@pytest.mark.parametrize(("measure", "k"), [("recall", 5), ("mrr", None), ("mean_rank", None)])
def test_every_pair_as_compare_says_it(con, measure, k):
    call = f"compare_runs(['bb', 'aa', 'cc', 'vv'], measure_name := '{measure}', cut := {k or 10})"
    rows = con.execute(f"from {call}").to_arrow_table().to_pylist()
    pairs = [("bb11", "aa11"), ("bb11", "cc11"), ("aa11", "cc11")]
    assert [(row["run_a"], row["run_b"]) for row in rows] == pairs
    for row in rows:
        alone = con.execute(
            f"from compare('{row['run_a']}', '{row['run_b']}') where measure = '{measure}' "
            f"and k is not distinct from {k or 'null'}"
        ).to_arrow_table().to_pylist()  # fmt: skip
        for name in SAME:
            assert row[name] == pytest.approx(alone[0][name], abs=1e-12), name
        assert row["representation_a"] == "8 native fp32"
    ordered = sorted(rows, key=lambda row: row["p"])
    corrected = itertools.accumulate(
        (min(1.0, (3 - place) * row["p"]) for place, row in enumerate(ordered)), max
    )
    assert [row["p_holm"] for row in ordered] == pytest.approx(list(corrected))
    assert any(row["p_holm"] < 1 for row in rows)


def test_a_run_that_two_beginnings_fit_is_one_run(con):
    """Its place is that of the first of them."""
    rows = con.execute("select run_a, run_b from compare_runs(['b', 'bb', 'aa', 'a'])").fetchall()
    assert rows == [("bb11", "aa11")]
