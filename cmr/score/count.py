"""Counting on a tile of scores: how many values lie above, and at, each pair's threshold.

A tile holds texts along its rows and visuals along its columns; one pass over it serves queries
along both. A threshold is the score of a relevant pair. Floats from `low` to `high`, 1e-6 around
it, are tied with it.

Products of codes are compared as product * scale * scale. In float64 its exact value has at most
72 bits and two different ones of a query differ by more than 2^-48 of their size, so rounding
neither joins nor parts any two: ties are ties, on every machine. Nearly all values are already
told apart in float32, which is much faster; only those within its error are settled in float64.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Tile = npt.NDArray[Any]

# Queries with more relevant items than this are counted by sorting: see `count_sorted`.
FEW = 32
# Columns of a tile that one thread reads at a time: values, thresholds and counts stay in L1.
WIDTH = 256
# Rows that it reads at a time, so that a column's threshold is loaded once for all of them.
STRIP = 8


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
def _along_columns(
    source: Tile, i: int, a: int, high: Tile, low: Tile, more: Tile, least: Tile
) -> None:
    """The same for a strip at once, a threshold a column: one load of it serves eight rows."""
    b = a + len(high)
    r, s, t, u = source[i, a:b], source[i + 1, a:b], source[i + 2, a:b], source[i + 3, a:b]
    v, w, x, y = source[i + 4, a:b], source[i + 5, a:b], source[i + 6, a:b], source[i + 7, a:b]
    for j in range(len(high)):
        top, bottom = high[j], low[j]
        more[j] += (
            np.int32(r[j] > top)
            + np.int32(s[j] > top)
            + np.int32(t[j] > top)
            + np.int32(u[j] > top)
            + np.int32(v[j] > top)
            + np.int32(w[j] > top)
            + np.int32(x[j] > top)
            + np.int32(y[j] > top)
        )
        least[j] += (
            np.int32(r[j] >= bottom)
            + np.int32(s[j] >= bottom)
            + np.int32(t[j] >= bottom)
            + np.int32(u[j] >= bottom)
            + np.int32(v[j] >= bottom)
            + np.int32(w[j] >= bottom)
            + np.int32(x[j] >= bottom)
            + np.int32(y[j] >= bottom)
        )


@numba.njit(cache=True)
def _settle(
    tile: Tile, rows: Tile, columns: Tile, i: int, j: int, high: Any, low: Any, exact: Any
) -> tuple[Any, Any]:
    """Whether a value is within its bounds in doubt and then above, or tied with, `exact`."""
    value = np.float32(tile[i, j]) * columns[j] * rows[i]
    if low <= value <= high:
        precise = np.float64(tile[i, j]) * columns[j] * rows[i]
        return np.int32(precise > exact), np.int32(precise == exact)
    return np.int32(0), np.int32(0)


@numba.njit(cache=True)
def _settle_row(
    tile: Tile,
    rows: Tile,
    columns: Tile,
    i: int,
    a: int,
    b: int,
    high: Any,
    low: Any,
    exact: Any,
) -> tuple[Any, Any]:
    """`_settle` for columns a:b of row i, summed."""
    more, tied = np.int32(0), np.int32(0)
    for j in range(a, b):
        found = _settle(tile, rows, columns, i, j, high, low, exact)
        more += found[0]
        tied += found[1]
    return more, tied


@numba.njit(cache=True)
def _settle_column(
    tile: Tile, rows: Tile, columns: Tile, j: int, high: Any, low: Any, exact: Any
) -> tuple[Any, Any]:
    """`_settle` for all of column j, summed."""
    more, tied = np.int32(0), np.int32(0)
    for i in range(tile.shape[0]):
        found = _settle(tile, rows, columns, i, j, high, low, exact)
        more += found[0]
        tied += found[1]
    return more, tied


@numba.njit(cache=True, parallel=True)
def count_tile(
    tile: Tile,
    rows: Tile,
    columns: Tile,
    begin: Counts,
    end: Counts,
    high: Tile,
    low: Tile,
    exact: Tile,
    own: Counts,
    more: Counts,
    tied: Counts,
    column_high: Tile,
    column_low: Tile,
    column_exact: Tile,
    column_own: Counts,
    column_more: Tile,
    column_tied: Tile,
    slots: Counts,
    offset: int,
    first_row: int,
    first_column: int,
    sure: bool,
) -> None:
    """Count a (rows, columns) tile for both kinds of query; counts are added to.

    `rows`, `columns`: the scales, or empty where the tile's values are scores. Row queries: the
    pairs of row i are begin[i]:end[i] of `high`, `low`, `exact`, `own`, `more`, `tied`. Column
    queries: `column_*` are (slots, all columns of the block), a slot a pair, and the tile's first
    is column `offset`; `slots` says, for each stretch of WIDTH columns of the tile, how many
    slots are used. `first_row`, `first_column`: the tile's place in the whole.

    `high` and `low` are float32 bounds: a value above `high` is above, one below `low` is not.
    Those between are tied if `sure`; else they are looked up and settled exactly. The pair's own
    item, `own` or `column_own`, is always one of them, and mostly the only one.
    """
    height, width = tile.shape
    chunks = (width + WIDTH - 1) // WIDTH
    first = begin[0]
    part = np.zeros((2, chunks, end[height - 1] - first), dtype=np.int32)
    for chunk in numba.prange(chunks):
        a, b = chunk * WIDTH, min(width, (chunk + 1) * WIDTH)
        c, d = offset + a, offset + b
        depth = slots[chunk]
        values = np.empty((STRIP, b - a), dtype=np.float32)
        up = np.zeros((depth, b - a), dtype=np.int32)
        at = np.zeros((depth, b - a), dtype=np.int32)
        for i in range(0, height, STRIP):
            _fill(values, tile, rows, columns, i, a)
            for r in range(min(STRIP, height - i)):
                for pair in range(begin[i + r], end[i + r]):
                    above, least = _along_row(values[r], high[pair], low[pair])
                    level = least - above
                    alone = level == 1 and a <= own[pair] - first_column < b
                    if level and not sure and not alone:
                        bounds = high[pair], low[pair], exact[pair]
                        found = _settle_row(tile, rows, columns, i + r, a, b, *bounds)
                        above += found[0]
                        level = found[1]
                    part[0, chunk, pair - first] = above
                    part[1, chunk, pair - first] = level
            for slot in range(depth):
                bound = column_high[slot, c:d], column_low[slot, c:d]
                _along_columns(values, 0, 0, *bound, up[slot], at[slot])
        for slot in range(depth):
            for j in range(b - a):
                above, level = up[slot, j], at[slot, j] - up[slot, j]
                alone = level == 1 and 0 <= column_own[slot, c + j] - first_row < height
                if level and not sure and not alone:
                    top, bottom = column_high[slot, c + j], column_low[slot, c + j]
                    precise = column_exact[slot, c + j]
                    found = _settle_column(tile, rows, columns, a + j, top, bottom, precise)
                    above += found[0]
                    level = found[1]
                column_more[slot, c + j] += above
                column_tied[slot, c + j] += level
    for chunk in range(chunks):
        for pair in range(part.shape[2]):
            more[first + pair] += part[0, chunk, pair]
            tied[first + pair] += part[1, chunk, pair]
