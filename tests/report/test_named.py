"""Shares as tables show them: with both ends of an interval that is not as far to either side."""

import pytest

from cmr.report.named import estimate


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
