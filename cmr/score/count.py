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
def _value(tile: Tile, rows: Tile, columns: Tile, i: int, j: int) -> Any:
    if len(rows):
        return np.float64(tile[i, j]) * columns[j] * rows[i]
    return tile[i, j]


@numba.njit(cache=True)
def _along_row(values: Tile, high: Any, low: Any) -> tuple[int, int]:
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
) -> None:
    """Count a (rows, columns) tile whose values are scores, for both kinds of query.

    Row queries: the pairs of row i are begin[i]:end[i] of `high`, `low`, `more`, `least`.
    Column queries: `column_*` are (slots, columns), a slot a pair; `slots` says, for each
    stretch of WIDTH columns, how many slots are used. Counts are added to.
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
                    column_high[slot, a:b],
                    column_low[slot, a:b],
                    column_more[slot, a:b],
                    column_least[slot, a:b],
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
                    column_high[slot, a:b],
                    column_low[slot, a:b],
                    column_more[slot, a:b],
                    column_least[slot, a:b],
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
) -> None:
    """Count the row queries with many relevant items: sort the row once, look each pair up.

    `queries`: their ordinals, all within the tile, whose first row is query `first`. For column
    queries pass the tile transposed and the scales exchanged.
    """
    for n in numba.prange(len(queries)):
        query = queries[n]
        i = query - first
        values = np.empty(tile.shape[1], dtype=high.dtype)
        for j in range(tile.shape[1]):
            values[j] = _value(tile, rows, columns, i, j)
        _among(values, high, low, start[query], start[query + 1], more, least)


@numba.njit(cache=True, parallel=True)
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
) -> None:
    """Count the relevant items alone, with the very values that the whole tile was counted by.

    Their share is taken off afterwards, so that no relevant item competes with another.
    """
    for i in numba.prange(tile.shape[0]):
        begin, end = start[first_query + i], start[first_query + i + 1]
        left = begin + np.searchsorted(item[begin:end], first_item)
        right = begin + np.searchsorted(item[begin:end], first_item + tile.shape[1])
        if left < right:
            values = np.empty(right - left, dtype=high.dtype)
            for pair in range(left, right):
                values[pair - left] = _value(tile, rows, columns, i, item[pair] - first_item)
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
) -> None:
    """Count the drawn pool members of row queries that lie within the tile.

    `members`, `places`: (tile rows, largest C), see `draw_pools`. `sizes`: the C, ascending.
    `more`, `least`: (C, pairs); a member is added to the smallest pool that holds it, so their
    running sums over C are the counts.
    """
    for i in numba.prange(tile.shape[0]):
        begin, end = start[first_query + i], start[first_query + i + 1]
        if begin == end:
            continue
        left = np.searchsorted(members[i], first_item)
        right = np.searchsorted(members[i], first_item + tile.shape[1])
        for m in range(left, right):
            value = _value(tile, rows, columns, i, members[i, m] - first_item)
            place = places[i, m] + (end - begin)
            smallest = 0
            while sizes[smallest] <= place:
                smallest += 1
            for pair in range(begin, end):
                more[smallest, pair] += value > high[pair]
                least[smallest, pair] += value >= low[pair]
