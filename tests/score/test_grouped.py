"""Visuals ranked by the best of their captions, against the whole matrix of scores."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.precision import ALONE, INTEGER
from cmr.represent.precisions import encode
from cmr.represent.unit_vectors import normalise as normalised
from cmr.score.blocks import Held
from cmr.score.grouped_counts import score_grouped
from cmr.score.groups import by_visual
from cmr.score.judgments import judge
from cmr.score.planning import make_plan
from cmr.score.pools import Pools, draw_pools
from tests.reference import counts, grouped
from tests.score.test_engine import DEVICES


def normalise(vectors):
    return normalised(vectors, range(len(vectors)), "item")


def case(rng, texts, visuals, dim, duplicates=True):
    """Vectors with repeated rows, and the visual of each text, -1 for none."""
    a = rng.standard_normal((texts, dim)).astype(np.float32)
    b = rng.standard_normal((visuals, dim)).astype(np.float32)
    for side in (a, b):
        if duplicates and len(side) > 1:
            side[rng.integers(0, len(side), len(side) // 2)] = side[0]
    return a, b, rng.integers(-1, visuals, texts)


def judged_of(owner, visuals):
    text = np.flatnonzero(owner >= 0)
    return by_visual(judge(owner[text], text, visuals, len(owner)))


def check(rng, sizes, precision, device, rows=None, pools=None):
    texts, visuals, dim = sizes
    a, b, owner = case(rng, texts, visuals, dim)
    owner[0] = 0
    judged = judged_of(owner, visuals)
    sides = [encode(normalise(one), precision) for one in (a, b)]
    plan = make_plan(precision, dim, texts, visuals, device, largest_pool=pools or 0, draws=2)
    if rows:
        plan = dataclasses.replace(
            plan, tile_rows=rows, tile_columns=rows + 1, text_rows=2 * rows, visual_rows=3 * rows
        )
    drawn = Pools(sorted({1, (pools + 1) // 2, pools}), 2, 7) if pools else None
    found = score_grouped(Held(sides[0]), Held(sides[1]), judged, drawn, plan)
    mine = owner >= 0
    scores = counts.scores(*sides)[mine]
    wanted = grouped.count(scores, owner[mine], precision in INTEGER)
    assert np.array_equal(np.stack([found.above, found.tied], axis=1), wanted)
    assert not found.relevants_above.any()
    assert not found.relevants_tied.any()
    best = grouped.by_video(scores, owner[mine])
    there = np.unique(owner[mine])
    assert np.array_equal(found.judged.query, there)
    np.testing.assert_allclose(found.scores, best[there, there], rtol=1e-6, atol=1e-6)
    if drawn:
        full = best[np.ix_(there, there)]
        for draw in range(2):
            pool = draw_pools(judged, 0, visuals, pools, draw, "v2t", 7)
            for place, size in enumerate(drawn.sizes):
                members = np.zeros(full.shape, dtype=bool)
                for row, query in enumerate(there):
                    members[row, pool.members[query][pool.places[query] < size - 1]] = True
                exact = counts.count(
                    full, np.eye(len(there), dtype=bool), precision in INTEGER, members
                )
                assert np.array_equal(found.sampled_above[draw, place], exact[:, 0])
                assert np.array_equal(found.sampled_tied[draw, place], exact[:, 1])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ALONE)
def test_every_precision(precision, device):
    check(np.random.default_rng(1), (150, 40, 32), precision, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["fp32", "int8", "b1"])
def test_blocks_and_pools(precision, device):
    """Captions of a visual lie in several blocks; pools are the ones that are drawn for v2t."""
    check(np.random.default_rng(2), (90, 25, 24), precision, device, rows=7, pools=20)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 2**31), st.integers(1, 60), st.integers(1, 20),
    st.sampled_from(["fp32", "int8", "int4", "b1"]), st.integers(1, 9),
)  # fmt: skip
def test_any_shape(seed, texts, visuals, precision, rows):
    check(np.random.default_rng(seed), (texts, visuals, 16), precision, "cpu", rows)


def test_scores_in_doubt_are_settled():
    """Captions closer to a threshold than float32 tells, on both sides of the tolerance."""
    rng = np.random.default_rng(3)
    visual = normalise(rng.standard_normal((6, 512)).astype(np.float32))
    steps = np.linspace(-3e-6, 3e-6, 41)
    texts, owner = [], []
    for number, step in enumerate(steps):
        texts.append((0.5 + step) * visual[0] + 0.5 * visual[1 + number % 5])
        owner.append(number % 6)
    sides = [encode(normalise(np.array(one, dtype=np.float32)), "fp32") for one in (texts, visual)]
    owner = np.array(owner)
    judged = judged_of(owner, 6)
    found = score_grouped(*map(Held, sides), judged, None, make_plan("fp32", 512, 41, 6))
    wanted = grouped.count(counts.scores(*sides), owner, False)
    assert np.array_equal(np.stack([found.above, found.tied], axis=1), wanted)


def test_only_some_queries():
    """A fold's queries are ranked among all visuals."""
    rng = np.random.default_rng(4)
    a, b, owner = case(rng, 80, 20, 16, duplicates=False)
    judged = judged_of(owner, 20)
    sides = [encode(normalise(one), "fp32") for one in (a, b)]
    plan = make_plan("fp32", 16, 80, 20)
    whole = score_grouped(*map(Held, sides), judged, None, plan)
    queries = np.array([2, 3, 5, 11, 19])
    some = Held(encode(normalise(b)[queries], "fp32"))
    part = score_grouped(Held(sides[0]), some, judged.part(queries), None, plan)
    mine = np.isin(whole.judged.query, queries)
    assert np.array_equal(part.above, whole.above[mine])
    assert np.array_equal(part.judged.gallery, judged.gallery)


def test_a_caption_of_two_visuals_is_refused():
    with pytest.raises(ValueError, match="1"):
        by_visual(judge(np.array([0, 0, 1]), np.array([0, 1, 1]), 2, 2))
