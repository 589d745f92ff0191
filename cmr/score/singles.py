"""Counting single scores of a tile, or rows of it one by one, where a whole pass would waste work.

For queries with many relevant items, the relevant items alone, and drawn pools. Scores are
compared in the type of the thresholds: float32 for floats, float64 for codes.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from cmr.score.count import FEW, Counts, Tile


@numba.njit(cache=True, inline="always")
def _value(tile: Tile, rows: Tile, columns: Tile, i: int, j: int, flip: bool) -> Any:
    """The score of query i and item j; `flip` where queries run along the columns."""
    row, column = (j, i) if flip else (i, j)
    if len(rows):
        return np.float64(tile[row, column]) * columns[column] * rows[row]
    return tile[row, column]


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
    tied: Counts,
    flip: bool,
) -> None:
    """Count the relevant items alone, with the very values that the whole tile was counted by.

    Their share is taken off afterwards, so that no relevant item competes with another.
    """
    queries, items = tile.shape[1 if flip else 0], tile.shape[0 if flip else 1]
    for i in numba.prange(queries):
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
def count_seen(
    seen: Tile,
    start: Counts,
    high: Tile,
    low: Tile,
    more: Counts,
    tied: Counts,
) -> None:
    """`count_relevants` from the relevant items' values, kept aside; NaN where not seen.

    `start`: of a stretch of queries, (queries + 1,). `seen`: the values of its pairs in order.
    """
    for query in numba.prange(len(start) - 1):
        begin, end = start[query], start[query + 1]
        values = seen[begin - start[0] : end - start[0]]
        values = values[~np.isnan(values)]
        if len(values):
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
