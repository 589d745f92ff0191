"""The engine against a plain full matrix, for every precision, direction and shape."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.errors import CmrError
from cmr.precision import ALONE, INTEGER, TIE_TOLERANCE
from cmr.represent.precisions import encode
from cmr.represent.unit_vectors import normalise
from cmr.score import kernels
from cmr.score.blocks import Held
from cmr.score.exhaustive import pair_values, partial_counts, score
from cmr.score.judgments import judge
from cmr.score.planning import make_plan
from cmr.score.pools import Pools
from tests.reference import counts


def make_case(rng, texts, visuals, dim, duplicates, pairs):
    """Vectors with repeated rows, and distinct relevant pairs."""
    a = rng.standard_normal((texts, dim)).astype(np.float32)
    b = rng.standard_normal((visuals, dim)).astype(np.float32)
    for side in (a, b):
        if duplicates and len(side) > 1:
            side[rng.integers(0, len(side), len(side) // 2)] = side[0]
    relevant = np.zeros((texts, visuals), dtype=bool)
    relevant[rng.integers(0, texts, pairs), rng.integers(0, visuals, pairs)] = True
    return a, b, relevant


def directions(relevant, names=("t2v", "v2t")):
    text, visual = np.nonzero(relevant)
    both = {
        "t2v": judge(text, visual, *relevant.shape),
        "v2t": judge(visual, text, *relevant.shape[::-1]),
    }
    return {name: both[name] for name in names}


# "cpu" is counted by the CPU's own kernels. "cpu:0" is the same processor taken as a device, so
# that the code for GPUs runs where there is none.
DEVICES = ["cpu", "cpu:0", *["cuda"] * torch.cuda.is_available()]


def check_counts(
    a, b, relevant, precision, changes=None, names=("t2v", "v2t"), pools=None, device="cpu"
):
    ids = [str(row) for row in range(max(relevant.shape))]
    left = encode(normalise(a, ids, "text"), precision)
    right = encode(normalise(b, ids, "visual"), precision)
    drawn = (max(pools.sizes), pools.draws) if pools else ()
    plan = make_plan(precision, a.shape[1], len(a), len(b), device, None, *drawn)
    if device != "cuda":
        assert plan.counting == ("numba" if device == "cpu" else "torch")
    plan = dataclasses.replace(plan, **(changes or {}))
    result = score(Held(left), Held(right), directions(relevant, names), pools, plan)
    full = counts.scores(left, right)
    exact = precision in INTEGER
    for name in names:
        matrix, judged = (full, relevant) if name == "t2v" else (full.T, relevant.T)
        got = result[name]
        expected = counts.count(matrix, judged, exact)
        found = [got.above, got.tied, got.relevants_above, got.relevants_tied]
        np.testing.assert_array_equal(np.stack(found, axis=1), expected, err_msg=name)
        np.testing.assert_allclose(got.scores, matrix[judged], atol=2e-6 if not exact else 1e-5)
    return result


@pytest.mark.parametrize("precision", ALONE)
@pytest.mark.parametrize("duplicates", [False, True])
@pytest.mark.parametrize("device", DEVICES)
def test_equals_full_matrix(precision, duplicates, device):
    rng = np.random.default_rng(3)
    case = make_case(rng, 301, 523, 40, duplicates, 400)
    changes = {"tile_rows": 64, "tile_columns": 256, "text_rows": 150, "visual_rows": 512}
    check_counts(*case, precision, changes, device=device)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ALONE)
@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_relevant_items_near_the_top(precision, noise):
    """Thresholds that few values reach, as a good model's are: those are counted one by one.

    Equal vectors tie with them, others come within the tolerance, and a few queries are lost.
    """
    rng = np.random.default_rng(17)
    _, b, _ = make_case(rng, 2, 700, 40, False, 0)
    b[40:60] = b[3]
    b[60:80] = b[5] + 1e-7 * rng.standard_normal((20, 40))
    truth = np.arange(610) % 690
    a = (b[truth] + noise * rng.standard_normal((610, 40))).astype(np.float32)
    a[100:110] = rng.standard_normal((10, 40))
    relevant = np.zeros((610, 700), dtype=bool)
    relevant[np.arange(610), truth] = True
    relevant[np.arange(0, 610, 7), truth[::7] // 2] = True
    check_counts(a, b, relevant, precision)


@pytest.mark.parametrize("precision", ALONE)
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dim", [1, 2])
def test_one_dimension(precision, device, dim):
    case = make_case(np.random.default_rng(3), 30, 40, dim, False, 50)
    check_counts(*case, precision, device=device)


@pytest.mark.parametrize("precision", ["fp32", "int8", "b1"])
@pytest.mark.parametrize("names", [("t2v",), ("v2t",)])
@pytest.mark.parametrize("device", DEVICES)
def test_one_direction(precision, names, device):
    rng = np.random.default_rng(4)
    case = make_case(rng, 90, 70, 24, True, 120)
    check_counts(*case, precision, names=names, device=device)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "int8", "b1"])
@pytest.mark.parametrize("device", DEVICES)
def test_many_relevant_items(precision, device):
    """More relevant items than the unsorted path takes, on both sides."""
    rng = np.random.default_rng(5)
    a, b, relevant = make_case(rng, 80, 60, 16, True, 100)
    relevant[3, :] = True
    relevant[:, 7] = True
    check_counts(a, b, relevant, precision, device=device)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    precision=st.sampled_from(ALONE),
    texts=st.integers(1, 40),
    visuals=st.integers(1, 40),
    dim=st.integers(1, 19),
    duplicates=st.booleans(),
    constant=st.booleans(),
    pairs=st.integers(1, 60),
    rows=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
    device=st.sampled_from(DEVICES),
)
def test_any_shape(precision, texts, visuals, dim, duplicates, constant, pairs, rows, seed, device):
    rng = np.random.default_rng(seed)
    a, b, relevant = make_case(rng, texts, visuals, dim, duplicates, pairs)
    if constant:
        a[:], b[:] = a[0], b[0]
    full = counts.scores(*(encode(normalise(x, range(50), ""), precision) for x in (a, b)))
    gaps = np.abs(full[:, :, None] - full[:, None, :]) if full.size < 9000 else np.zeros(1)
    across = np.abs(full.T[:, :, None] - full.T[:, None, :]) if full.size < 9000 else np.zeros(1)
    near = [np.abs(g - counts.TOLERANCE).min() for g in (gaps, across)]
    if precision not in INTEGER and min(near) < 1e-12:
        return  # a difference on the very edge of the tolerance may fall on either side
    changes = {"tile_rows": min(rows, texts), "text_rows": rows, "visual_rows": rows}
    check_counts(a, b, relevant, precision, changes, device=device)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "fp8_e4m3"])
@pytest.mark.parametrize("device", DEVICES)
def test_products_that_err_by_more_than_the_tolerance(precision, device, monkeypatch):
    """A product may sum as badly as a float32 can; the counts are those of exact scores."""
    rng = np.random.default_rng(16)
    a, b, relevant = make_case(rng, 200, 150, 256, True, 260)
    relevant[5, :40] = True
    # Scores crowd together, as they do with vectors that share their largest dimension.
    a, b = ((x * 0.01 + np.eye(1, 256)).astype(np.float32) for x in (a, b))
    plain = check_counts(a, b, relevant, precision, pools=Pools([20, 60], 1, 4), device=device)
    kernel, tile = make_plan(precision, 256, 200, 150, device).kernel, kernels.Kernel.tile

    def bad(self, rows, columns, room=None):
        exact = tile(self, rows, columns, room)
        noise = torch.from_numpy(rng.uniform(-1, 1, exact.shape)) * (kernel.error - 5e-7)
        return exact.copy_(exact.double() + noise.to(exact.device))

    assert kernel.error > 1e-5
    monkeypatch.setattr(kernels.Kernel, "tile", bad)
    changes = {"tile_rows": 64, "tile_columns": 256, "text_rows": 150, "visual_rows": 512}
    pools = Pools([20, 60], 1, 4)
    noisy = check_counts(a, b, relevant, precision, changes, pools=pools, device=device)
    for name in plain:
        for field in ("sampled_above", "sampled_tied"):
            np.testing.assert_array_equal(getattr(plain[name], field), getattr(noisy[name], field))


@pytest.mark.parametrize("dim", [3, 64, 512, 2048])
def test_the_stated_error_of_a_product(dim):
    """Sums in the worst of orders, of the worst of vectors, stay within it."""
    rng = np.random.default_rng(17)
    a = normalise(np.sort(rng.random((50, dim)))[:, ::-1].astype(np.float32), range(50), "")
    total = np.zeros((50, 50), dtype=np.float32)
    for k in range(dim):
        total += np.outer(a[:, k], a[:, k])
    error = np.abs(total - a.astype(np.float64) @ a.astype(np.float64).T).max()
    assert error < kernels.worst_error(dim)
    if dim >= 512:
        assert error > TIE_TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["int8", "int4", "b1"])
@pytest.mark.parametrize("device", DEVICES)
def test_counts_do_not_depend_on_the_kernel(precision, device, monkeypatch):
    """The fallback for machines whose int8 products saturate gives the same counts."""
    rng = np.random.default_rng(6)
    case = make_case(rng, 50, 40, 1100, True, 60)
    fast = check_counts(*case, precision)
    monkeypatch.setattr(kernels, "int8_is_exact", lambda device, dim: False)
    slow = check_counts(*case, precision, device=device)
    for name in fast:
        for field in ("above", "tied", "relevants_above", "relevants_tied"):
            np.testing.assert_array_equal(getattr(fast[name], field), getattr(slow[name], field))


def test_extreme_codes_are_exact():
    """127 times 127 over 1,040 dimensions, the most that float32 sums exactly."""
    ones = np.ones((2, 1040), dtype=np.float32)
    encoded = encode(normalise(ones, ["0", "1"], ""), "int8")
    kernel = kernels.choose("int8", 1040)
    tile = kernel.tile(kernel.prepare(encoded), kernel.prepare(encoded), kernel.empty(2, 2))
    assert set(tile.numpy().reshape(-1).tolist()) == {127 * 127 * 1040}


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("room", [0, 2**28])
@pytest.mark.parametrize("device", DEVICES)
def test_sampled_pools(precision, room, device):
    """Counts within drawn pools equal counting over the pools laid out as a matrix."""
    rng = np.random.default_rng(8)
    a, b, relevant = make_case(rng, 120, 90, 20, True, 150)
    sizes, draws = [40, 20, 60], 2
    pools = Pools(sizes, draws, 9, room)
    changes = {"tile_rows": 32, "text_rows": 70, "visual_rows": 64}
    result = check_counts(a, b, relevant, precision, changes, pools=pools, device=device)
    left, right = (encode(normalise(x, range(200), ""), precision) for x in (a, b))
    full = counts.scores(left, right)
    for name in ("t2v", "v2t"):
        matrix, judged = (full, relevant) if name == "t2v" else (full.T, relevant.T)
        side = directions(relevant)[name]
        for draw in range(draws):
            members, places = pools.get(name, side, 0, side.queries)[draw]
            for at, size in enumerate(sorted(sizes)):
                pool = np.zeros(matrix.shape, dtype=bool)
                for query in range(side.queries):
                    if side.relevants[query]:
                        inside = places[query] < size - side.relevants[query]
                        pool[query, members[query][inside]] = True
                assert not (pool & judged).any()
                drawn = pool[side.relevants > 0].sum(1) + side.relevants[side.relevants > 0]
                assert (drawn == size).all()
                expected = counts.count(matrix, judged, precision == "int8", pool)
                got = result[name]
                np.testing.assert_array_equal(got.sampled_above[draw, at], expected[:, 0])
                np.testing.assert_array_equal(got.sampled_tied[draw, at], expected[:, 1])


class Shard:
    """A stretch of one side's vectors, with their ordinals in the whole."""

    def __init__(self, encoded, first, last):
        self.encoded, self.first = encoded.rows(slice(first, last)), first
        self.rows = last - first

    def blocks(self, rows):
        for at in range(0, self.rows, rows):
            yield self.first + at, self.encoded.rows(slice(at, at + rows))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_smaller_tiles_where_memory_runs_out(precision, monkeypatch):
    """Each tile above a size fails, sometimes after its product; the counts are the same."""
    rng = np.random.default_rng(12)
    case = make_case(rng, 200, 150, 24, True, 300)
    tile, areas = kernels.Kernel.tile, []

    def small(self, rows, columns, room=None):
        areas.append(len(rows) * len(columns))
        if areas[-1] > 3_000:
            raise torch.OutOfMemoryError("full")
        return tile(self, rows, columns, room)

    plain = check_counts(*case, precision, pools=Pools([20, 60], 1, 4), device="cpu:0")
    monkeypatch.setattr(kernels.Kernel, "tile", small)
    pieces = check_counts(*case, precision, pools=Pools([20, 60], 1, 4), device="cpu:0")
    for name in plain:
        np.testing.assert_array_equal(plain[name].sampled_above, pieces[name].sampled_above)
    # It learns: of all tiles that were tried only a few were too large.
    assert sum(area > 3_000 for area in areas) < 8 < len(areas)


