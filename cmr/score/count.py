"""Counting on a tile of scores: how many values lie above, and at, each pair's threshold.

A tile holds texts along its rows and visuals along its columns; one pass over it serves queries
along both. A threshold is the score of a relevant pair: values above `high` are above it, and
those from `low` to `high` are tied with it, so what is counted is `more` (value > high) and
`least` (value >= low).

Products of codes that have a scale a vector are compared as product * scale * scale in float64.
The exact value has at most 72 bits and two different ones of a query differ by more than 2^-48
of their size, so rounding neither joins nor parts any two: ties are ties, on every machine.
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


@numba.njit(cache=True, inline="always")
def _value(tile: Tile, rows: Tile, columns: Tile, i: int, j: int, flip: bool) -> Any:
    """The score of query i and item j; `flip` where queries run along the columns."""
    row, column = (j, i) if flip else (i, j)
    if len(rows):
        return np.float64(tile[row, column]) * columns[column] * rows[row]
    return tile[row, column]


@numba.njit(cache=True)
def _along_row(values: Tile, high: Any, low: Any) -> tuple[Any, Any]:
    more, least = np.int32(0), np.int32(0)
    for j in range(len(values)):
        more += np.int32(values[j] > high)
        least += np.int32(values[j] >= low)
    return more, least


@numba.njit(cache=True)
def _along_columns(values: Tile, high: Tile, low: Tile, more: Tile, least: Tile) -> None:
    for j in range(len(values)):
        more[j] += np.int32(values[j] > high[j])
        least[j] += np.int32(values[j] >= low[j])


@numba.njit(cache=True, parallel=True)
def count_plain(
    tile: Tile,
    begin: Counts,
    end: Counts,
    high: Tile,
    low: Tile,
    more: Counts,
    least: Counts,
    column_high: Tile,
    column_low: Tile,
    column_more: Tile,
    column_least: Tile,
    slots: Counts,
    offset: int,
) -> None:
    """Count a (rows, columns) tile whose values are scores, for both kinds of query.

    Row queries: the pairs of row i are begin[i]:end[i] of `high`, `low`, `more`, `least`.
    Column queries: `column_*` are (slots, all columns of the block), a slot a pair, and the
    tile's first is column `offset`; `slots` says, for each stretch of WIDTH columns of the tile,
    how many slots are used. Counts are added to.
    """
    rows, columns = tile.shape
    chunks = (columns + WIDTH - 1) // WIDTH
    first = begin[0]
    pairs = end[rows - 1] - first
    part = np.zeros((2, chunks, pairs), dtype=np.int32)
    for chunk in numba.prange(chunks):
        a, b = chunk * WIDTH, min(columns, (chunk + 1) * WIDTH)
        for i in range(rows):
            values = tile[i, a:b]
            for pair in range(begin[i], end[i]):
                up, at = _along_row(values, high[pair], low[pair])
                part[0, chunk, pair - first] = up
                part[1, chunk, pair - first] = at
            for slot in range(slots[chunk]):
                _along_columns(
                    values,
                    column_high[slot, offset + a : offset + b],
                    column_low[slot, offset + a : offset + b],
                    column_more[slot, offset + a : offset + b],
                    column_least[slot, offset + a : offset + b],
                )
    for chunk in range(chunks):
        for pair in range(pairs):
            more[first + pair] += part[0, chunk, pair]
            least[first + pair] += part[1, chunk, pair]


@numba.njit(cache=True, parallel=True)
def count_scaled(
    tile: Tile,
    row_scales: Tile,
    column_scales: Tile,
    begin: Counts,
    end: Counts,
    high: Tile,
    low: Tile,
    more: Counts,
    least: Counts,
    column_high: Tile,
    column_low: Tile,
    column_more: Tile,
    column_least: Tile,
    slots: Counts,
    offset: int,
) -> None:
    """`count_plain` for a tile of code products, with the scales of its rows and columns."""
    rows, columns = tile.shape
    chunks = (columns + WIDTH - 1) // WIDTH
    first = begin[0]
    pairs = end[rows - 1] - first
    part = np.zeros((2, chunks, pairs), dtype=np.int32)
    for chunk in numba.prange(chunks):
        a, b = chunk * WIDTH, min(columns, (chunk + 1) * WIDTH)
        values = np.empty(b - a, dtype=np.float64)
        for i in range(rows):
            scale = row_scales[i]
            for j in range(b - a):
                values[j] = np.float64(tile[i, a + j]) * column_scales[a + j] * scale
            for pair in range(begin[i], end[i]):
                up, at = _along_row(values, high[pair], low[pair])
                part[0, chunk, pair - first] = up
                part[1, chunk, pair - first] = at
            for slot in range(slots[chunk]):
                _along_columns(
                    values,
                    column_high[slot, offset + a : offset + b],
                    column_low[slot, offset + a : offset + b],
                    column_more[slot, offset + a : offset + b],
                    column_least[slot, offset + a : offset + b],
                )
    for chunk in range(chunks):
        for pair in range(pairs):
            more[first + pair] += part[0, chunk, pair]
            least[first + pair] += part[1, chunk, pair]


@numba.njit(cache=True)
def _among(
    values: Tile, high: Tile, low: Tile, begin: int, end: int, more: Counts, least: Counts
) -> None:
    """Add the counts of `values` to the pairs begin:end."""
    if len(values) * (end - begin) <= FEW * FEW:
        for pair in range(begin, end):
            for value in values:
                more[pair] += value > high[pair]
                least[pair] += value >= low[pair]
        return
    ordered = np.sort(values)
    size = len(ordered)
    for pair in range(begin, end):
        more[pair] += size - np.searchsorted(ordered, high[pair], side="right")
        least[pair] += size - np.searchsorted(ordered, low[pair], side="left")


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
    least: Counts,
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
        _among(values, high, low, start[query], start[query + 1], more, least)


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
    least: Counts,
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
            _among(values, high, low, begin, end, more, least)


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
    least: npt.NDArray[np.int32],
    flip: bool,
) -> None:
    """Count the drawn pool members of queries that lie within the tile.

    `members`, `places`: (the tile's queries, largest C), see `draw_pools`. `sizes`: ascending C.
    `more`, `least`: (C, pairs); a member is added to the smallest pool that holds it, so their
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
                least[smallest, pair] += value >= low[pair]
