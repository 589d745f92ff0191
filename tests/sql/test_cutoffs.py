"""K beyond what there is: the same figures, in the same memory."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cmr.pipeline.request import ALWAYS_KS
from cmr.views import connect
from tests import warehouses


@pytest.fixture
def con(tmp_path):
    """Ties, several relevant items a query, and pools of three sizes."""
    rng = np.random.default_rng(3)
    relevance = np.eye(8, 7, dtype=int)
    relevance[7, 2] = relevance[0, 3] = 1
    made = warehouses.new(tmp_path / "w")
    warehouses.add_dataset(made, "d", relevance)
    scores = rng.integers(0, 3, (8, 7)).astype(float)
    warehouses.add_run(made, "r", "d", scores, relevance)
    return connect(made.root)


def test_cut_offs_that_are_always_there(con):
    """Python says which K a list must reach, SQL which are shown."""
    assert con.execute("select list_sort(cutoffs(null, []))").fetchone()[0] == list(ALWAYS_KS)


@pytest.mark.slow
@pytest.mark.parametrize("size", [3, 7])
def test_k_beyond_the_pool_is_k_at_its_end(con, size):
    con.execute("set memory_limit = '300MB'")
    asked = (
        "select measure, value * case when measure = 'precision' then {k}::double else 1 end "
        f"from metrics_for({size}, {{k}}) order by measure"
    )
    at_the_end = con.execute(asked.format(k=size)).fetchall()
    assert len(at_the_end) == 7
    for k in (size + 1, 2**62):
        found = con.execute(asked.format(k=k)).fetchall()
        for (name, value), (_, expected) in zip(found, at_the_end, strict=True):
            assert value == pytest.approx(expected, rel=1e-12), (name, k)


def test_discounts_beyond_the_table(con):
    """The closed form is the sum, to the last digits, and takes no memory for its length."""
    sums = np.cumsum([1 / math.log2(rank + 1) for rank in range(1, 20_001)])
    found = con.execute("select discount_sum(n) from range(1, 20001) t(n) order by n").fetchnumpy()
    np.testing.assert_allclose(next(iter(found.values())), sums, rtol=1e-13)
    con.execute("set memory_limit = '300MB'")
    (last,) = con.execute(
        "select max(discount_sum(1000000000 + n)) from range(2048) t(n)"
    ).fetchall()
    # ∫ log 2 / log x, by its asymptotic series.
    log = math.log(1_000_002_048)
    series = sum(math.factorial(j) / log**j for j in range(20))
    assert last[0] == pytest.approx(math.log(2) * 1_000_002_048 / log * series, rel=1e-6)
