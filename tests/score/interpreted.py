"""Counting inside the product, by Triton's interpreter: the kernel's own text, without a GPU.

Run by test_fused.py in a process of its own, where TRITON_INTERPRET is set before Triton is there.
Where that is not set, `pytest tests/score/interpreted.py` runs the kernel on a GPU.
"""

from __future__ import annotations

import dataclasses
import os
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from triton.runtime import interpreter

from cmr.score import kernels, planning
from cmr.score.device import triton_kernel, triton_tiles, triton_trial
from tests.score.test_engine import check_counts, make_case

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu:0" if INTERPRETED else "cuda"
# What is multiplied. The interpreter takes bfloat16's bits for whole numbers in a product, so here
# its values are multiplied as float32.
OPERANDS = {"int8": "int8", "int4": "int8", "b1": "int8", "fp16": "float16", "bf16": "bfloat16"}
if INTERPRETED:
    OPERANDS["bf16"] = "float32"


@pytest.fixture(autouse=True, scope="module")
def patched_once():
    """Triton's language is patched once for every module with kernels, not at every call.

    The interpreter looks through all of it each time, which takes half of the time.
    """
    patch, patched = interpreter._patch_lang, {}

    def once(function):
        there = id(function.__globals__)
        if there not in patched:
            patched[there] = patch(function)
        return SimpleNamespace(restore=lambda: None)

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(interpreter, "_patch_lang", once)
        yield
    for scope in reversed(patched.values()):
        scope.restore()


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(triton_kernel, "ROWS", 32)
    monkeypatch.setattr(triton_kernel, "COLUMNS", 64)


def kernel_for(precision, dim):
    scaled = precision in kernels.INTEGER
    error = 0.0 if scaled else kernels.worst_error(dim, 4)
    kernel = kernels.Kernel("trial", precision, OPERANDS[precision], scaled, device=DEVICE)
    return dataclasses.replace(kernel, error=error)


def check(a, b, relevant, precision, names=("t2v", "v2t"), **changes):
    kernel = kernel_for(precision, a.shape[1])
    changes |= {"counting": "triton", "kernel": kernel}
    return check_counts(a, b, relevant, precision, changes, names, device=DEVICE)


@pytest.mark.parametrize("precision", OPERANDS)
def test_equals_full_matrix(precision):
    """Several blocks and tiles, a remainder of each, and more dimensions than go at a time."""
    case = make_case(np.random.default_rng(3), 101, 143, 150, True, 40)
    check(*case, precision, text_rows=70, visual_rows=100)


@pytest.mark.parametrize("precision", ["bf16", "int8", "b1"])
@pytest.mark.parametrize("names", [("t2v",), ("v2t",)])
def test_one_direction(precision, names):
    case = make_case(np.random.default_rng(4), 60, 70, 24, True, 120)
    check(*case, precision, names)


@pytest.mark.parametrize("precision", ["fp16", "int8", "b1"])
def test_many_relevant_items(precision):
    a, b, relevant = make_case(np.random.default_rng(5), 40, 34, 16, True, 20)
    relevant[3, :] = True
    relevant[:, 7] = True
    check(a, b, relevant, precision)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    precision=st.sampled_from(list(OPERANDS)),
    texts=st.integers(1, 80),
    visuals=st.integers(1, 80),
    dim=st.sampled_from([1, 7, 16, 70]),
    duplicates=st.booleans(),
    constant=st.booleans(),
    pairs=st.integers(1, 60),
    seed=st.integers(0, 999),
)
def test_any_shape(precision, texts, visuals, dim, duplicates, constant, pairs, seed):
    rng = np.random.default_rng(seed)
    a, b, relevant = make_case(rng, texts, visuals, dim, duplicates, pairs)
    if constant:
        b[:] = b[0]
    check(a, b, relevant, precision)


@pytest.mark.parametrize("precision", ["bf16", "int4"])
def test_more_doubts_than_are_listed(precision, monkeypatch):
    """A constant scorer leaves every score in doubt; smaller pieces give the same counts."""
    monkeypatch.setattr(triton_tiles, "DOUBTS", 200)
    a, b, relevant = make_case(np.random.default_rng(6), 40, 30, 24, False, 40)
    b[:] = b[0]
    check(a, b, relevant, precision)


@pytest.mark.parametrize("precision", OPERANDS)
def test_the_trial_finds_it_right(precision):
    assert triton_trial.fused_is_right.__wrapped__(kernel_for(precision, 208))


@pytest.mark.parametrize("fault", ["wrong", "broken"])
def test_the_trial_finds_a_fault(fault, monkeypatch):
    launch = triton_kernel.launch

    def wrong(texts, visuals, *rest):
        launch(texts.roll(1, 0) if fault == "wrong" else None, visuals, *rest)

    monkeypatch.setattr(triton_tiles, "launch", wrong)
    assert not triton_trial.fused_is_right.__wrapped__(kernel_for("int8", 208))


def test_where_it_is_chosen(monkeypatch):
    """Matrix units of CUDA, once tried, and no pools, which look scores up in a tile."""
    monkeypatch.setattr(planning, "fused_is_right", lambda kernel: kernel.precision != "b1")
    half = dataclasses.replace(kernel_for("fp16", 64), device="cuda:0")
    assert planning._counting(half, 0) == "triton"
    assert planning._counting(half, 3) == "torch"
    assert planning._counting(dataclasses.replace(half, precision="b1"), 0) == "torch"
    assert planning._counting(dataclasses.replace(half, operand="float32"), 0) == "torch"
    assert planning._counting(dataclasses.replace(half, device="mps"), 0) == "torch"
    assert planning._counting(dataclasses.replace(half, device="cpu"), 0) == "numba"
