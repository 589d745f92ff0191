"""Shares as tables show them: with both ends of an interval that is not as far to either side."""

import itertools

import pytest

from cmr.report.named import estimate, search
from cmr.views import connect
from tests import warehouses


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (0.84333, 0.77461, 0.87904, "0.8433 [.775, .879]"),
        (1.0, 0.93739, 1.0, "1.0000 [.937, 1.00]"),
        (0.0, 0.0, 0.0601, "0.0000 [.000, .060]"),
        (0.5, None, None, "0.5000"),
    ],
)
def test_estimate(value, low, high, shown):
    assert estimate(value, low, high) == shown


def test_a_search_is_worded_as_in_sql(tmp_path):
    con = connect(warehouses.new(tmp_path).root)
    asked = "select search_words($options, $m, $add, $search, $rescore, $times)"
    engine = (None, "m 32 ef 16")
    settings = itertools.product(engine, (None, 16), (None, 64), (None, "fp32"))
    for options, m, ef, rescore in settings:
        if options and m:
            continue
        add, times = m and 128, rescore and 4
        values = {
            "options": options,
            "m": m,
            "add": add,
            "search": ef,
            "rescore": rescore,
            "times": times,
        }
        row = {
            "scorer": "",
            "scorer_options": options,
            "connectivity": m,
            "expansion_add": add,
            "expansion_search": ef,
            "rescore": rescore,
            "oversample": times,
        }
        words = ", ".join(one.strip() for one in search(row) if one)
        assert con.execute(asked, values).fetchone()[0] == (words or None)
