"""Counting on a tile whose scores are bounded by products of codes, and computed only in doubt.

What is counted is on which side of a threshold a score lies. Where the interval of a cell does not
touch the threshold, that is known; else the float32 product of the two vectors says it, as it would
in a tile of them, and what it leaves in doubt is settled in float64: the same counts.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cmr.score.compiled import compiled
from cmr.score.cpu.exact_scores import Tile
from cmr.score.cpu.masks import (
    FEW_LANES,
    LANES,
    above,
    above_few,
    how_many,
    lowest,
    reaching,
    reaching_each,
    reaching_few,
)
from cmr.score.cpu.screen_strips import (
    SPAN,
    STRETCHES,
    TOGETHER,
    CodedTile,
    exact,
    fill_least,
    least,
    look,
    survey_most,
)
from cmr.score.cpu.strip_counts import Place, RowPairs
from cmr.score.cpu.tile_counts import ColumnPairs, stretch
from cmr.score.tally import Bounds, Counts

# Of more scores than this among LANES the least is asked of all at once.
ONE_BY_ONE = 8


class Strip(NamedTuple):
    """TOGETHER rows and SPAN columns of a tile, the first of which is `a`.

    `terms`: (4, SPAN), of its columns. `most`: of each score, row by row, -inf beyond the tile, and
    at last of each column. `best`: of each row. `least`: room for the least of one row.
    """

    a: int
    terms: Tile
    most: Tile
    best: Tile
    least: Tile


@compiled(forceinline=True)
def _surely_above(tile: CodedTile, strip: Strip, i: int, at: int, some: int, limit: float) -> int:
    """Which scores of row i, of `some` from column `at` on, are above a limit whatever they are."""
    if how_many(some) > ONE_BY_ONE:
        fill_least(tile, strip.terms, i, strip.a, at, strip.least)
        sure: int = above(strip.least, limit, at) & some
        return sure
    sure = 0
    while some != 0:
        lane = lowest(some)
        some &= some - 1
        sure |= np.int64(least(tile, strip.terms, i, strip.a, at + lane) > limit) << lane
    return sure


@compiled(forceinline=True)
def _count_row(tile: CodedTile, pairs: RowPairs, strip: Strip, i: int, r: int) -> int:
    """Count row i of a tile, r of a strip, for its pairs; returns how many scores were computed."""
    bounds, counts, first, looks = pairs.bounds, pairs.counts, pairs.begin[0], 0
    for pair in range(pairs.begin[i], pairs.end[i]):
        top, bottom = bounds.fast_high[pair], bounds.fast_low[pair]
        if strip.best[r] < bottom:
            continue
        more, tied = 0, 0
        for at in range(0, SPAN, LANES):
            some = reaching(strip.most, bottom, r * SPAN + at)
            if some == 0:
                continue
            sure = _surely_above(tile, strip, i, at, some, top)
            doubts = some & ~sure
            more += how_many(sure)
            looks += how_many(doubts)
            while doubts != 0:
                j = strip.a + at + lowest(doubts)
                doubts &= doubts - 1
                value = look(tile, i, j)
                more += value > top
                if bottom <= value <= top:
                    precise = exact(tile, i, j)
                    more += precise > bounds.high[pair]
                    tied += bounds.low[pair] <= precise <= bounds.high[pair]
        counts.more[pair - first] += more
        counts.tied[pair - first] += tied
    return looks


class ColumnLimits(NamedTuple):
    """Pairs of a chunk's columns: thresholds, (SPAN, depth) each, a column's in ascending order.

    Those in float32 are followed by infinite ones, up to a multiple of FEW_LANES. `lowest`: a
    column's first. `passed`: (SPAN, depth + 1), how many scores are above so many thresholds of a
    column, and not in doubt with the next. `counts`: (depth, SPAN), of what float64 has settled.
    """

    fast_high: Tile
    fast_low: Tile
    high: Tile
    low: Tile
    lowest: Tile
    passed: Tile
    counts: Counts


@compiled()
def _ascending(limits: Tile) -> Tile:
    """(depth, SPAN) thresholds as (SPAN, depth), followed by infinite ones."""
    depth = len(limits)
    out = np.full((SPAN, -(-depth // FEW_LANES) * FEW_LANES), np.float32(np.inf))
    for slot in range(depth):
        for j in range(SPAN):
            out[j, slot] = limits[slot, j]
    return out


@compiled()
def _slots(bounds: Bounds, c: int, d: int, depth: int) -> ColumnLimits:
    """Those of the columns c:d of a block, infinite up to SPAN."""
    fast_low = stretch(bounds.fast_low, c, d, depth, SPAN)
    lowest_bound = fast_low[0] if depth else np.full(SPAN, np.inf, dtype=np.float32)
    return ColumnLimits(
        _ascending(stretch(bounds.fast_high, c, d, depth, SPAN)),
        _ascending(fast_low),
        np.ascontiguousarray(stretch(bounds.high, c, d, depth, SPAN).T),
        np.ascontiguousarray(stretch(bounds.low, c, d, depth, SPAN).T),
        lowest_bound,
        np.zeros((SPAN, depth + 1), dtype=np.int32),
        Counts(np.zeros((depth, SPAN), dtype=np.int32), np.zeros((depth, SPAN), dtype=np.int32)),
    )


@compiled(forceinline=True)
def _above(limits: Tile, j: int, value: float) -> int:
    """How many of column j's thresholds a score is above."""
    count, wide = 0, limits.shape[1]
    for at in range(j * wide, (j + 1) * wide, FEW_LANES):
        count += how_many(above_few(value, limits, at))
    return count


