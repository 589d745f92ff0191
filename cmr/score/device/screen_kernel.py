"""Scores bounded inside the product of codes, on CUDA; those in doubt are computed after it.

One program multiplies a tile of texts' codes by visuals' and bounds each score (`code_bounds`). It
marks those whose interval touches a threshold of the text or of the visual, a bit each, and counts
the others for both directions. A second kernel lists what is marked, a third computes these scores
in float64, of the vectors themselves, and counts them.
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

from cmr.score.device.triton_kernel import DEPTH_BYTES, TOGETHER, multiply, place_of

# Texts and visuals of a tile: as much as one thread's registers hold of it.
ROWS, COLUMNS = 64, 128
WARPS, STAGES = 4, 3
# Words of marks that a program lists.
WORDS = 1024
# Scores that a program computes at a time, values of their vectors, and programs.
CELLS, VALUES, WORKERS = 16, 64, 2048


@dataclass(frozen=True)
class CodedBlock:
    """A block on the device: `vectors` (n, d) floats, their `codes` (n, e), int8 or float16.

    `terms`: (4, n) float32, of a `Screen`.
    """

    vectors: torch.Tensor
    codes: torch.Tensor
    terms: torch.Tensor


@dataclass(frozen=True)
class ScreenedQueries:
    """One direction's queries of a block, n, on the device, and what is found of them.

    Arrays are (slots, n): a query's pairs in the order of their thresholds, infinite where it has
    no more. `middle`: (slots + 1, n) float32, the middles of the thresholds' float32 bounds, which
    are `half` from them at most.
    `high`, `low`: float64. `more`, `tied`: int32, added to.
    """

    middle: torch.Tensor
    half: float
    high: torch.Tensor
    low: torch.Tensor
    more: torch.Tensor
    tied: torch.Tensor

    @property
    def bounds(self) -> tuple[torch.Tensor | float, ...]:
        """As codes are compared with them."""
        return self.middle, self.half, self.more

    @property
    def exact(self) -> tuple[torch.Tensor | int, ...]:
        """As float64 scores are compared with them."""
        return len(self.more), self.more.shape[1], self.high, self.low, self.more, self.tied


@dataclass(frozen=True)
class Doubts:
    """Scores of a piece in doubt: `marks`, int32, a bit for every score of it; see `launch_screen`.

    `cells`: (room, 2) int32, text and visual of each. `found`, `listed`: (1,) int32, how many there
    are; more than room where these are too many, and then no count is worth anything.
    """

    marks: torch.Tensor
    cells: torch.Tensor
    found: torch.Tensor
    listed: torch.Tensor

    @property
    def room(self) -> int:
        """How many can be listed."""
        return len(self.cells)


def doubts_of(texts: int, visuals: int, room: int, device: torch.device) -> Doubts:
    """Room for those of pieces of so many texts and visuals."""
    found, listed = torch.zeros((2, 1), dtype=torch.int32, device=device)
    return Doubts(
        torch.empty(texts * _words(visuals), dtype=torch.int32, device=device),
        torch.empty((room, 2), dtype=torch.int32, device=device),
        found,
        listed,
    )


def _words(visuals: int) -> int:
    """Words of marks in a row of so many scores."""
    return -(-visuals // COLUMNS) * (COLUMNS // 32)


def launch_screen(
    texts: CodedBlock,
    visuals: CodedBlock,
    slack: float,
    region: tuple[int, int, int, int],
    t2v: ScreenedQueries | None,
    v2t: ScreenedQueries | None,
    doubts: Doubts,
) -> None:
    """Count texts a:b x visuals c:d as far as codes tell, and list the rest in `doubts`.

    A direction of None is not counted. `doubts.marks` has a row of words for every text.
    """
    some = t2v or v2t
    assert some is not None
    a, b, c, d = region
    doubts.found.zero_()
    doubts.listed.zero_()
    words = _words(d - c)
    # Triton launches on the current device, which need not be theirs.
    with torch.cuda.device_of(texts.codes):
        screen_tiles[(triton.cdiv(b - a, ROWS) * triton.cdiv(d - c, COLUMNS),)](
            texts.codes,
            visuals.codes,
            texts.terms,
            visuals.terms,
            *(t2v or some).bounds,
            *(v2t or some).bounds,
            doubts.marks,
            doubts.found,
            a,
            b,
            c,
            d,
            texts.terms.shape[1],
            visuals.terms.shape[1],
            doubts.room,
            slack,
            texts.codes.shape[1],
            INTEGER=texts.codes.dtype == torch.int8,
            T2V=t2v is not None,
            V2T=v2t is not None,
            ROWS=ROWS,
            COLUMNS=COLUMNS,
            DEPTH=DEPTH_BYTES // texts.codes.element_size(),
            TOGETHER=TOGETHER,
            num_warps=WARPS,
            num_stages=STAGES,
            enable_fp_fusion=False,
        )
        list_cells[(triton.cdiv((b - a) * words, WORDS),)](
            doubts.marks, doubts.cells, doubts.listed, b - a, words, a, c, doubts.room, BLOCK=WORDS
        )


def launch_settling(
    texts: CodedBlock,
    visuals: CodedBlock,
    t2v: ScreenedQueries | None,
    v2t: ScreenedQueries | None,
    doubts: Doubts,
) -> None:
    """Compute and count what `launch_screen` has listed."""
    some = t2v or v2t
    assert some is not None
    with torch.cuda.device_of(texts.codes):
        settle_cells[(WORKERS,)](
            texts.vectors,
            visuals.vectors,
            *(t2v or some).exact,
            *(v2t or some).exact,
            doubts.cells,
            doubts.listed,
            doubts.room,
            texts.vectors.shape[1],
            T2V=t2v is not None,
            V2T=v2t is not None,
            CELLS=CELLS,
            VALUES=VALUES,
            num_warps=4,
            enable_fp_fusion=False,
        )


@triton.jit
def _mark(about, reach, best, doubt, query, queries, all_queries, bounds, AXIS: tl.constexpr):
    """`doubt`, and which scores touch a threshold of the queries along rows (AXIS 1) or columns.

    `best`: the most that a score of each query may be. Returns how many slots are reached, too.
    """
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
def _count(scores, slots, query, queries, all_queries, bounds, AXIS: tl.constexpr):
    """Count what is above the first `slots` thresholds of such queries."""
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
    products = multiply(text_codes, visual_codes, text, visual, rows, columns, dim, INTEGER, DEPTH)
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
    if T2V:
        best = tl.max(about + reach, 1)
        doubt, text_reached = _mark(
            about, reach, best, doubt, text, last_text, all_texts, of_texts, 1
        )
    if V2T:
        best = tl.max(about + reach, 0)
        doubt, visual_reached = _mark(
            about, reach, best, doubt, visual, last_visual, all_visuals, of_visuals, 0
        )
    # The others are above a threshold, or below it, whatever the error.
    scores = tl.where(doubt, float("-inf"), about)
    if T2V:
        _count(scores, text_reached, text, last_text, all_texts, of_texts, 1)
    if V2T:
        _count(scores, visual_reached, visual, last_visual, all_visuals, of_visuals, 0)
    bit = (tl.arange(0, COLUMNS) % 32)[None, :]
    bits = tl.sum(tl.reshape(doubt.to(tl.int32) << bit, (ROWS, COLUMNS // 32, 32)), 2)
    words = tl.cdiv(width, COLUMNS) * (COLUMNS // 32)
    tl.store(marks + row.to(tl.int64)[:, None] * words + word[None, :], bits, mask=rows[:, None])
    tl.atomic_add(found, tl.sum(tl.sum(doubt.to(tl.int32), 1), 0), sem="relaxed")


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
