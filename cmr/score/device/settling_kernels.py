"""Scores that the screen has marked: one kernel lists them, another computes and counts them."""

# Triton compiles these functions from their Python text; its names have no types.
# mypy: disable-error-code="untyped-decorator,no-untyped-call,no-untyped-def"
# The kernels' compile-time constants are in capitals, as is usual.
# ruff: noqa: N803

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["rows", "words", "first_text", "first_visual", "room"])
def list_cells(
    marks, cells, listed, rows, words, first_text, first_visual, room, BLOCK: tl.constexpr
):  # fmt: skip
    """List the marked cells of BLOCK words: 32 scores of a text each, one a bit."""
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    bits = tl.load(marks + place, mask=place < rows.to(tl.int64) * words, other=0)
    if tl.max((bits != 0).to(tl.int32), 0) > 0:
        text = (first_text + place // words).to(tl.int32)
        visual = (first_visual + place % words * 32).to(tl.int32)
        many = tl.zeros((BLOCK,), dtype=tl.int32)
        for bit in range(32):
            many += (bits >> bit) & 1
        last = tl.cumsum(many, 0)
        at = tl.atomic_add(listed, tl.max(last, 0), sem="relaxed") + last - many
        for bit in range(32):
            one = (bits >> bit) & 1
            kept = (one > 0) & (at < room)
            tl.store(cells + 2 * at, text, mask=kept)
            tl.store(cells + 2 * at + 1, visual + bit, mask=kept)
            at += one


@triton.jit
def _count_exact(exact, there, query, bounds):
    """Count exact scores, (CELLS,), for all pairs of their query."""
    slots, all_queries, high, low, more, tied = bounds
    for slot in range(slots):
        at = slot * all_queries + query
        top = tl.load(high + at, mask=there, other=float("inf"))
        bottom = tl.load(low + at, mask=there, other=float("inf"))
        above = there & (exact > top)
        level = there & (exact >= bottom) & (exact <= top)
        tl.atomic_add(more + at, above.to(tl.int32), mask=above, sem="relaxed")
        tl.atomic_add(tied + at, level.to(tl.int32), mask=level, sem="relaxed")


@triton.jit(
    do_not_specialize=["room", "text_slots", "all_texts", "visual_slots", "all_visuals"]
)  # fmt: skip
def settle_cells(
    texts, visuals,
    text_slots, all_texts, text_high, text_low, text_more, text_tied,
    visual_slots, all_visuals, visual_high, visual_low, visual_more, visual_tied,
    cells, listed, room, dim,
    T2V: tl.constexpr, V2T: tl.constexpr, CELLS: tl.constexpr, VALUES: tl.constexpr,
):  # fmt: skip
    """Compute the scores that are listed in float64, a share of them each program."""
    k = tl.arange(0, VALUES)
    count = tl.load(listed)
    # Where they are too many, nothing of it all is used.
    count = tl.where(count > room, 0, count)
    for first in range(tl.program_id(0) * CELLS, count, CELLS * tl.num_programs(0)):
        place = first + tl.arange(0, CELLS)
        there = place < count
        text = tl.load(cells + 2 * place, mask=there, other=0)
        visual = tl.load(cells + 2 * place + 1, mask=there, other=0)
        left = texts + text.to(tl.int64)[:, None] * dim + k[None, :]
        right = visuals + visual.to(tl.int64)[:, None] * dim + k[None, :]
        sums = tl.zeros((CELLS, VALUES), dtype=tl.float64)
        for onward in range(0, dim, VALUES):
            inside = there[:, None] & (k < dim - onward)[None, :]
            a = tl.load(left + onward, mask=inside, other=0.0).to(tl.float64)
            b = tl.load(right + onward, mask=inside, other=0.0).to(tl.float64)
            sums += a * b
        exact = tl.sum(sums, 1)
        if T2V:
            bounds = text_slots, all_texts, text_high, text_low, text_more, text_tied
            _count_exact(exact, there, text, bounds)
        if V2T:
            bounds = visual_slots, all_visuals, visual_high, visual_low, visual_more, visual_tied
            _count_exact(exact, there, visual, bounds)
