"""Scores bounded by products of codes: the bounds hold, and the counts are those of float64."""

from __future__ import annotations

import dataclasses

import numba
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.represent.precisions import encode
from cmr.represent.unit_vectors import normalise
from cmr.score import codes, kernels, planning, screen_trial
from cmr.score.blocks import Held
from cmr.score.cpu import screening
from cmr.score.cpu.cell_bounds import screen
from cmr.score.cpu.code_products import HALF_A_DIGIT, multiply, number, rounded_by
from cmr.score.cpu.masks import LANES
from cmr.score.cpu.screen_strips import (
    SPAN,
    TOGETHER,
    CodedTile,
    fill_least,
    least,
    survey_most,
)
from cmr.score.cpu.strip_counts import Place
from cmr.score.exhaustive import pair_values, partial_counts, score
from cmr.score.planning import make_plan
from cmr.score.pools import Pools
from cmr.score.screened import Screened
from tests.reference import counts
from tests.score.test_engine import Shard, check_counts, directions, make_case

pytestmark = pytest.mark.skipif(not kernels.int8_is_exact(), reason="int8 products saturate here")
CODES = ("int8", "bfloat16")


def gaussian(rng, n, dim):
    return rng.standard_normal((n, dim))


def one_hot(rng, n, dim):
    return np.eye(dim)[rng.integers(0, dim, n)] * rng.choice([-1, 1], (n, 1))


def equal(rng, n, dim):
    return np.tile(rng.standard_normal((1, dim)), (n, 1))


def cone(rng, n, dim):
    return rng.standard_normal((n, dim)) * 0.05 + np.linspace(1, 3, dim) / dim**0.5


