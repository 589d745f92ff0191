"""Which pool sizes a run's row was asked for, where an earlier version recorded more."""

import pytest

from cmr.warehouse.current import expected_sizes

RUN = {"protocols": ["expected", "sampled"], "gallery": 300, "expected_candidates": None}


@pytest.mark.parametrize(
    ("more", "sizes"),
    [
        # The defaults of a command that asked for none, of which no pool was drawn.
        ({"candidates": [10, 50, 100, 200, 500], "sampled_candidates": [10, 50]}, [10, 50]),
        ({"candidates": [100, 200, 500], "sampled_candidates": [100, 200]}, [100, 200]),
        # Asked for with expected alone: no default, or nothing was drawn, or it was this version.
        ({"candidates": [10, 250], "sampled_candidates": [10]}, [10, 250]),
        ({"candidates": [100, 200], "sampled_candidates": []}, [100, 200]),
        ({"expected_candidates": [100], "candidates": [100], "sampled_candidates": [10]}, [100]),
        ({"candidates": [10], "sampled_candidates": [10], "protocols": ["full"]}, []),
    ],
)
def test_expected_sizes(more, sizes):
    assert expected_sizes({**RUN, **more}) == sizes
