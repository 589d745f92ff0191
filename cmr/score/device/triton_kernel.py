"""Counting inside the product, on CUDA: scores never leave the registers of a multiprocessor.

One program multiplies a tile of texts by visuals and counts it for both directions before the next;
what goes to memory are counts, and those few scores' places that float32 leaves in doubt. As on a
CPU, the largest score of each query in the tile is found first: where none reaches a threshold,
nothing else is done.
"""

# Triton compiles these functions from their Python text; its names have no types.
# mypy: disable-error-code="untyped-decorator,no-untyped-call,no-untyped-def"
# The kernels' compile-time constants are in capitals, as is usual.
# ruff: noqa: N803

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

# Texts and visuals of a tile: 64 float32 sums a thread, the most that leaves room for the rest.
ROWS, COLUMNS = 128, 128
# Bytes of a vector that are multiplied at a time.
DEPTH_BYTES = 128
WARPS, STAGES = 8, 3
# Tiles that follow one another share so many stretches of texts, so that these stay in the cache.
TOGETHER = 8


@dataclass(frozen=True)
class LaunchQueries:
    """One direction's queries of a launch, on the device, and what is found of them.

    The pairs of query q are start[q]:start[q + 1], int64, of `high`, `low` (float32), `more`,
    `tied` (int32, added to). `lowest`: of a query's `low`. `doubts`: (capacity, 2) int32, pair and
    item of every score in doubt; `found`: (1,) int64, how many there are, beyond capacity too.
    """

    start: torch.Tensor
    lowest: torch.Tensor
    high: torch.Tensor
    low: torch.Tensor
    more: torch.Tensor
    tied: torch.Tensor
    doubts: torch.Tensor
    found: torch.Tensor

    def arguments(self) -> tuple[torch.Tensor, ...]:
        """As the kernel takes them."""
        bounds = self.start, self.lowest, self.high, self.low
        return *bounds, self.more, self.tied, self.doubts, self.found


def launch(
    texts: torch.Tensor,
    visuals: torch.Tensor,
    scales: tuple[torch.Tensor, torch.Tensor] | None,
    t2v: LaunchQueries | None,
    v2t: LaunchQueries | None,
    sure: bool,
) -> None:
    """Count all scores of texts (n, d) x visuals (m, d), int8, float16 or bfloat16, contiguous.

    `scales`: float32, (n,) and (m,), of codes. A direction of None is not counted. `sure`: values
    within the bounds are ties, none is in doubt.
    """
    some = t2v or v2t
    assert some is not None
    grid = (triton.cdiv(len(texts), ROWS) * triton.cdiv(len(visuals), COLUMNS),)
    # Triton launches on the current device, which need not be theirs.
    with torch.cuda.device_of(texts):
        count_tiles[grid](
            texts,
            visuals,
            *(scales or (some.high, some.high)),
            *(t2v or some).arguments(),
            *(v2t or some).arguments(),
            len(texts),
            len(visuals),
            texts.shape[1],
            len(some.doubts),
            INTEGER=texts.dtype == torch.int8,
            SCALED=scales is not None,
            SURE=sure,
            T2V=t2v is not None,
            V2T=v2t is not None,
            ROWS=ROWS,
            COLUMNS=COLUMNS,
            DEPTH=DEPTH_BYTES // texts.element_size(),
            TOGETHER=TOGETHER,
            num_warps=WARPS,
            num_stages=STAGES,
            enable_fp_fusion=False,
        )