@pytest.mark.parametrize("step", ["prepare", "tile"])
def test_no_memory_at_all(step, monkeypatch):
    """Neither for a block's vectors, nor for the smallest tile."""

    def full(*_):
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(kernels.Kernel, step, full)
    monkeypatch.setattr(kernels, "int8_is_exact", lambda device, dim: True)
    case = make_case(np.random.default_rng(13), 60, 50, 8, False, 60)
    with pytest.raises(CmrError, match="memory is full"):
        check_counts(*case, "int8", device="cpu:0")


@pytest.mark.parametrize("precision", ["fp32", "int8", "int4"])
@pytest.mark.parametrize("device", DEVICES)
def test_shards_add_up(precision, device):
    """Counts of three shards of the gallery, added, are the counts of the whole."""
    rng = np.random.default_rng(11)
    a, b, relevant = make_case(rng, 90, 100, 24, True, 150)
    left, right = (encode(normalise(x, range(200), ""), precision) for x in (a, b))
    sides, pools = directions(relevant), Pools([30, 60], 1, 3)
    plan = make_plan(precision, 24, 90, 100, device, None, 60, 1)
    whole = score(Held(left), Held(right), sides, pools, plan)
    shards = [Shard(right, first, last) for first, last in ((0, 33), (33, 34), (34, 100))]
    texts = Held(left)
    parts = [pair_values(texts, shard, sides, plan) for shard in shards]
    values = {name: sum(part[name] for part in parts) for name in sides}
    total = partial_counts(texts, shards[0], sides, values, pools, plan)
    for shard in shards[1:]:
        for name, tally in partial_counts(texts, shard, sides, values, pools, plan).items():
            total[name].add(tally)
    for name, tally in total.items():
        found = tally.result(whole[name].scores)
        for field in dataclasses.fields(found):
            if field.name not in ("judged", "scores"):
                mine, theirs = getattr(found, field.name), getattr(whole[name], field.name)
                np.testing.assert_array_equal(mine, theirs, err_msg=f"{name} {field.name}")


@pytest.mark.parametrize("device", DEVICES)
def test_directions_with_judgments_of_their_own(device):
    """Each direction is counted as if it were scored alone with its own judgments."""
    rng = np.random.default_rng(12)
    a, b, first = make_case(rng, 40, 50, 24, True, 80)
    other = make_case(rng, 40, 50, 24, True, 30)[2]
    left, right = (Held(encode(normalise(x, range(200), ""), "int8")) for x in (a, b))
    plan = make_plan("int8", 24, 40, 50, device, None, 30, 1)
    pools = Pools([20, 30], 1, 3)
    each = {"t2v": directions(first)["t2v"], "v2t": directions(other)["v2t"]}
    both = score(left, right, each, pools, plan)
    for name, judged in each.items():
        alone = score(left, right, {name: judged}, pools, plan)[name]
        for field in dataclasses.fields(alone):
            if field.name != "judged":
                mine, theirs = getattr(both[name], field.name), getattr(alone, field.name)
                np.testing.assert_array_equal(mine, theirs, err_msg=f"{name} {field.name}")
