"""Counting on a tile of scores: how many values lie above, and at, each pair's threshold.

A tile holds texts along its rows and visuals along its columns; one pass over it serves queries
along both. A threshold is the score of a relevant pair. Floats within 1e-6 of it are tied with
it; codes are if they are equal.

Most values are below every threshold of their row and of their column, so the largest value of
each row and column of a strip is found first, and what it does not reach is not looked at again.
The rest is told apart by the tile's float32 scores, nearly all of it. Those within their error of a
threshold are settled by exact scores in float64: counts depend neither on the order in which a
machine sums a product nor on the tile that a pair falls into. Products of codes are compared as
product * scale * scale: the exact value has at most 72 bits and two different ones of a query
differ by more than 2^-48 of their size, so float64's rounding neither joins nor parts any two.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from cmr.score.compiled import compiled
from cmr.score.cpu.exact_scores import Tile, exact_value, fast_value
from cmr.score.cpu.strips import (
    STRIP,
    WIDTH,
    along_columns,
    along_row,
    fill,
    fill_row,
    reached,
    survey,
    survey_edge,
)

Counts = npt.NDArray[np.int64]

# Queries with more relevant items than this are counted by sorting: see `count_sorted`.
FEW = 32
# Up to so many columns of a strip that reach a threshold are counted one by one.
SPARSE = 40
# Values among which one in doubt is looked for.
GROUP = 32


@compiled()
def _settled(cells: tuple[Tile, ...], i: int, j: int, high: Any, low: Any) -> tuple[Any, Any]:
    """Whether the exact score of a cell in doubt is above, and whether it is tied: 0 or 1 each."""
    precise = exact_value(*cells, i, j)
    return np.int32(precise > high), np.int32(low <= precise <= high)


@compiled()
def _settle_row(
    cells: tuple[Tile, ...], values: Tile, i: int, a: int, fast: Any, exact: Any
) -> tuple[Any, Any]:
    """How many of a row's values in doubt are above, and tied.

    `cells`: the tile, its scales, its vectors. `values`: its float32 scores from (i, a) on.
    `fast`, `exact`: high and low bound, in float32 and in float64.
    """
    more, tied = np.int32(0), np.int32(0)
    for at in range(0, len(values), GROUP):
        to = min(at + GROUP, len(values))
        some = np.int32(0)
        for j in range(at, to):
            some = np.int32(
                some | (np.int32(values[j] >= fast[1]) & np.int32(values[j] <= fast[0]))
            )
        if some:
            for j in range(at, to):
                if fast[1] <= values[j] <= fast[0]:
                    above, same = _settled(cells, i, a + j, exact[0], exact[1])
                    more += above
                    tied += same
    return more, tied


@compiled()
def _settle_columns(
    cells: tuple[Tile, ...],
    strip: Tile,
    level: Tile,
    i: int,
    a: int,
    fast: tuple[Tile, Tile],
    exact: tuple[Tile, Tile],
    more: Tile,
    tied: Tile,
) -> None:
    """The same for those columns of a strip, first cell (i, a), where `level` is not 0."""
    for at in range(0, len(level), GROUP):
        to = min(at + GROUP, len(level))
        some = np.int32(0)
        for j in range(at, to):
            some = np.int32(some | level[j])
        if some:
            for j in range(at, to):
                if level[j]:
                    for r in range(STRIP):
                        if fast[1][j] <= strip[r, j] <= fast[0][j]:
                            high, low = exact[0][j], exact[1][j]
                            above, same = _settled(cells, i + r, a + j, high, low)
                            more[j] += above
                            tied[j] += same


@compiled()
def _count_rows(
    cells: tuple[Tile, ...],
    pairs: tuple[Tile, ...],
    best: Tile,
    line: Tile,
    i: int,
    a: int,
    b: int,
    part: Tile,
    chunk: int,
    sure: bool,
) -> None:
    """Count a strip, columns a to b from row i on, for the rows that reach a threshold.

    `pairs`: as `count_tile` has them, `begin` to `low`. `line`: room for a row's scores. `part`:
    above and tied, by chunk and pair, zero so far.
    """
    tile, rows, columns = cells[0], cells[1], cells[2]
    begin, end, fast_high, fast_low, high, low = pairs
    for r in range(min(STRIP, len(tile) - i)):
        filled = False
        for pair in range(begin[i + r], end[i + r]):
            if best[r] < fast_low[pair]:
                continue
            if not filled:
                fill_row(line, tile, rows, columns, i + r, a, b)
                filled = True
            quick, sharp = (fast_high[pair], fast_low[pair]), (high[pair], low[pair])
            above, least = along_row(line, *quick)
            tied = least - above
            if tied and not sure:
                more, tied = _settle_row(cells, line, i + r, a, quick, sharp)
                above += more
            part[0, chunk, pair - begin[0]] = above
            part[1, chunk, pair - begin[0]] = tied


@compiled()
def _count_reached(
    cells: tuple[Tile, ...],
    top: Tile,
    lowest: Tile,
    i: int,
    a: int,
    fast: tuple[Tile, Tile],
    exact: tuple[Tile, Tile],
    more: Tile,
    tied: Tile,
    places: Tile,
    sure: bool,
) -> None:
    """Count a strip, first cell (i, a), for those columns alone that reach a threshold.

    Slots are in the order of their thresholds, so most values are settled by the first of them.
    `places`: room for the columns that reach one, found without a branch.
    """
    tile, rows, columns = cells[0], cells[1], cells[2]
    count = 0
    for j in range(len(top)):
        places[count] = j
        count += top[j] >= lowest[j]
    depth, last = len(more), min(i + STRIP, tile.shape[0])
    for n in range(count):
        j = places[n]
        for r in range(i, last):
            value = fast_value(tile, rows, columns, r, a + j)
            if value < lowest[j]:
                continue
            slot = 0
            while slot < depth and value > fast[0][slot, j]:
                more[slot, j] += np.int32(1)
                slot += 1
            while slot < depth and value >= fast[1][slot, j]:
                if sure:
                    tied[slot, j] += np.int32(1)
                else:
                    high, low = exact[0][slot, j], exact[1][slot, j]
                    above, same = _settled(cells, r, a + j, high, low)
                    more[slot, j] += above
                    tied[slot, j] += same
                slot += 1


@compiled()
def _stretch(bounds: Tile, c: int, d: int, depth: int) -> Tile:
    """The bounds of `depth` slots from column c to d, infinite up to WIDTH.

    A copy: a view of what threads share costs them a counter that they share, too.
    """
    out = np.full((depth, WIDTH), np.inf, dtype=bounds.dtype)
    for slot in range(depth):
        for j in range(d - c):
            out[slot, j] = bounds[slot, c + j]
    return out


@compiled()
def _count_chunk(
    cells: tuple[Tile, ...],
    pairs: tuple[Tile, ...],
    bounds: tuple[Tile, ...],
    counts: tuple[Tile, Tile],
    part: Tile,
    depth: int,
    chunk: int,
    offset: int,
    sure: bool,
) -> None:
    """Count WIDTH columns of a tile: what one thread does.

    A function of its own, for numba takes long to compile what stands inside a parallel loop.
    """
    tile, rows, columns = cells[0], cells[1], cells[2]
    height, width = tile.shape
    a, b = chunk * WIDTH, min(width, (chunk + 1) * WIDTH)
    c, d = offset + a, offset + b
    fast = _stretch(bounds[0], c, d, depth), _stretch(bounds[1], c, d, depth)
    exact = _stretch(bounds[2], c, d, depth), _stretch(bounds[3], c, d, depth)
    lowest = fast[1][0] if depth else np.full(WIDTH, np.inf, dtype=np.float32)
    up = np.zeros((depth, WIDTH), dtype=np.int32)
    at = np.zeros((depth, WIDTH), dtype=np.int32)
    values = np.full((STRIP, WIDTH), -np.inf, dtype=np.float32)
    best, top = np.empty(STRIP, dtype=np.float32), np.empty(WIDTH, dtype=np.float32)
    level, places = np.empty(WIDTH, dtype=np.int32), np.empty(WIDTH + 1, dtype=np.int32)
    line = np.full(WIDTH, -np.inf, dtype=np.float32)
    for i in range(0, height, STRIP):
        if i + STRIP <= height and b - a == WIDTH:
            survey(tile, rows, columns, i, a, best, top)
        else:
            survey_edge(tile, rows, columns, i, a, b, best, top)
        _count_rows(cells, pairs, best, line, i, a, b, part, chunk, sure)
        many = reached(top, lowest)
        if many == 0:
            continue
        if many <= SPARSE:
            _count_reached(cells, top, lowest, i, a, fast, exact, up, at, places, sure)
            continue
        fill(values, tile, rows, columns, i, a, b)
        for slot in range(depth):
            quick = fast[0][slot], fast[1][slot]
            if along_columns(values, *quick, up[slot], level):
                if sure:
                    for j in range(WIDTH):
                        at[slot, j] += level[j]
                else:
                    sharp = exact[0][slot], exact[1][slot]
                    found = up[slot], at[slot]
                    _settle_columns(cells, values, level, i, a, quick, sharp, *found)
    for slot in range(depth):
        for j in range(d - c):
            counts[0][slot, c + j] += up[slot, j]
            counts[1][slot, c + j] += at[slot, j]


@compiled(parallel=True)
def count_tile(
    tile: Tile,
    rows: Tile,
    columns: Tile,
    texts: Tile,
    visuals: Tile,
    begin: Counts,
    end: Counts,
    fast_high: Tile,
    fast_low: Tile,
    high: Tile,
    low: Tile,
    more: Counts,
    tied: Counts,
    column_fast_high: Tile,
    column_fast_low: Tile,
    column_high: Tile,
    column_low: Tile,
    column_more: Tile,
    column_tied: Tile,
    slots: Counts,
    offset: int,
    sure: bool,
) -> None:
    """Count a (rows, columns) tile for both kinds of query; counts are added to.

    `rows`, `columns`: the scales, or empty where the tile's values are scores. `texts`,
    `visuals`: the vectors of its rows and columns. Row queries: the pairs of row i are
    begin[i]:end[i] of `fast_high` ... `tied`. Column queries: `column_*` are (slots, all columns
    of the block), a slot a pair, of a column the lowest threshold first, and the tile's first is
    column `offset`; `slots` says, for each stretch of WIDTH columns of the tile, how many slots are
    used.

    A value above `fast_high` is above, one below `fast_low` is not. Those between are tied if
    `sure`; else they are looked up and settled by the float64 `high` and `low`.
    """
    height, width = tile.shape
    chunks = (width + WIDTH - 1) // WIDTH
    first = begin[0]
    part = np.zeros((2, chunks, end[height - 1] - first), dtype=np.int32)
    cells = tile, rows, columns, texts, visuals
    pairs = begin, end, fast_high, fast_low, high, low
    bounds = column_fast_high, column_fast_low, column_high, column_low
    counts = column_more, column_tied
    for chunk in numba.prange(chunks):
        # An index of the same type as elsewhere: for another it would be compiled once more.
        at = np.int64(chunk)
        _count_chunk(cells, pairs, bounds, counts, part, slots[at], at, offset, sure)
    for chunk in range(chunks):
        for pair in range(part.shape[2]):
            more[first + pair] += part[0, chunk, pair]
            tied[first + pair] += part[1, chunk, pair]
