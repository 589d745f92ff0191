"""A mistake in a file of `sql/` is told of that file, not of those that wait for it."""

from __future__ import annotations

import duckdb
import pytest

from cmr import prepared
from cmr.errors import CmrError
from cmr.sqlfiles import View


def view(name, query):
    return View("marts", name, query, "", {}, False)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("select total + 'x'::date as value from low", "middle: Binder Error: "),
        ("select no_such(total) as value from low", "middle: Catalog Error: .*no_such"),
        ("select value from nowhere", "middle: Catalog Error: .*nowhere"),
        ("select value from low", "middle: Binder Error: .*value"),
    ],
)
def test_the_view_that_is_wrong_is_named(monkeypatch, wrong, said):
    shown = (
        view("above", "select value from high"),
        view("high", "select value from middle"),
        view("middle", wrong),
        view("low", "select 1.5 as total"),
    )
    monkeypatch.setattr(prepared, "views", lambda: shown)
    monkeypatch.setattr(prepared, "glossary", dict)
    with duckdb.connect() as con, pytest.raises(CmrError, match=said):
        prepared.install(con)
