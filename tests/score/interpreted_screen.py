"""Scores bounded inside the product of codes, by Triton's interpreter; see `interpreted`."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.represent.precisions import encode
from cmr.score import codes, kernels, planning
from cmr.score.blocks import Held
from cmr.score.cpu.cell_bounds import screen
from cmr.score.device import device_codes, screen_launch, screened_pieces, triton_trial
from cmr.score.exhaustive import pair_values, partial_counts, score
from cmr.score.planning import make_plan
from cmr.score.screened import Screened
from tests.score.interpreted import DEVICE, patched_once  # noqa: F401
from tests.score.test_engine import Shard, check_counts, directions, make_case
from tests.score.test_screen import KINDS, aligned, cone, gaussian, on_an_edge, padded, unit

BY = ["int8", "float16"]
# What is multiplied where nothing screens; bfloat16 is no type of the interpreter's.
OPERANDS = {"fp32": "float32", "fp16": "float16"}


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(screen_launch, "ROWS", 32)
    monkeypatch.setattr(screen_launch, "COLUMNS", 64)
    # An interpreted program takes as long for few words or scores as for many.
    monkeypatch.setattr(screen_launch, "WORDS", 256)
    monkeypatch.setattr(screen_launch, "CELLS", 512)
    monkeypatch.setattr(screen_launch, "WORKERS", 2)
    monkeypatch.setattr(screened_pieces, "LISTED", 1.0)


def kernel_for(precision, dim):
    kernel = kernels.Kernel("trial", precision, OPERANDS[precision], False, device=DEVICE)
    error = kernels.worst_error(dim, 1 if precision == "fp32" else 4)
    return dataclasses.replace(kernel, error=error, screened=True)


def check(a, b, relevant, precision, by, names=("t2v", "v2t"), **changes):
    """Hold the counts against the full matrix; returns what screening came to."""
    screened = Screened(by)
    counting = "torch" if precision == "fp32" else "triton"
    changes |= {"kernel": kernel_for(precision, a.shape[1]), "screened": screened}
    changes["counting"] = counting
    check_counts(a, b, relevant, precision, changes, names, device=DEVICE)
    return screened


@pytest.mark.parametrize("precision", OPERANDS)
@pytest.mark.parametrize("by", BY)
def test_equals_full_matrix(precision, by, monkeypatch):
    """Several blocks, pieces and tiles, a remainder of each, and several steps of dimensions.

    Of lists and what settles them, too.
    """
    monkeypatch.setattr(screened_pieces, "PIECE", 60)
    monkeypatch.setattr(screen_launch, "WORDS", 64)
    monkeypatch.setattr(screen_launch, "CELLS", 128)
    case = make_case(np.random.default_rng(3), 101, 143, 150, True, 40)
    found = check(*case, precision, by, text_rows=70, visual_rows=100)
    assert found.kept == found.scores == 101 * 143
    assert 0 < found.settled < 101 * 143


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("names", [("t2v",), ("v2t",)])
def test_one_direction(by, names):
    check(*make_case(np.random.default_rng(4), 60, 70, 24, True, 120), "fp32", by, names)


@pytest.mark.parametrize("by", BY)
def test_several_relevant_items(by):
    a, b, relevant = make_case(np.random.default_rng(5), 30, 34, 16, True, 20)
    relevant[3, :31] = True
    relevant[:, 7] = True
    assert check(a, b, relevant, "fp32", by).kept == 30 * 34


def test_many_relevant_items_are_counted_without():
    a, b, relevant = make_case(np.random.default_rng(5), 40, 34, 16, True, 20)
    relevant[3, :] = True
    assert check(a, b, relevant, "fp32", "int8").scores == 0


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_vectors(by, kind):
    rng = np.random.default_rng(3)
    a, b = (kind(rng, n, 40).astype(np.float32) for n in (50, 90))
    a[:40] = b[:40] + 0.3 * rng.standard_normal((40, 40)) * np.abs(b[:40]).mean()
    relevant = np.zeros((50, 90), dtype=bool)
    relevant[np.arange(50), np.arange(50)] = True
    relevant[rng.integers(0, 50, 60), rng.integers(0, 90, 60)] = True
    assert not on_an_edge(a, b, "fp32")
    check(a, b, relevant, "fp32", by)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    precision=st.sampled_from(list(OPERANDS)),
    by=st.sampled_from(BY),
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70), st.integers(1, 40)),
    pairs=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_shape(precision, by, kinds, shape, pairs, seed):
    rng = np.random.default_rng(seed)
    texts, visuals, dim = shape
    a, b = (kind(rng, n, dim).astype(np.float32) for kind, n in zip(kinds, shape, strict=False))
    relevant = np.zeros((texts, visuals), dtype=bool)
    relevant[rng.integers(0, texts, pairs), rng.integers(0, visuals, pairs)] = True
    if not on_an_edge(a, b, precision):
        check(a, b, relevant, precision, by)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    by=st.sampled_from(BY),
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 300)),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_score_is_beyond_its_bound(by, kinds, shape, seed):
    """Of the terms themselves: of codes summed in float32, in the worst of orders too."""
    rng = np.random.default_rng(seed)
    texts, visuals, dim = shape
    a, b = (unit(kind(rng, n, dim)) for kind, n in zip(kinds, (texts, visuals), strict=True))
    a, b = (torch.from_numpy(x).to(DEVICE) for x in (a, b))
    *coded, terms = device_codes.screen_there(a, b, getattr(torch, by))
    left, right = (one.float().cpu().numpy() for one in coded)
    (scale, shift, error, length), (by_scale, moved, rest, lost) = terms.rows, terms.columns
    total = np.zeros((texts, visuals), dtype=np.float32)
    for k in range(dim):
        total += np.outer(left[:, k], right[:, k])
    about = total * scale[:, None] * by_scale + (shift[:, None] + moved)
    reach = error[:, None] * rest + length[:, None] * lost + terms.slack
    exact = a.cpu().double().numpy() @ b.cpu().double().numpy().T
    assert (np.abs(exact - about.astype(np.float64)) <= reach).all()
    assert reach.max() <= terms.reach * 1.000001


def test_codes_are_those_of_the_cpu():
    a, b = (torch.from_numpy(unit(cone(np.random.default_rng(n), 70 + n, 48))) for n in (1, 2))
    left, right, there = device_codes.screen_there(a.to(DEVICE), b.to(DEVICE), torch.int8)
    one, other = codes.coded(a), codes.coded(b)
    here = screen(a, b, one, other)
    np.testing.assert_array_equal(left.cpu().numpy(), one.codes.numpy())
    np.testing.assert_array_equal(right.cpu().numpy(), other.codes.numpy())
    np.testing.assert_allclose(there.rows, here.rows, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(there.columns, here.columns, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(there.slack, here.slack, rtol=1e-6)


def test_floats_of_half_the_size_are_their_own_codes():
    a, b = (torch.from_numpy(unit(gaussian(np.random.default_rng(n), 9, 20))) for n in (1, 2))
    a, b = (x.half().to(DEVICE) for x in (a, b))
    left, right, terms = device_codes.screen_there(a, b, torch.float16)
    assert torch.equal(left[:, :20], a)
    assert torch.equal(right[:, :20], b)
    # What is left is what sums may err.
    assert 0 < terms.reach < 1.3 * kernels.worst_error(20, 4)


def test_a_score_at_its_bound_is_counted():
    assert check(*padded(*aligned("int8")), "fp32", "int8").settled > 0


def test_half_the_bound_miscounts(monkeypatch):
    """What the tests of counts would say of a bound that is too small."""

    def halved(lengths):
        coded, rest, error = lengths
        return codes.Lost(coded, rest, error / 2)

    monkeypatch.setattr(device_codes, "lost", halved)
    with pytest.raises(AssertionError, match="t2v"):
        check(*padded(*aligned("int8")), "fp32", "int8")


@pytest.mark.parametrize("precision", OPERANDS)
def test_more_doubts_than_are_listed(precision, monkeypatch):
    """A constant scorer leaves every score in doubt: one piece is tried, none screened."""
    monkeypatch.setattr(screened_pieces, "LISTED", 1 / 16)
    monkeypatch.setattr(screened_pieces, "PIECE", 40)
    a, b, relevant = make_case(np.random.default_rng(6), 80, 90, 24, False, 40)
    b[:] = b[0]
    found = check(a, b, relevant, precision, "int8")
    assert found.kept == found.settled == 0
    assert (found.scores, found.tiles, found.failed) == (80 * 90, 1, 1)


def test_some_pieces_are_left_off(monkeypatch):
    """The last texts are one, and all that they want is one: what other pieces have found stays."""
    monkeypatch.setattr(screened_pieces, "LISTED", 1 / 3)
    monkeypatch.setattr(screened_pieces, "PIECE", 16)
    monkeypatch.setattr("cmr.score.screened.LOST", 1.0)
    rng = np.random.default_rng(7)
    a, b = (gaussian(rng, n, 48).astype(np.float32) for n in (70, 60))
    a[64:], b[48:] = a[64], b[48]
    relevant = np.zeros((70, 60), dtype=bool)
    relevant[np.arange(60), np.arange(60)] = True
    relevant[60:, 50] = True
    found = check(a, b, relevant, "fp32", "float16")
    assert 0 < found.failed < found.tiles
    assert 0 < found.settled < found.kept < found.scores


def test_shards_add_up():
    rng = np.random.default_rng(11)
    a, b, relevant = make_case(rng, 50, 60, 24, True, 90)
    left, right = (encode(unit(x), "fp32") for x in (a, b))
    sides, plan = directions(relevant), make_plan("fp32", 24, 50, 60, DEVICE)
    plain = score(Held(left), Held(right), sides, None, plan)
    plan = dataclasses.replace(plan, kernel=kernel_for("fp32", 24), screened=Screened("float16"))
    shards = [Shard(right, first, last) for first, last in ((0, 33), (33, 60))]
    texts = Held(left)
    parts = [pair_values(texts, shard, sides, plan) for shard in shards]
    values = {name: sum(part[name] for part in parts) for name in sides}
    total, more = (partial_counts(texts, shard, sides, values, None, plan) for shard in shards)
    for name, tally in total.items():
        tally.add(more[name])
        found = tally.result(plain[name].scores)
        np.testing.assert_array_equal(found.above, plain[name].above)
        np.testing.assert_array_equal(found.tied, plain[name].tied)
    assert plan.screened.kept == 50 * 60


@pytest.mark.parametrize("precision", OPERANDS)
@pytest.mark.parametrize("by", BY)
def test_the_trial_finds_it_right(precision, by):
    assert triton_trial.screen_is_right.__wrapped__(kernel_for(precision, 208), by)


@pytest.mark.parametrize("fault", ["wrong", "broken"])
def test_the_trial_finds_a_fault(fault, monkeypatch):
    launch = screened_pieces.launch_screen

    def wrong(texts, *rest):
        rolled = dataclasses.replace(texts, codes=texts.codes.roll(1, 0))
        launch(rolled if fault == "wrong" else None, *rest)

    monkeypatch.setattr(screened_pieces, "launch_screen", wrong)
    assert not triton_trial.screen_is_right.__wrapped__(kernel_for("fp32", 208), "float16")


def test_where_it_is_chosen(monkeypatch):
    """float32 on CUDA, once tried, and no pools, which look scores up in a tile."""
    monkeypatch.setattr(planning, "screen_is_right", lambda kernel, by: by == "float16")
    plain = dataclasses.replace(kernel_for("fp32", 512), device="cuda:0", screened=False)
    assert planning._screened(plain, 512)
    assert not planning._screened(plain, 64)
    assert not planning._screened(dataclasses.replace(plain, operand="float16"), 512)
    assert not planning._screened(dataclasses.replace(plain, operand="int8", scaled=True), 512)
    assert not planning._screened(dataclasses.replace(plain, device="mps"), 512)
    monkeypatch.setattr(planning, "screen_is_right", lambda kernel, by: False)
    assert not planning._screened(plain, 512)