@compiled(forceinline=True)
def _reached(limits: Tile, j: int, value: float) -> int:
    """How many of column j's thresholds a score reaches."""
    count, wide = 0, limits.shape[1]
    for at in range(j * wide, (j + 1) * wide, FEW_LANES):
        count += how_many(reaching_few(value, limits, at))
    return count


@compiled(forceinline=True)
def _count_columns(
    tile: CodedTile, strip: Strip, i: int, r: int, slots: ColumnLimits, places: Tile
) -> int:
    """Count row i of a tile, r of a strip, for the pairs along its columns.

    Returns how many scores were computed. `places`: room for the columns in doubt. Which ones these
    are is not foreseeable, so they are listed first, without a branch.
    """
    looks = 0
    for at in range(0, SPAN, LANES):
        some = reaching_each(strip.most, r * SPAN + at, slots.lowest, at)
        while some != 0:
            j = at + lowest(some)
            some &= some - 1
            sure = _above(slots.fast_high, j, least(tile, strip.terms, i, strip.a, j))
            doubt = sure < _reached(slots.fast_low, j, strip.most[r * SPAN + j])
            places[looks] = j
            looks += doubt
            slots.passed[j, sure] += np.int32(not doubt)
    for n in range(looks):
        j = places[n]
        value = look(tile, i, strip.a + j)
        sure = _above(slots.fast_high, j, value)
        reached_too = _reached(slots.fast_low, j, value)
        slots.passed[j, sure] += np.int32(1)
        if sure < reached_too:
            precise = exact(tile, i, strip.a + j)
            for slot in range(sure, reached_too):
                high, low = slots.high[j, slot], slots.low[j, slot]
                slots.counts.more[slot, j] += np.int32(precise > high)
                slots.counts.tied[slot, j] += np.int32(low <= precise <= high)
    return looks


@compiled(forceinline=True)
def _some_reach(most: Tile, first: int, limits: Tile) -> bool:
    """Whether any of `most` from place `first` on reaches its limit."""
    some = 0
    for at in range(0, SPAN, LANES):
        some |= reaching_each(most, first + at, limits, at)
    return some != 0


@compiled()
def _screen_chunk(
    tile: CodedTile, rows: RowPairs, columns: ColumnPairs, chunk: int, allowed: int
) -> int:
    """Count SPAN columns of a tile; returns how many scores were computed.

    It ends once they are more than `allowed`.
    """
    height, width = tile.products.shape
    depth = columns.depths[chunk * STRETCHES : (chunk + 1) * STRETCHES].max()
    a, b = chunk * SPAN, min(width, (chunk + 1) * SPAN)
    slots = _slots(columns.bounds, columns.offset + a, columns.offset + b, depth)
    places = np.empty(SPAN + 1, dtype=np.int32)
    terms = np.zeros((4, SPAN), dtype=np.float32)
    # Number by number: for a slice numba compiles what tells of shapes that differ, for seconds.
    for term in range(4):
        for j in range(b - a):
            terms[term, j] = tile.columns[term, a + j]
    # Nothing reaches a threshold beyond the tile.
    empty = np.float32(-np.inf)
    most, room = np.full((TOGETHER + 1) * SPAN, empty), np.full(SPAN, empty)
    strip = Strip(a, terms, most, np.empty(TOGETHER, dtype=np.float32), room)
    looks = 0
    for i in range(0, height, TOGETHER):
        survey_most(tile, terms, Place(i, a, b), most, strip.best)
        for r in range(min(TOGETHER, height - i)):
            looks += _count_row(tile, rows, strip, i + r, r)
        if depth > 0 and _some_reach(most, TOGETHER * SPAN, slots.lowest):
            for r in range(min(TOGETHER, height - i)):
                looks += _count_columns(tile, strip, i + r, r, slots, places)
        if looks > allowed:
            return looks
    for j in range(b - a):
        more = 0
        for slot in range(depth - 1, -1, -1):
            more += slots.passed[j, slot + 1]
            columns.counts.more[slot, a + j] += more + slots.counts.more[slot, j]
            columns.counts.tied[slot, a + j] += slots.counts.tied[slot, j]
    return looks


@compiled(nogil=True)
def screen_tile(tile: CodedTile, rows: RowPairs, columns: ColumnPairs, allowed: int) -> int:
    """Count a tile for both kinds of query; returns how many scores had to be computed.

    Where they are more than `allowed`, it is left off, and what was counted is worth nothing.
    """
    width, looks = tile.products.shape[1], 0
    for chunk in range((width + SPAN - 1) // SPAN):
        looks += _screen_chunk(tile, rows, columns, chunk, allowed - looks)
        if looks > allowed:
            break
    return looks
