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
STRIP = 4


@numba.njit(cache=True, inline="always")
def _value(tile: Tile, rows: Tile, columns: Tile, i: int, j: int, flip: bool) -> Any:
    """The score of query i and item j; `flip` where queries run along the columns."""
    row, column = (j, i) if flip else (i, j)
    if len(rows):
        return np.float64(tile[row, column]) * columns[column] * rows[row]
    return tile[row, column]


@numba.njit(cache=True)
def _fill(values: Tile, tile: Tile, rows: Tile, columns: Tile, i: int, a: int) -> None:
    """Four rows of a tile, from column `a`, as float32 scores; -inf below its last row."""
    for r in range(STRIP):
        if i + r >= tile.shape[0]:
            values[r, :] = -np.inf
        elif len(rows):
            scale = rows[i + r]
            for j in range(values.shape[1]):
                values[r, j] = np.float32(tile[i + r, a + j]) * columns[a + j] * scale
        else:
            for j in range(values.shape[1]):
                values[r, j] = tile[i + r, a + j]


@numba.njit(cache=True)
def _along_row(values: Tile, high: Any, low: Any) -> tuple[Any, Any]:
    """How many values are above `high`, and how many at or above `low`."""
    more, least = np.int32(0), np.int32(0)
    for j in range(len(values)):
        more += np.int32(values[j] > high)
        least += np.int32(values[j] >= low)
    return more, least


