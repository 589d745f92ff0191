"""How a page draws dimensions and precisions."""

from __future__ import annotations

from cmr.precision import PRECISIONS
from cmr.report.page.palette import looks


def test_looks_stand_in_the_same_order_in_every_process():
    """That of precisions, not of a set's hashes: a page is the same for the same warehouse."""
    runs = [{"dim": 8, "dim_method": "native", "precision": name} for name in PRECISIONS[::-1]]
    assert [*looks(runs)] == ["8 native", *PRECISIONS]