def near_duplicates(rng, n, dim):
    few = rng.standard_normal((max(1, n // 5), dim))
    return few[rng.integers(0, len(few), n)] + 1e-6 * rng.standard_normal((n, dim))


def heavy_tails(rng, n, dim):
    return rng.standard_cauchy((n, dim))


def denormal(rng, n, dim):
    """One value a vector, and the others too small for a normal number."""
    small = rng.standard_normal((n, dim)) * 1e-40
    small[np.arange(n), rng.integers(0, dim, n)] = rng.choice([-1, 1], n)
    return small


def few_values(rng, n, dim):
    """Many equal scores."""
    return rng.integers(-1, 2, (n, dim)) + 2.0 * np.eye(1, dim)


KINDS = (
    gaussian, one_hot, equal, cone, near_duplicates, heavy_tails, denormal, few_values,
)  # fmt: skip


def unit(vectors):
    return normalise(vectors.astype(np.float32), range(len(vectors)), "")


def screened_plan(precision, texts, visuals, dim, by="int8", **changes):
    """A plan that screens, whatever the dimension and however fast this machine multiplies."""
    plan = make_plan(precision, dim, texts, visuals)
    kernel = dataclasses.replace(plan.kernel, screened=True)
    return dataclasses.replace(plan, kernel=kernel, screened=Screened(by), **changes)


def check(a, b, relevant, precision="fp32", names=("t2v", "v2t"), pools=None, by="int8", **changes):
    """Hold the counts against the full matrix; returns them, and what screening came to."""
    plan = screened_plan(precision, len(a), len(b), a.shape[1], by, **changes)
    asked = {"kernel": plan.kernel, "screened": plan.screened, **changes}
    return check_counts(a, b, relevant, precision, asked, names, pools), plan.screened


@pytest.fixture
def always(monkeypatch):
    """No tile is left off."""
    monkeypatch.setattr(screening, "ALLOWED", 10**6)


def bounds(a, b, by="int8"):
    """The least and the most of every score as the strips have them, and their terms."""
    left, right = torch.from_numpy(a), torch.from_numpy(b)
    one, other = codes.coded(left, by), codes.coded(right, by)
    terms = screen(left, right, one, other)
    products = multiply(one.codes, other.codes, torch.empty(len(a), len(b)))
    tile = CodedTile(products, terms.rows, terms.columns, terms.slack, a, b)
    (height, width), wide = products.shape, np.ascontiguousarray(terms.columns)
    low, most = np.empty((2, height, width), dtype=np.float32)
    best, top = np.empty(height, dtype=np.float32), np.empty((0, width), dtype=np.float32)
    for i in range(height):
        for at in range(0, width, LANES):
            fill_least(tile, wide, i, 0, at, low[i])
        # One by one it is the same, but for the order of sums.
        alone = least(tile, wide, i, 0, i % width)
        np.testing.assert_allclose(alone, low[i, i % width], atol=float(terms.slack))
        low[i, i % width] = min(alone, low[i, i % width])
    for i in range(0, height, TOGETHER):
        here, rows = np.full((TOGETHER + 1) * SPAN, -np.inf, np.float32), min(TOGETHER, height - i)
        each = np.empty(TOGETHER, dtype=np.float32)
        survey_most(tile, wide, Place(i, 0, width), here, each)
        here = here.reshape(TOGETHER + 1, SPAN)
        assert (here[:, width:] == -np.inf).all()
        most[i : i + rows], best[i : i + rows] = here[:rows, :width], each[:rows]
        top = np.vstack([top, here[-1:, :width]])
        np.testing.assert_array_equal(top[-1], most[i : i + rows].max(axis=0))
    np.testing.assert_array_equal(best, most.max(axis=1))
    return low, most, terms


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    shape=st.tuples(st.integers(17, 40), st.integers(17, 40), st.integers(1, 70)),
    size=st.sampled_from([1.0, 0.9996, 1.0004, 37.5]),
    by=st.sampled_from(CODES),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_score_is_beyond_its_bounds(kinds, shape, size, by, seed):
    rng = np.random.default_rng(seed)
    texts, visuals, dim = shape
    a = unit(kinds[0](rng, texts, dim)) * np.float32(size)
    b = unit(kinds[1](rng, visuals, dim))
    low, most, terms = bounds(a, b, by)
    exact = a.astype(np.float64) @ b.astype(np.float64).T
    assert (low <= exact).all()
    assert (exact <= most).all()
    # bfloat16 products are rounded when written. A vector less the mean may be twice as long.
    written = HALF_A_DIGIT * 4 * size if by == "bfloat16" else 0.0
    assert (most - low <= 2.01 * (terms.reach + written) + 1e-6 * size).all()


@pytest.mark.parametrize("by", CODES)
def test_the_mean_makes_the_codes_of_a_cone_finer(by):
    rng = np.random.default_rng(2)
    a, b = (unit(cone(rng, 200, 128)) for _ in range(2))
    _, _, terms = bounds(a, b, by)
    shifted = bounds(unit(gaussian(rng, 200, 128)), unit(gaussian(rng, 200, 128)), by)[-1]
    assert terms.reach < shifted.reach / 2


def test_bfloat16_codes_are_finer_and_are_bfloat16():
    rng = np.random.default_rng(2)
    a, b = (unit(gaussian(rng, 200, 128)) for _ in range(2))
    assert bounds(a, b, "bfloat16")[-1].reach < bounds(a, b)[-1].reach / 4
    for kind in KINDS:
        vectors = torch.from_numpy(unit(kind(rng, 50, 33)))
        found = codes.coded(vectors, "bfloat16")
        less = vectors - torch.from_numpy(found.mean)
        assert torch.equal(found.codes, less.bfloat16())
        error = vectors.double() - torch.from_numpy(found.mean) - found.codes.double()
        error = error.norm(dim=1).numpy()
        assert (found.lost.error >= error).all()
        np.testing.assert_allclose(found.lost.error, error, rtol=1e-8, atol=1e-30)


def aligned(by):
    """A query whose rounding errors all point along an item that its codes put below another.

    Beside each vector its opposite, so that the means are zero.
    """
    query, near, error = (aligned_bytes if by == "int8" else aligned_short)()
    # The relevant item: a fifth of the error lower, by turning away from both.
    part = 1 - 0.2 * error / (query @ near)
    away = np.random.default_rng(1).standard_normal(len(query))
    for one in np.linalg.qr(np.stack([query, near], axis=1))[0].T:
        away -= (away @ one) * one
    away *= np.sqrt(1 - part**2) / np.linalg.norm(away)
    relevant = part * near + away
    a, b = np.stack([query, -query]), np.stack([relevant, near, -relevant, -near])
    judged = np.zeros((2, 4), dtype=bool)
    judged[0, 0] = judged[1, 2] = True
    return a.astype(np.float32), b.astype(np.float32), judged


def aligned_bytes():
    """Of the query the first code is 127 and the others 3 or -3, each .45 short.

    The item has one size of values, which codes keep. Returns the length of the error, too.
    """
    dim = 128
    signs = np.random.default_rng(0).choice([-1.0, 1.0], dim)
    query = 3.45 * signs
    query[0] = 127
    error = 0.45 * np.sqrt(dim - 1) / np.linalg.norm(query)
    near = signs / np.sqrt(dim)
    near[0] = 1 / np.sqrt(dim)
    return query / np.linalg.norm(query), near, error


def aligned_short():
    """The values of the query are 1/16 or -1/16, each a little more or less.

    The item has these errors' signs, and as many agree with the query's as do not: its product with
    the query's codes is 0, so nothing is lost in writing it.
    """
    signs, others = np.resize([1.0, -1.0], 256), np.resize([1.0, 1.0, -1.0, -1.0], 256)
    query = signs + 0.0019 * others
    query /= np.linalg.norm(query)
    return query, others / 16, query @ others / 16


def padded(a, b, relevant):
    """More of the same: products want so many rows."""
    return np.tile(a, (10, 1)), np.tile(b, (10, 1)), np.tile(relevant, (10, 10))


@pytest.mark.parametrize("by", CODES)
def test_a_score_at_its_bound_is_counted(by, always):
    _, found = check(*padded(*aligned(by)), by=by)
    assert found.failed == 0
    assert found.settled > 0


@pytest.mark.parametrize("by", CODES)
def test_half_the_bound_miscounts(by, always, monkeypatch):
    """What the tests of counts would say of a bound that is too small."""

    def halved(lengths):
        coded, rest, error = lengths
        return codes.Lost(coded, rest, error / 2)

    monkeypatch.setattr(codes, "lost", halved)
    with pytest.raises(AssertionError, match="t2v"):
        check(*padded(*aligned(by)), by=by)
    a, b, _ = aligned(by)
    least, most, *_ = bounds(unit(np.tile(a, (10, 1))), unit(np.tile(b, (5, 1))), by)
    exact = np.tile(a, (10, 1)).astype(float) @ np.tile(b, (5, 1)).astype(float).T
    assert not ((least <= exact) & (exact <= most)).all()


@pytest.mark.parametrize("precision", ["fp32", "fp16", "fp8_e4m3"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by", CODES)
def test_every_kind_of_vectors(precision, kind, by, always):
    rng = np.random.default_rng(3)
    a, b = kind(rng, 150, 40), kind(rng, 300, 40)
    a[:100] = b[:100] + 0.3 * rng.standard_normal((100, 40)) * np.abs(b[:100]).mean()
    relevant = np.zeros((150, 300), dtype=bool)
    relevant[np.arange(150), np.arange(150)] = True
    relevant[rng.integers(0, 150, 200), rng.integers(0, 300, 200)] = True
    changes = {"tile_rows": 64, "tile_columns": 256, "text_rows": 100, "visual_rows": 280}
    a, b = a.astype(np.float32), b.astype(np.float32)
    assert not on_an_edge(a, b, precision)
    _, found = check(a, b, relevant, precision, by=by, **changes)
    assert found.kept == found.scores == 150 * 300


def on_an_edge(a, b, precision):
    """Whether two scores differ by the tolerance: float64 may see them on either side of it."""
    full = counts.scores(*(encode(unit(x), precision) for x in (a, b)))
    near = min(
        np.abs(np.abs(one[:, None] - one[None]) - counts.TOLERANCE).min()
        for one in (*full, *full.T)
    )
    return near < 1e-12


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    precision=st.sampled_from(["fp32", "fp16", "bf16"]),
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 19)),
    pairs=st.integers(1, 60),
    rows=st.integers(17, 40),
    names=st.sampled_from([("t2v", "v2t"), ("t2v",), ("v2t",)]),
    by=st.sampled_from(CODES),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_shape(precision, kinds, shape, pairs, rows, names, by, seed, always):
    rng = np.random.default_rng(seed)
    texts, visuals, dim = shape
    a, b = (kind(rng, n, dim) for kind, n in zip(kinds, shape, strict=False))
    a, b = a.astype(np.float32), b.astype(np.float32)
    relevant = np.zeros((texts, visuals), dtype=bool)
    relevant[rng.integers(0, texts, pairs), rng.integers(0, visuals, pairs)] = True
    if on_an_edge(a, b, precision):
        return
    check(a, b, relevant, precision, names, by=by, text_rows=rows, visual_rows=rows)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_tiles_of_equal_scores_are_left_off(precision):
    """Every score is in doubt: a tile or two are tried, and counted without codes like the rest."""
    rng = np.random.default_rng(4)
    a, b = equal(rng, 400, 40), equal(rng, 600, 40)
    b[:] = a[0]
    relevant = np.eye(400, 600, dtype=bool)
    tiles = {"tile_rows": 64, "tile_columns": 256, "threads": 2}
    a, b = a.astype(np.float32), b.astype(np.float32)
    _, found = check(a, b, relevant, precision, **tiles)
    assert found.kept == found.settled == 0
    assert found.scores == 400 * 600
    assert 1 <= found.failed == found.tiles <= 2


@pytest.mark.parametrize("by", CODES)
def test_some_tiles_are_left_off(by):
    """The end of the gallery is one item again and again, which half of the queries want."""
    rng = np.random.default_rng(5)
    a, b = gaussian(rng, 512, 64), gaussian(rng, 8192, 64)
    b[-256:] = b[-1]
    a[:] = b[-1] + 0.01 * rng.standard_normal((512, 64))
    a[:256] = b[:256] + 0.5 * rng.standard_normal((256, 64))
    relevant = np.zeros((512, 8192), dtype=bool)
    relevant[np.arange(256), np.arange(256)] = True
    relevant[np.arange(256, 512), np.arange(7936, 8192)] = True
    tiles = {"tile_rows": 256, "tile_columns": 256, "threads": 1}
    left, right = (encode(unit(x), "fp32") for x in (a, b))
    sides, plan = directions(relevant), screened_plan("fp32", 512, 8192, 64, by, **tiles)
    found = score(Held(left), Held(right), sides, None, plan)
    plain = score(Held(left), Held(right), sides, None, plan.unscreened)
    assert 0 < plan.screened.failed < plan.screened.tiles
    assert 0 < plan.screened.kept < plan.screened.scores == 512 * 8192
    for name in sides:
        for field in ("above", "tied", "relevants_above", "relevants_tied"):
            np.testing.assert_array_equal(
                getattr(found[name], field), getattr(plain[name], field), err_msg=name + field
            )


def test_many_relevant_items_and_pools_are_counted_without():
    rng = np.random.default_rng(6)
    a, b, relevant = make_case(rng, 120, 90, 20, True, 150)
    _, found = check(a, b, relevant, pools=Pools([40, 60], 1, 9))
    assert found.scores == 0
    relevant[3, :] = True
    _, found = check(a, b, relevant)
    assert found.scores == 0


def test_shards_add_up(always):
    rng = np.random.default_rng(11)
    a, b, relevant = make_case(rng, 90, 100, 24, True, 150)
    left, right = (encode(unit(x), "fp32") for x in (a, b))
    sides, plan = directions(relevant), screened_plan("fp32", 90, 100, 24)
    whole, _ = check(a, b, relevant)
    shards = [Shard(right, first, last) for first, last in ((0, 33), (33, 50), (50, 100))]
    texts = Held(left)
    parts = [pair_values(texts, shard, sides, plan) for shard in shards]
    values = {name: sum(part[name] for part in parts) for name in sides}
    total = partial_counts(texts, shards[0], sides, values, None, plan)
    for shard in shards[1:]:
        for name, tally in partial_counts(texts, shard, sides, values, None, plan).items():
            total[name].add(tally)
    for name, tally in total.items():
        found = tally.result(whole[name].scores)
        np.testing.assert_array_equal(found.above, whole[name].above)
        np.testing.assert_array_equal(found.tied, whole[name].tied)
    assert plan.screened.kept == 90 * 100


def test_what_is_recorded():
    found = Screened()
    found.reaches(0.02)
    found.reaches(0.01)
    found.add(100, 3)
    assert found.pays
    found.add(100, None)
    assert not found.pays
    found.pass_over(200)
    assert found.describe() == {
        "by": "int8", "bound": 0.02, "screened": 0.25, "settled": 0.0075,
    }  # fmt: skip


def test_it_is_chosen_where_it_pays(monkeypatch):
    def chosen(precision, dim, *more, **others):
        return make_plan(precision, dim, 100, 100, *more, **others).kernel.screened

    monkeypatch.setattr(screen_trial, "fastest_code", lambda bf16: "int8")
    assert chosen("fp32", 512)
    assert chosen("fp16", 512)
    assert not chosen("fp32", 32)
    assert not chosen("int8", 512)
    assert not chosen("fp32", 512, "cpu:0")
    assert not chosen("fp32", 512, largest_pool=50, draws=1)
    monkeypatch.setattr(screen_trial, "fastest_code", lambda bf16: "")
    assert not chosen("fp32", 512)


def test_which_codes_are_fastest(monkeypatch):
    """A second of each product is set; bfloat16's doubts are worth five times its time."""

    def fastest(floats, int8, bf16, exact=True, once=True):
        seconds = {torch.float32: floats, torch.int8: int8, torch.bfloat16: bf16}
        monkeypatch.setattr(screen_trial, "_seconds", lambda kind, _: seconds[kind])
        monkeypatch.setattr(screen_trial, "int8_is_exact", lambda: exact)
        monkeypatch.setattr(screen_trial, "rounds_once", lambda dim: once)
        return screen_trial.fastest_code.__wrapped__(False)

    assert fastest(9, 1, 4) == "bfloat16"
    assert fastest(9, 0.7, 4) == "int8"
    # As fast as half of the floats, and no more.
    assert fastest(9, 4, 5) == "int8"
    assert fastest(9, 5, 5) == ""
    assert fastest(9, 1, 2, once=False) == "int8"
    assert fastest(9, 1, 2, exact=False) == "bfloat16"
    assert fastest(9, 1, 2, exact=False, once=False) == ""


def test_tiles_are_large_where_matrix_units_multiply_and_memory_suffices(monkeypatch):
    def tile(*shape, memory=None, precision="fp32"):
        plan = make_plan(precision, 512, *shape, memory=memory)
        return plan.tile_rows, plan.tile_columns

    monkeypatch.setattr(planning, "fastest_code", lambda bf16: "bfloat16")
    large, small = planning.TILE_OF_MATRIX_UNITS, planning.TILE
    assert tile(10_000, 10_000) == tile(10_000, 10_000, precision="int8") == large
    assert tile(10_000, 10_000, precision="bf16") == large
    for module in (planning.torch, planning.numba):
        monkeypatch.setattr(module, "get_num_threads", lambda: 16)
    assert tile(10_000, 10_000, memory=2**30) == large
    assert tile(10_000, 10_000, memory=2**28) == small
    # One tile holds them all, and there is nothing to try.
    assert tile(500, 400) == (500, 512)
    monkeypatch.setattr(planning, "fastest_code", lambda bf16: "int8")
    assert tile(10_000, 10_000) == small


@pytest.mark.skipif(not screen_trial.rounds_once(40), reason="no such products here")
def test_bfloat16_products_are_read_as_they_are_written():
    rng = np.random.default_rng(8)
    a, b = (torch.from_numpy(rng.standard_normal((20, 40))).bfloat16() for _ in range(2))
    a[0], b[0] = 0, -a[1]
    found = multiply(a, b, torch.empty(20, 20))
    exact = a.double() @ b.double().T
    read = numbers(found)
    assert np.array_equal(read[0], torch.from_numpy(found).view(torch.bfloat16).float().numpy())
    assert (np.abs(read[0] - exact.numpy()) <= read[1] + 1e-5).all()
    np.testing.assert_allclose(read[1], np.abs(read[0]) * HALF_A_DIGIT, rtol=1e-6)


@numba.njit
def numbers(products):
    out = np.empty((2, *products.shape), dtype=np.float32)
    for i in range(products.shape[0]):
        for j in range(products.shape[1]):
            out[0, i, j], out[1, i, j] = number(products[i, j]), rounded_by(products[i, j])
    return out
