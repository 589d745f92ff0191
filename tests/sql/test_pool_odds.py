"""Hypergeometric probabilities, against exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import duckdb
import numpy as np
import pytest

from cmr.sqlfiles import views

# What each of them calls comes first.
NAMES = (
    "stirling_rest",
    "margin_rest",
    "odds_within",
    "pool_odds",
    "none_of",
    "miss_odds",
    "choose_ratio",
)


@pytest.fixture(scope="module")
def con():
    made = duckdb.connect()
    macros = {view.name: view.query for view in views("macros")}
    for name in NAMES:
        made.execute(f"create macro {macros[name]}")
    return made


def cases():
    """Populations, given and drawn items, and how many of the drawn are given: every edge, too."""
    rng = np.random.default_rng(0)
    for m in (1, 2, 3, 7):
        for b in range(m + 1):
            for n in range(m + 1):
                yield from ((m, b, n, x) for x in range(-1, m + 2))
    for m in (59, 60, 61, 1000, 31_234):
        for _ in range(20):
            b, n = (int(rng.integers(0, min(m, most) + 1)) for most in (m, 1000))
            mean = b * n / m
            near = {0, n, b, round(mean), round(mean + 3 * mean**0.5 * rng.standard_normal())}
            yield from ((m, b, n, x) for x in near)
    yield from ((10**6, 10**6 - 1000, 400, 399), (10**6, 3, 10**6 - 5, 3), (10**8, 50, 60, 0))


def ratio(over, under):
    return Fraction(over, under) if under else Fraction(0)


def test_against_exact_fractions(con):
    rows = list(cases())
    con.execute("create or replace temp table t (i int, m bigint, b bigint, n bigint, x bigint)")
    con.executemany("insert into t values (?, ?, ?, ?, ?)", [(i, *r) for i, r in enumerate(rows)])
    found = con.execute(
        "select pool_odds(m, b, n, x, x - b * n / m), miss_odds(m, b, n), choose_ratio(m - b, m, n)"
        " from t order by i"
    ).fetchall()
    for (m, b, n, x), (odds, missed, chosen) in zip(rows, found, strict=True):
        inside = 0 <= x <= min(b, n) and n - x <= m - b
        exact = ratio(comb(b, x) * comb(m - b, n - x) if inside else 0, comb(m, n))
        none = ratio(comb(m - b, n), comb(m, n))
        for got, wanted in ((odds, exact), (missed, none), (chosen, none)):
            assert abs(got - float(wanted)) <= 1e-13, (m, b, n, x)
            assert got == pytest.approx(float(wanted), rel=1e-9, abs=1e-300), (m, b, n, x)
        if not inside:
            assert odds == 0
        if n == 0 or b == 0:
            assert missed == chosen == 1
