"""Figures that the order of an addition does not change."""

from __future__ import annotations

import math

import pytest

from cmr.decimals import fixed, percent


@pytest.mark.parametrize("part", range(1, 160))
def test_a_share_of_few_queries_reads_the_same_whatever_its_last_digit(part):
    """137 of 160 lies halfway between two roundings."""
    share = part / 160
    for near in (math.nextafter(share, 0), math.nextafter(share, 1), share * (1 + 3e-15)):
        assert fixed(near) == fixed(share)
        assert percent(near) == percent(share)


def test_how_they_read():
    assert fixed(-0.5, 2) == "-0.50"
    assert fixed(0.5, 1, "+") == "+0.5"
    assert fixed(float("nan")) == "nan"
    assert percent(0.99704, 2) == "99.70%"