@triton.jit
def place_of(
    number, height, width, ROWS: tl.constexpr, COLUMNS: tl.constexpr, TOGETHER: tl.constexpr
):
    """The texts and visuals of a program's tile, of so many texts and visuals."""
    down, across = tl.cdiv(height, ROWS), tl.cdiv(width, COLUMNS)
    first = number // (TOGETHER * across) * TOGETHER
    tall = tl.minimum(down - first, TOGETHER)
    rest = number % (TOGETHER * across)
    text = (first + rest % tall) * ROWS + tl.arange(0, ROWS)
    visual = (rest // tall) * COLUMNS + tl.arange(0, COLUMNS)
    return text, visual


@triton.jit
def multiply(of_texts, of_visuals, dim, INTEGER: tl.constexpr, DEPTH: tl.constexpr):
    """The products of a tile, int32 of int8, else float32.

    Of each side: all vectors, which of them, and which of these there are; elsewhere it is 0.
    """
    texts, text, rows = of_texts
    visuals, visual, columns = of_visuals
    k = tl.arange(0, DEPTH)
    high: tl.constexpr = text.shape[0]
    wide: tl.constexpr = visual.shape[0]
    left = texts + text.to(tl.int64)[:, None] * dim + k[None, :]
    right = visuals + visual.to(tl.int64)[None, :] * dim + k[:, None]
    if INTEGER:
        products = tl.zeros((high, wide), dtype=tl.int32)
    else:
        products = tl.zeros((high, wide), dtype=tl.float32)
    for at in range(0, dim, DEPTH):
        a = tl.load(left + at, mask=rows[:, None] & (k < dim - at)[None, :], other=0)
        b = tl.load(right + at, mask=columns[None, :] & (k < dim - at)[:, None], other=0)
        products = tl.dot(a, b, products, out_dtype=products.dtype)
    return products


@triton.jit
def _list_doubts(scores, bounds, pair, item, times, room, AXIS: tl.constexpr):
    """List the scores within `bounds`, high and low, one of each query at a time, last item first.

    So little is held at once: a place for every score of the tile would not fit in registers.
    `room`: where they are listed, how many there are so far, and how many are at most listed.
    """
    high, low = bounds
    doubts, found, capacity = room
    items = tl.expand_dims(item, 1 - AXIS)
    last = tl.full(pair.shape, 2**31 - 1, tl.int32)
    for _ in range(times):
        doubt = (scores >= tl.expand_dims(low, AXIS)) & (scores <= tl.expand_dims(high, AXIS))
        doubt &= items < tl.expand_dims(last, AXIS)
        last = tl.max(tl.where(doubt, items, -1), AXIS)
        one = (last >= 0).to(tl.int64)
        place = tl.atomic_add(found + tl.zeros_like(last), one, mask=last >= 0, sem="relaxed")
        kept = (last >= 0) & (place < capacity)
        tl.store(doubts + 2 * place, pair.to(tl.int32), mask=kept)
        tl.store(doubts + 2 * place + 1, last, mask=kept)


@triton.jit
def _count(
    scores, query, item, queries, pairs, room, AXIS: tl.constexpr, SURE: tl.constexpr
):  # fmt: skip
    """Count a tile for the queries along its rows (AXIS 1) or its columns (AXIS 0).

    `pairs`: as `LaunchQueries` has them, `start` to `tied`. `room`: of what is in doubt.
    """
    start, lowest, high, low, more, tied = pairs
    inside = query < queries
    least = tl.load(lowest + query, mask=inside, other=float("inf"))
    best = tl.max(scores, AXIS)
    if tl.max((best >= least).to(tl.int32), 0) > 0:
        begin = tl.load(start + query, mask=inside, other=0)
        end = tl.load(start + query + 1, mask=inside, other=0)
        for slot in range(tl.max(end - begin, 0)):
            pair = begin + slot
            there = pair < end
            top = tl.load(high + pair, mask=there, other=float("inf"))
            bottom = tl.load(low + pair, mask=there, other=float("inf"))
            above = tl.sum((scores > tl.expand_dims(top, AXIS)).to(tl.int32), AXIS)
            level = tl.sum((scores >= tl.expand_dims(bottom, AXIS)).to(tl.int32), AXIS) - above
            tl.atomic_add(more + pair, above, mask=there & (above > 0), sem="relaxed")
            if SURE:
                tl.atomic_add(tied + pair, level, mask=there & (level > 0), sem="relaxed")
            else:
                times = tl.max(level, 0)
                _list_doubts(scores, (top, bottom), pair, item, times, room, AXIS)


@triton.jit
def count_tiles(
    texts, visuals, text_scales, visual_scales,
    text_start, text_lowest, text_high, text_low, text_more, text_tied, text_doubts, text_found,
    visual_start, visual_lowest, visual_high, visual_low,
    visual_more, visual_tied, visual_doubts, visual_found,
    height, width, dim, capacity,
    INTEGER: tl.constexpr, SCALED: tl.constexpr, SURE: tl.constexpr,
    T2V: tl.constexpr, V2T: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, TOGETHER: tl.constexpr,
):  # fmt: skip
    """Multiply and count one tile; `text_*` and `visual_*` are as `LaunchQueries` has them."""
    text, visual = place_of(tl.program_id(0), height, width, ROWS, COLUMNS, TOGETHER)
    rows, columns = text < height, visual < width
    sides = (texts, text, rows), (visuals, visual, columns)
    products = multiply(sides[0], sides[1], dim, INTEGER, DEPTH)
    scores = products.to(tl.float32)
    if SCALED:
        scores *= tl.load(visual_scales + visual, mask=columns, other=0.0)[None, :]
        scores *= tl.load(text_scales + text, mask=rows, other=0.0)[:, None]
    scores = tl.where(rows[:, None] & columns[None, :], scores, float("-inf"))
    if T2V:
        pairs = text_start, text_lowest, text_high, text_low, text_more, text_tied
        room = text_doubts, text_found, capacity
        _count(scores, text, visual, height, pairs, room, 1, SURE)
    if V2T:
        pairs = visual_start, visual_lowest, visual_high, visual_low, visual_more, visual_tied
        room = visual_doubts, visual_found, capacity
        _count(scores, visual, text, width, pairs, room, 0, SURE)
