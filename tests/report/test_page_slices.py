"""The page's slices: the planted one is the worst, and its name is only text."""

from __future__ import annotations

import html
import re

import pytest

from cmr.materialised import prepare
from cmr.report import page
from cmr.report.findings import VIEWS
from cmr.views import connect
from tests.report.packed_rows import unpacked
from tests.sql.test_slices import plant

NAME = "<b>o'neill</b> & </script>"


def built(warehouse, retain):
    con = connect(warehouse.root)
    prepare(con, warehouse, VIEWS)
    runs = ["fp32-x", "int4-x", "int8-x"]
    return page.build(con, runs, retain=retain).decode()


@pytest.mark.slow
def test_the_planted_slice(tmp_path):
    """With a low share int4 is recommended, which loses only among the cats."""
    warehouse = plant(tmp_path, NAME)[0]
    text = built(warehouse, 0.5)
    rows = unpacked(re.search(r'id="rows-s0-slices-t2v">(.*?)</script>', text)[1])
    assert (rows[0]["name"], rows[0]["slice"]) == ("kind", NAME)
    assert rows[0]["p_holm"] < 0.05
    assert [row["difference"] for row in rows] == sorted(row["difference"] for row in rows)
    # There are 12 owls, too few to be shown.
    assert {row["slice"] for row in rows if row["name"] == "kind"} == {NAME, "dog"}
    assert NAME not in text
    assert f"kind: {html.escape(NAME, quote=False)}" in text.replace("&#39;", "'")
    assert "Rank flips in the worst slice, text to visual" in text


@pytest.mark.slow
def test_nothing_smaller_is_recommended(tmp_path):
    assert "slices-s0" not in built(plant(tmp_path)[0], 1.0)
