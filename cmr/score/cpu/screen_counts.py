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
    reaching_few,
)
from cmr.score.cpu.screen_strips import (
    CodedTile,
    Intervals,
    exact,
    fill_bounds,
    look,
    survey_most,
)
from cmr.score.cpu.strip_counts import Place, RowPairs
from cmr.score.cpu.strips import STRIP, WIDTH, reached
from cmr.score.cpu.tile_counts import ColumnPairs, stretch
from cmr.score.tally import Bounds, Counts


@compiled()
def _count_row(
    tile: CodedTile, pairs: RowPairs, row: int, best: float, line: Intervals, place: Place
) -> int:
    """Count a row of a strip for its pairs; returns how many scores were computed.

    `best`: the most that a score of the row may be. `line`: the bounds of its scores.
    """
    bounds, counts, first, looks = pairs.bounds, pairs.counts, pairs.begin[0], 0
    for pair in range(pairs.begin[row], pairs.end[row]):
        top, bottom = bounds.fast_high[pair], bounds.fast_low[pair]
        if best < bottom:
            continue
        more, tied = 0, 0
        for at in range(0, WIDTH, LANES):
            sure = above(line.least, top, at)
            doubts = reaching(line.most, bottom, at) & ~sure
            more += how_many(sure)
            looks += how_many(doubts)
            while doubts != 0:
                j = place.a + at + lowest(doubts)
                doubts &= doubts - 1
                value = look(tile, row, j)
                more += value > top
                if bottom <= value <= top:
                    precise = exact(tile, row, j)
                    more += precise > bounds.high[pair]
                    tied += bounds.low[pair] <= precise <= bounds.high[pair]
        counts.more[pair - first] += more
        counts.tied[pair - first] += tied
    return looks


class ColumnLimits(NamedTuple):
    """Pairs of a chunk's columns: thresholds, (WIDTH, depth) each, a column's in ascending order.

    Those in float32 are followed by infinite ones, up to a multiple of FEW_LANES. `lowest`: a
    column's first. `passed`: (WIDTH, depth + 1), how many scores are above so many thresholds of a
    column, and not in doubt with the next. `counts`: (depth, WIDTH), of what float64 has settled.
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
    """(depth, WIDTH) thresholds as (WIDTH, depth), followed by infinite ones."""
    depth = len(limits)
    out = np.full((WIDTH, -(-depth // FEW_LANES) * FEW_LANES), np.float32(np.inf))
    for slot in range(depth):
        for j in range(WIDTH):
            out[j, slot] = limits[slot, j]
    return out


@compiled()
def _slots(bounds: Bounds, c: int, d: int, depth: int) -> ColumnLimits:
    """Those of the columns c:d of a block, infinite up to WIDTH."""
    fast_low = stretch(bounds.fast_low, c, d, depth)
    lowest_bound = fast_low[0] if depth else np.full(WIDTH, np.inf, dtype=np.float32)
    return ColumnLimits(
        _ascending(stretch(bounds.fast_high, c, d, depth)),
        _ascending(fast_low),
        np.ascontiguousarray(stretch(bounds.high, c, d, depth).T),
        np.ascontiguousarray(stretch(bounds.low, c, d, depth).T),
        lowest_bound,
        np.zeros((WIDTH, depth + 1), dtype=np.int32),
        Counts(np.zeros((depth, WIDTH), dtype=np.int32), np.zeros((depth, WIDTH), dtype=np.int32)),
    )


@compiled()
def _above(limits: Tile, j: int, value: float) -> int:
    """How many of column j's thresholds a score is above."""
    count, wide = 0, limits.shape[1]
    for at in range(j * wide, (j + 1) * wide, FEW_LANES):
        count += how_many(above_few(value, limits, at))
    return count


@compiled()
def _reached(limits: Tile, j: int, value: float) -> int:
    """How many of column j's thresholds a score reaches."""
    count, wide = 0, limits.shape[1]
    for at in range(j * wide, (j + 1) * wide, FEW_LANES):
        count += how_many(reaching_few(value, limits, at))
    return count


@compiled()
def _count_columns(
    tile: CodedTile, row: int, line: Intervals, a: int, slots: ColumnLimits, places: Tile
) -> int:
    """Count a row of a strip for the pairs along its columns; returns how many were computed.

    `a`: the tile's column where the strip begins. `places`: room for the columns in doubt. Which
    columns these are is not foreseeable, so they are listed first, without a branch.
    """
    looks = 0
    for at in range(0, WIDTH, LANES):
        some = reaching(line.most, slots.lowest, at)
        while some != 0:
            j = at + lowest(some)
            some &= some - 1
            sure = _above(slots.fast_high, j, line.least[j])
            doubt = sure < _reached(slots.fast_low, j, line.most[j])
            places[looks] = j
            looks += doubt
            slots.passed[j, sure] += np.int32(not doubt)
    for n in range(looks):
        j = places[n]
        value = look(tile, row, a + j)
        sure = _above(slots.fast_high, j, value)
        reached_too = _reached(slots.fast_low, j, value)
        slots.passed[j, sure] += np.int32(1)
        if sure < reached_too:
            precise = exact(tile, row, a + j)
            for slot in range(sure, reached_too):
                high, low = slots.high[j, slot], slots.low[j, slot]
                slots.counts.more[slot, j] += np.int32(precise > high)
                slots.counts.tied[slot, j] += np.int32(low <= precise <= high)
    return looks


@compiled()
def _screen_chunk(
    tile: CodedTile, rows: RowPairs, columns: ColumnPairs, chunk: int, allowed: int
) -> int:
    """Count WIDTH columns of a tile; returns how many scores were computed.

    It ends once they are more than `allowed`.
    """
    depth, (height, width) = columns.depths[chunk], tile.products.shape
    a, b = chunk * WIDTH, min(width, (chunk + 1) * WIDTH)
    slots = _slots(columns.bounds, columns.offset + a, columns.offset + b, depth)
    places = np.empty(WIDTH + 1, dtype=np.int32)
    terms = np.zeros((4, WIDTH), dtype=np.float32)
    # Number by number: for a slice numba compiles what tells of shapes that differ, for seconds.
    for term in range(4):
        for j in range(b - a):
            terms[term, j] = tile.columns[term, a + j]
    # Nothing reaches a threshold beyond the tile.
    empty = np.float32(-np.inf)
    line = Intervals(np.full(WIDTH, empty), np.full(WIDTH, empty))
    best, top = np.empty(STRIP, dtype=np.float32), np.empty(WIDTH, dtype=np.float32)
    looks = 0
    for i in range(0, height, STRIP):
        place = Place(i, a, b)
        survey_most(tile, terms, place, best, top)
        some = depth > 0 and reached(top, slots.lowest) > 0
        for r in range(min(STRIP, height - i)):
            row = i + r
            filled = False
            for pair in range(rows.begin[row], rows.end[row]):
                filled = filled or best[r] >= rows.bounds.fast_low[pair]
            if not some and not filled:
                continue
            fill_bounds(tile, terms, row, a, b, line)
            if filled:
                looks += _count_row(tile, rows, row, best[r], line, place)
            if some:
                looks += _count_columns(tile, row, line, a, slots, places)
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
    for chunk in range((width + WIDTH - 1) // WIDTH):
        looks += _screen_chunk(tile, rows, columns, chunk, allowed - looks)
        if looks > allowed:
            break
    return looks
