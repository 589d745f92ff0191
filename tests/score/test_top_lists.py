"""The best cells of every row, kept tile by tile, are those of a full sort."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.represent.precisions import encode
from cmr.score.blocks import Held
from cmr.score.cpu.best_cells import keep_best
from cmr.score.planning import make_plan
from cmr.score.top_lists import top_hits
from tests.score.test_screen import unit


def sorted_whole(scores, depth):
    """Ordinals and scores, best first, equal ones by ordinal."""
    places = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    order = np.lexsort((places, -scores), axis=1)[:, :depth]
    return order, np.take_along_axis(scores, order, axis=1)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 70),
    depth=st.integers(1, 70),
    tile=st.integers(1, 40),
    levels=st.sampled_from([1, 3, 1000]),
    kind=st.sampled_from([np.float32, np.float64, np.int32]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_tiles(rows, columns, depth, tile, levels, kind, seed):
    """Few levels are many ties, of which the first count."""
    depth = min(depth, columns)
    scores = np.random.default_rng(seed).integers(-levels, levels, (rows, columns)).astype(kind)
    best, where = np.full((rows, depth), -np.inf), np.full((rows, depth), -1)
    for first in range(0, columns, tile):
        keep_best(scores[:, first : first + tile], first, best, where)
    order = np.lexsort((where, -best), axis=1)
    expected, values = sorted_whole(scores.astype(np.float64), depth)
    np.testing.assert_array_equal(np.take_along_axis(where, order, axis=1), expected)
    np.testing.assert_array_equal(np.take_along_axis(best, order, axis=1), values)


@pytest.mark.parametrize(
    "cut", [{}, {"tile_rows": 20, "tile_columns": 32, "text_rows": 50, "visual_rows": 70}]
)
def test_lists_of_codes_with_ties(cut):
    """int8 codes of few values, scaled: the product in int64 is exact; in tiles, too."""
    rng = np.random.default_rng(1)
    sides = [encode(unit(rng.integers(-1, 2, (n, 8)) + 0.01), "int8") for n in (90, 130)]
    queries, items = map(Held, sides)
    plan = dataclasses.replace(make_plan("int8", 8, 90, 130, "cpu"), **cut)
    found, scores = top_hits(queries, items, 12, plan)
    codes, scales = zip(*((side.data.view(np.int8), side.scales) for side in sides), strict=True)
    exact = codes[0].astype(np.int64) @ codes[1].astype(np.int64).T
    values = exact.astype(np.float64) * scales[1] * scales[0][:, None]
    expected, best = sorted_whole(values, 12)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scores, best)
