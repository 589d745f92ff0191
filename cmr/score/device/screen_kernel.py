"""Scores bounded inside the product of codes, on CUDA.

A program multiplies a tile of texts' codes by visuals' and bounds each score (`code_bounds`). It
marks those whose interval touches a threshold of the text or of the visual, a bit each, and counts
the others for both directions.
"""

# Triton compiles these functions from their Python text; its names have no types.
# mypy: disable-error-code="untyped-decorator,no-untyped-call,no-untyped-def"
# The kernels' compile-time constants are in capitals, as is usual.
# ruff: noqa: N803

from __future__ import annotations

import triton
import triton.language as tl

from cmr.score.device.triton_kernel import multiply, place_of


@triton.jit
def _mark(about, reach, best, doubt, asked, bounds, AXIS: tl.constexpr):
    """`doubt`, and which scores touch a threshold of the queries along rows (AXIS 1) or columns.

    `best`: the most that a score of each query may be. Returns how many slots are reached, too.
    """
    query, queries, all_queries = asked
    middle, half, _ = bounds
    inside, slot, going = query < queries, 0, 1
    while going > 0:
        at = slot * all_queries + query
        limit = tl.load(middle + at, mask=inside, other=float("inf"))
        going = tl.max((best >= limit - half).to(tl.int32), 0)
        if going > 0:
            doubt |= tl.abs(about - tl.expand_dims(limit, AXIS)) <= reach + half
            slot += 1
    return doubt, slot


@triton.jit
def _count(scores, slots, asked, bounds, AXIS: tl.constexpr):
    """Count what is above the first `slots` thresholds of such queries."""
    query, queries, all_queries = asked
    middle, _, more = bounds
    inside = query < queries
    for slot in range(slots):
        at = slot * all_queries + query
        limit = tl.load(middle + at, mask=inside, other=float("inf"))
        above = tl.sum((scores > tl.expand_dims(limit, AXIS)).to(tl.int32), AXIS)
        tl.atomic_add(more + at, above, mask=inside & (above > 0), sem="relaxed")


@triton.jit(
    do_not_specialize=[
        "first_text", "last_text", "first_visual", "last_visual",
        "all_texts", "all_visuals", "room",
    ]
)  # fmt: skip
def screen_tiles(
    text_codes, visual_codes, text_terms, visual_terms,
    text_middle, text_half, text_more,
    visual_middle, visual_half, visual_more,
    marks, found,
    first_text, last_text, first_visual, last_visual, all_texts, all_visuals, room, slack, dim,
    INTEGER: tl.constexpr, T2V: tl.constexpr, V2T: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, TOGETHER: tl.constexpr,
):  # fmt: skip
    """Multiply the codes of one tile and count what they tell; see `launch_screen`."""
    # Once too many are in doubt, nothing of it all is used. All threads of a program must see the
    # same number: by an atomic operation one of them reads it for all.
    if tl.atomic_add(found, 0, sem="relaxed") > room:
        return
    height, width = last_text - first_text, last_visual - first_visual
    text, visual = place_of(tl.program_id(0), height, width, ROWS, COLUMNS, TOGETHER)
    row, word = text, tl.max(visual, 0) // COLUMNS * (COLUMNS // 32) + tl.arange(0, COLUMNS // 32)
    text, visual = first_text + text, first_visual + visual
    rows, columns = text < last_text, visual < last_visual
    sides = (text_codes, text, rows), (visual_codes, visual, columns)
    products = multiply(sides[0], sides[1], dim, INTEGER, DEPTH)
    scale = tl.load(text_terms + text, mask=rows, other=0.0)
    shift = tl.load(text_terms + all_texts + text, mask=rows, other=float("-inf"))
    error = tl.load(text_terms + 2 * all_texts + text, mask=rows, other=0.0)
    length = tl.load(text_terms + 3 * all_texts + text, mask=rows, other=0.0)
    by = tl.load(visual_terms + visual, mask=columns, other=0.0)
    moved = tl.load(visual_terms + all_visuals + visual, mask=columns, other=float("-inf"))
    rest = tl.load(visual_terms + 2 * all_visuals + visual, mask=columns, other=0.0)
    lost = tl.load(visual_terms + 3 * all_visuals + visual, mask=columns, other=0.0)
    # Beyond the blocks it is -inf.
    about = products.to(tl.float32) * scale[:, None] * by[None, :]
    about += moved[None, :] + shift[:, None]
    # A bound for each text and all visuals of the tile: a bound for each score takes more registers
    # than there are.
    reach = (error * tl.max(rest, 0) + length * tl.max(lost, 0) + slack)[:, None]
    doubt = tl.zeros((ROWS, COLUMNS), dtype=tl.int1)
    text_reached, visual_reached = 0, 0
    of_texts = text_middle, text_half, text_more
    of_visuals = visual_middle, visual_half, visual_more
    texts_asked = text, last_text, all_texts
    visuals_asked = visual, last_visual, all_visuals
    if T2V:
        best = tl.max(about + reach, 1)
        doubt, text_reached = _mark(about, reach, best, doubt, texts_asked, of_texts, 1)
    if V2T:
        best = tl.max(about + reach, 0)
        doubt, visual_reached = _mark(about, reach, best, doubt, visuals_asked, of_visuals, 0)
    # The others are above a threshold, or below it, whatever the error.
    scores = tl.where(doubt, float("-inf"), about)
    if T2V:
        _count(scores, text_reached, texts_asked, of_texts, 1)
    if V2T:
        _count(scores, visual_reached, visuals_asked, of_visuals, 0)
    bit = (tl.arange(0, COLUMNS) % 32)[None, :]
    bits = tl.sum(tl.reshape(doubt.to(tl.int32) << bit, (ROWS, COLUMNS // 32, 32)), 2)
    words = tl.cdiv(width, COLUMNS) * (COLUMNS // 32)
    tl.store(marks + row.to(tl.int64)[:, None] * words + word[None, :], bits, mask=rows[:, None])
    tl.atomic_add(found, tl.sum(tl.sum(doubt.to(tl.int32), 1), 0), sem="relaxed")
