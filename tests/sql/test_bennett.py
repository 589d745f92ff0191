"""The bound that doctor holds drawn pools against: never less than the odds, and not much more."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cmr.views import connect
from tests import warehouses


def distribution(*odds):
    """P(S = 0), P(S = 1), … of a sum of independent variables with these distributions."""
    total = np.ones(1)
    for one in odds:
        total = np.convolve(total, one)
    return total


def pool(all_, before, drawn):
    """How many of `before` items a pool of `drawn` out of `all_` holds."""
    ways = math.comb(all_, drawn)
    return np.array(
        [
            math.comb(before, x) * math.comb(all_ - before, drawn - x) / ways
            for x in range(min(before, drawn) + 1)
        ]
    )


RNG = np.random.default_rng(4)
# Queries that hit or miss: nearly all hit, hardly any, all alike, all kinds, few. Counts in pools.
CASES = {
    "saturated": [np.array([p, 1 - p]) for p in RNG.uniform(0, 0.0032, 1_000)],
    "rare": [np.array([1 - p, p]) for p in RNG.exponential(1e-4, 2_000)],
    "even": [np.array([0.5, 0.5])] * 1_000,
    "mixed": [np.array([1 - p, p]) for p in RNG.beta(0.2, 0.4, 3_000)],
    "few": [np.array([1 - p, p]) for p in RNG.random(5)],
    "pools": [pool(99, int(before), 30) for before in RNG.geometric(0.05, 300) % 60],
    "whole": [pool(40, int(before), 38) for before in RNG.integers(0, 40, 50)],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_false_alarms(tmp_path, name):
    """The exact odds of an alarm at every level, by adding up all outcomes that raise one."""
    odds = CASES[name]
    exact = distribution(*odds)
    places = [np.arange(len(one)) for one in odds]
    means = [one @ x for one, x in zip(odds, places, strict=True)]
    variance = sum(one @ (x - mean) ** 2 for one, x, mean in zip(odds, places, means, strict=True))
    con = connect(warehouses.new(tmp_path).root)
    off = np.arange(len(exact)) - sum(means)
    rows = con.execute(
        "select bennett(unnest(?::double[]), ?)", [off.tolist(), float(variance)]
    ).fetchall()
    bound = np.array(rows).ravel()
    for level in (0.1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10):
        assert exact[bound < level].sum() <= level
    # Seven standard deviations and two events off are seen.
    assert (bound[np.abs(off) > 7 * variance**0.5 + 12] < 1e-6).all()


def test_no_miss_where_1_59_are_expected(tmp_path):
    """One sound warehouse in five has none; by the spread of the differences it is 31 off."""
    con = connect(warehouses.new(tmp_path).root)
    (odds,) = con.execute("select bennett(1.59, 1.59 * (1 - 0.00159))").fetchone()
    assert odds > 0.2
