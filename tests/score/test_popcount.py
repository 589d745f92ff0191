"""Products of bits by counting those that differ, against those of -1 and 1."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.score import planning
from cmr.score.bits import lanes_of, words_of
from cmr.score.cpu import popcount
from cmr.score.cpu.bit_counts import count_bits
from cmr.score.cpu.strip_counts import RowPairs
from cmr.score.cpu.strips import WIDTH
from cmr.score.cpu.tile_counts import ColumnPairs
from cmr.score.cpu.tile_pairs import no_counts
from cmr.score.planning import make_plan
from cmr.score.pools import Pools
from cmr.score.tally import Bounds
from tests.score.test_engine import check_counts, make_case


@settings(max_examples=60, deadline=None)
@given(
    texts=st.integers(1, 40),
    visuals=st.integers(1, 60),
    dim=st.integers(1, 300),
    first=st.sampled_from([0, 32, 96]),
    seed=st.integers(0, 2**32 - 1),
)
def test_products(texts, visuals, dim, first, seed):
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 2, (n, dim), dtype=np.uint8) for n in (texts, first + visuals))
    out = np.full((texts, visuals), -7, dtype=np.int32)
    left, right = (np.packbits(bits, axis=1) for bits in (a, b))
    popcount.bit_products(words_of(left), lanes_of(right), first, dim, out)
    signs = [bits.astype(np.int64) * 2 - 1 for bits in (a, b[first:])]
    np.testing.assert_array_equal(out, signs[0] @ signs[1].T)


@pytest.fixture
def always(monkeypatch):
    """Whatever the CPU counts at once."""
    monkeypatch.setattr(planning, "counts_bits_at_once", lambda: True)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.integers(1, 40),
    visuals=st.integers(1, 600),
    dim=st.integers(1, 100),
    depth=st.integers(0, 3),
    pairs=st.integers(0, 3),
    offset=st.sampled_from([0, 256]),
    seed=st.integers(0, 2**32 - 1),
)
def test_counts_of_a_tile(texts, visuals, dim, depth, pairs, offset, seed):
    """Thresholds of any score there is, of scores that none has, and of none."""
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 2, (n, dim), dtype=np.uint8) for n in (texts, offset + visuals))
    signs = [bits.astype(np.int64) * 2 - 1 for bits in (a, b[offset:])]
    scores = signs[0] @ signs[1].T
    along_rows = dim - 2.0 * rng.integers(0, dim + 1, (texts, pairs))
    along_columns = np.sort(dim - 2.0 * rng.integers(0, dim + 1, (depth, visuals)), axis=0)
    along_columns[rng.integers(0, depth + 1, visuals) <= np.arange(depth)[:, None]] = np.inf
    depths = (along_columns < np.inf).sum(axis=0)
    of_block = np.full((depth, offset + visuals), np.inf)
    of_block[:, offset:] = along_columns
    begin = np.arange(texts) * pairs
    rows = RowPairs(begin, begin + pairs, _bounds(along_rows.ravel()), no_counts(texts * pairs))
    columns = ColumnPairs(
        _bounds(of_block),
        no_counts(depth, visuals),
        np.array([depths[at : at + WIDTH].max() for at in range(0, visuals, WIDTH)]),
        offset,
    )
    left, right = (np.packbits(bits, axis=1) for bits in (a, b))
    count_bits(words_of(left), lanes_of(right), dim, rows, columns)
    for found, cells, own in (
        (rows.counts, scores[:, None, :], along_rows[:, :, None]),
        (columns.counts, scores.T[:, None, :], along_columns.T[:, :, None]),
    ):
        more, tied = (cells > own).sum(axis=2), (cells == own).sum(axis=2)
        for counted, expected in ((found.more, more), (found.tied, tied)):
            at = expected.ravel() if found is rows.counts else expected.T
            np.testing.assert_array_equal(counted, at)


def _bounds(scores):
    return Bounds(scores.astype(np.float32), scores.astype(np.float32), scores, scores)


@pytest.mark.parametrize("names", [("t2v", "v2t"), ("t2v",), ("v2t",)])
@pytest.mark.parametrize("dim", [1, 40, 150])
@pytest.mark.parametrize("many", [False, True])
def test_counts(always, names, dim, many):
    """Several blocks and tiles, a remainder of each, and many ties.

    Queries with many relevant items and drawn pools are counted on products, others as bits are.
    """
    a, b, relevant = make_case(np.random.default_rng(3), 301, 523, dim, True, 400)
    if many:
        relevant[5, :40] = True
    changes = {"tile_rows": 64, "tile_columns": 256, "text_rows": 150, "visual_rows": 512}
    assert make_plan("b1", dim, 301, 523).kernel.popcount
    pools = Pools([50, 90], 1, 3) if many else None
    check_counts(a, b, relevant, "b1", changes, names, pools)


def test_the_same_as_by_int8(always):
    case = make_case(np.random.default_rng(6), 150, 140, 100, True, 160)
    plan = make_plan("b1", 100, 150, 140)
    slow = dataclasses.replace(plan.kernel, popcount=False)
    found = [check_counts(*case, "b1", {"kernel": kernel}) for kernel in (plan.kernel, slow)]
    for name in found[0]:
        for field in ("above", "tied", "relevants_above", "relevants_tied"):
            one, other = (getattr(result[name], field) for result in found)
            np.testing.assert_array_equal(one, other)


def test_where_it_is_chosen(monkeypatch):
    for fast in (True, False):
        monkeypatch.setattr(planning, "counts_bits_at_once", lambda fast=fast: fast)
        assert make_plan("b1", 512, 100, 100).kernel.popcount == fast
        assert not make_plan("int8", 512, 100, 100).kernel.popcount
        assert not make_plan("b1", 40_000, 100, 100).kernel.popcount
        assert not make_plan("b1", 512, 100, 100, "cpu:0").kernel.popcount


@pytest.mark.parametrize(
    ("name", "features", "found"),
    [(None, "+avx2", False), ("generic", None, False), (None, "+avx512f,+avx512bitalg", True)],
)
def test_what_numba_compiles_for_counts(name, features, found, monkeypatch):
    monkeypatch.setattr(popcount.config, "CPU_NAME", name)
    monkeypatch.setattr(popcount.config, "CPU_FEATURES", features)
    assert popcount.counts_bits_at_once.__wrapped__() == found
