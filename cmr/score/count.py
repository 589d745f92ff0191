"""Counting on a tile of scores: how many values lie above, and at, each pair's threshold.

A tile holds texts along its rows and visuals along its columns; one pass over it serves queries
along both. A threshold is the score of a relevant pair. Floats within 1e-6 of it are tied with
it; codes are if they are equal.

Nearly all values are told apart by the tile's float32 scores. Those within their error of a
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

from cmr.score.exact import Tile, exact_value

Counts = npt.NDArray[np.int64]

# Queries with more relevant items than this are counted by sorting: see `count_sorted`.
FEW = 32
# Columns of a tile that one thread reads at a time: values, thresholds and counts stay in L1.
WIDTH = 256
# Rows that it reads at a time, so that a column's threshold is loaded once for all of them.
STRIP = 8
# Values among which one in doubt is looked for.
GROUP = 32


@numba.njit(cache=True)
def _fill(values: Tile, tile: Tile, rows: Tile, columns: Tile, i: int, a: int) -> None:
    """A strip of a tile, from row i and column a, as float32 scores; -inf below its last row."""
    b = a + values.shape[1]
    for r in range(STRIP):
        out = values[r]
        if i + r >= tile.shape[0]:
            out[:] = -np.inf
        elif len(rows):
            row, scale, others = tile[i + r, a:b], rows[i + r], columns[a:b]
            for j in range(len(out)):
                out[j] = np.float32(row[j]) * others[j] * scale
        else:
            row = tile[i + r, a:b]
            for j in range(len(out)):
                out[j] = row[j]


@numba.njit(cache=True)
def _along_row(values: Tile, high: Any, low: Any) -> tuple[Any, Any]:
    """How many values are above `high`, and how many at or above `low`."""
    more, least = np.int32(0), np.int32(0)
    for j in range(len(values)):
        more += np.int32(values[j] > high)
        least += np.int32(values[j] >= low)
    return more, least


@numba.njit(cache=True)
def _along_columns(strip: Tile, high: Tile, low: Tile, more: Tile, level: Tile) -> Any:
    """Add to `more` how many of a strip's values are above `high`, a threshold a column.

    `level` becomes the number from `low` to `high`; whether any is, is returned. One load of a
    threshold serves eight rows.
    """
    r, s, t, u = strip[0], strip[1], strip[2], strip[3]
    v, w, x, y = strip[4], strip[5], strip[6], strip[7]
    some = np.int32(0)
    for j in range(len(high)):
        top, bottom = high[j], low[j]
        above = (
            np.int32(r[j] > top)
            + np.int32(s[j] > top)
            + np.int32(t[j] > top)
            + np.int32(u[j] > top)
            + np.int32(v[j] > top)
            + np.int32(w[j] > top)
            + np.int32(x[j] > top)
            + np.int32(y[j] > top)
        )
        least = (
            np.int32(r[j] >= bottom)
            + np.int32(s[j] >= bottom)
            + np.int32(t[j] >= bottom)
            + np.int32(u[j] >= bottom)
            + np.int32(v[j] >= bottom)
            + np.int32(w[j] >= bottom)
            + np.int32(x[j] >= bottom)
            + np.int32(y[j] >= bottom)
        )
        more[j] += above
        here = np.int32(least - above)
        level[j] = here
        # numba widens sums of int32 to int64, which would halve the speed.
        some = np.int32(some | here)
    return some


@numba.njit(cache=True)
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
                    precise = exact_value(*cells, i, a + j)
                    more += np.int32(precise > exact[0])
                    tied += np.int32(exact[1] <= precise <= exact[0])
    return more, tied


@numba.njit(cache=True)
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
                            precise = exact_value(*cells, i + r, a + j)
                            more[j] += np.int32(precise > exact[0][j])
                            tied[j] += np.int32(exact[1][j] <= precise <= exact[0][j])


@numba.njit(cache=True, parallel=True)
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
    of the block), a slot a pair, and the tile's first is column `offset`; `slots` says, for each
    stretch of WIDTH columns of the tile, how many slots are used.

    A value above `fast_high` is above, one below `fast_low` is not. Those between are tied if
    `sure`; else they are looked up and settled by the float64 `high` and `low`.
    """
    height, width = tile.shape
    chunks = (width + WIDTH - 1) // WIDTH
    first = begin[0]
    part = np.zeros((2, chunks, end[height - 1] - first), dtype=np.int32)
    cells = tile, rows, columns, texts, visuals
    for chunk in numba.prange(chunks):
        a, b = chunk * WIDTH, min(width, (chunk + 1) * WIDTH)
        c, d = offset + a, offset + b
        depth = slots[chunk]
        # Copies: a view of what threads share costs them a counter that they share, too.
        high_here = column_fast_high[:depth, c:d].copy()
        low_here = column_fast_low[:depth, c:d].copy()
        sharp_high = column_high[:depth, c:d].copy()
        sharp_low = column_low[:depth, c:d].copy()
        up = np.zeros((depth, b - a), dtype=np.int32)
        at = np.zeros((depth, b - a), dtype=np.int32)
        values = np.empty((STRIP, b - a), dtype=np.float32)
        level = np.empty(b - a, dtype=np.int32)
        for i in range(0, height, STRIP):
            _fill(values, tile, rows, columns, i, a)
            for r in range(min(STRIP, height - i)):
                for pair in range(begin[i + r], end[i + r]):
                    fast, exact = (fast_high[pair], fast_low[pair]), (high[pair], low[pair])
                    above, least = _along_row(values[r], fast[0], fast[1])
                    if least == above or sure:
                        part[0, chunk, pair - first] = above
                        part[1, chunk, pair - first] = least - above
                    else:
                        found = _settle_row(cells, values[r], i + r, a, fast, exact)
                        part[0, chunk, pair - first] = above + found[0]
                        part[1, chunk, pair - first] = found[1]
            for slot in range(depth):
                quick = high_here[slot], low_here[slot]
                if _along_columns(values, *quick, up[slot], level):
                    if sure:
                        at[slot] += level
                    else:
                        sharp = sharp_high[slot], sharp_low[slot]
                        counts = up[slot], at[slot]
                        _settle_columns(cells, values, level, i, a, quick, sharp, *counts)
        column_more[:depth, c:d] += up
        column_tied[:depth, c:d] += at
    for chunk in range(chunks):
        for pair in range(part.shape[2]):
            more[first + pair] += part[0, chunk, pair]
            tied[first + pair] += part[1, chunk, pair]