@numba.njit(cache=True)
def _along_columns(values: Tile, high: Tile, low: Tile, more: Tile, least: Tile) -> None:
    """The same for four rows at once, a threshold a column: one load of it serves all four."""
    a, b, c, d = values[0], values[1], values[2], values[3]
    for j in range(len(high)):
        top, bottom = high[j], low[j]
        more[j] += (
            np.int32(a[j] > top)
            + np.int32(b[j] > top)
            + np.int32(c[j] > top)
            + np.int32(d[j] > top)
        )
        least[j] += (
            np.int32(a[j] >= bottom)
            + np.int32(b[j] >= bottom)
            + np.int32(c[j] >= bottom)
            + np.int32(d[j] >= bottom)
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
    sure: bool,
) -> None:
    """Count a (rows, columns) tile for both kinds of query; counts are added to.

    `rows`, `columns`: the scales, or empty where the tile's values are scores. Row queries: the
    pairs of row i are begin[i]:end[i] of `high`, `low`, `exact`, `more`, `tied`. Column queries:
    `column_*` are (slots, all columns of the block), a slot a pair, and the tile's first is
    column `offset`; `slots` says, for each stretch of WIDTH columns of the tile, how many slots
    are used.

    `high` and `low` are float32 bounds: a value above `high` is above, one below `low` is not.
    Those between are tied if `sure`; else they are looked up and settled exactly. The pair's own
    item, row `column_own` - `first_row`, is always one of them, and mostly the only one.
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
                    top, bottom = high[pair], low[pair]
                    above, least = _along_row(values[r], top, bottom)
                    level = least - above
                    if level and not sure:
                        level = np.int32(0)
                        for j in range(a, b):
                            found = _settle(tile, rows, columns, i + r, j, top, bottom, exact[pair])
                            above += found[0]
                            level += found[1]
                    part[0, chunk, pair - first] = above
                    part[1, chunk, pair - first] = level
            for slot in range(depth):
                _along_columns(
                    values, column_high[slot, c:d], column_low[slot, c:d], up[slot], at[slot]
                )
        for slot in range(depth):
            for j in range(b - a):
                level = at[slot, j] - up[slot, j]
                column_more[slot, c + j] += up[slot, j]
                own = column_own[slot, c + j] - first_row
                if sure or not level or (level == 1 and 0 <= own < height):
                    column_tied[slot, c + j] += level
                    continue
                top, bottom = column_high[slot, c + j], column_low[slot, c + j]
                for i in range(height):
                    found = _settle(
                        tile, rows, columns, i, a + j, top, bottom, column_exact[slot, c + j]
                    )
                    column_more[slot, c + j] += found[0]
                    column_tied[slot, c + j] += found[1]
    for chunk in range(chunks):
        for pair in range(part.shape[2]):
            more[first + pair] += part[0, chunk, pair]
            tied[first + pair] += part[1, chunk, pair]


@numba.njit(cache=True)
def _among(
    values: Tile, high: Tile, low: Tile, begin: int, end: int, more: Counts, tied: Counts
) -> None:
    """Add the counts of `values` to the pairs begin:end."""
    if len(values) * (end - begin) <= FEW * FEW:
        for pair in range(begin, end):
            for value in values:
                more[pair] += value > high[pair]
                tied[pair] += low[pair] <= value <= high[pair]
        return
    ordered = np.sort(values)
    size = len(ordered)
    for pair in range(begin, end):
        above = size - np.searchsorted(ordered, high[pair], side="right")
        more[pair] += above
        tied[pair] += size - np.searchsorted(ordered, low[pair], side="left") - above


@numba.njit(cache=True, parallel=True)
def count_sorted(
    tile: Tile,
    rows: Tile,
    columns: Tile,
    queries: Counts,
    first: int,
    start: Counts,
    high: Tile,
    low: Tile,
    more: Counts,
    tied: Counts,
    flip: bool,
) -> None:
    """Count the queries with many relevant items: sort the row once, look each pair up.

    `queries`: their ordinals, all within the tile, whose first query is `first`. `flip` where
    queries run along the columns.
    """
    for n in numba.prange(len(queries)):
        query = queries[n]
        i = query - first
        values = np.empty(tile.shape[0 if flip else 1], dtype=high.dtype)
        for j in range(len(values)):
            values[j] = _value(tile, rows, columns, np.int64(i), np.int64(j), flip)
        _among(values, high, low, start[query], start[query + 1], more, tied)


@numba.njit(cache=True)
def count_relevants(
    tile: Tile,
    rows: Tile,
    columns: Tile,
    first_query: int,
    first_item: int,
    start: Counts,
    item: Counts,
    high: Tile,
    low: Tile,
    more: Counts,
    tied: Counts,
    flip: bool,
) -> None:
    """Count the relevant items alone, with the very values that the whole tile was counted by.

    Their share is taken off afterwards, so that no relevant item competes with another.
    """
    queries, items = tile.shape[1 if flip else 0], tile.shape[0 if flip else 1]
    for i in range(queries):
        begin, end = start[first_query + i], start[first_query + i + 1]
        left = begin + np.searchsorted(item[begin:end], first_item)
        right = begin + np.searchsorted(item[begin:end], first_item + items)
        if left < right:
            values = np.empty(right - left, dtype=high.dtype)
            for pair in range(left, right):
                values[pair - left] = _value(
                    tile, rows, columns, np.int64(i), item[pair] - first_item, flip
                )
            _among(values, high, low, begin, end, more, tied)


@numba.njit(cache=True, parallel=True)
def count_members(
    tile: Tile,
    rows: Tile,
    columns: Tile,
    first_query: int,
    first_item: int,
    start: Counts,
    high: Tile,
    low: Tile,
    members: npt.NDArray[np.int32],
    places: npt.NDArray[np.uint16],
    sizes: Counts,
    more: npt.NDArray[np.int32],
    tied: npt.NDArray[np.int32],
    flip: bool,
) -> None:
    """Count the drawn pool members of queries that lie within the tile.

    `members`, `places`: (the tile's queries, largest C), see `draw_pools`. `sizes`: ascending C.
    `more`, `tied`: (C, pairs); a member is added to the smallest pool that holds it, so their
    running sums over C are the counts.
    """
    queries, items = tile.shape[1 if flip else 0], tile.shape[0 if flip else 1]
    for i in numba.prange(queries):
        begin, end = start[first_query + i], start[first_query + i + 1]
        if begin == end:
            continue
        left = np.searchsorted(members[i], first_item)
        right = np.searchsorted(members[i], first_item + items)
        for m in range(left, right):
            value = _value(
                tile, rows, columns, np.int64(i), np.int64(members[i, m]) - first_item, flip
            )
            place = places[i, m] + (end - begin)
            smallest = 0
            while sizes[smallest] <= place:
                smallest += 1
            for pair in range(begin, end):
                more[smallest, pair] += value > high[pair]
                tied[smallest, pair] += low[pair] <= value <= high[pair]
