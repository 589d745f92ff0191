"""Counting single scores of a tile, or rows of it one by one, where a whole pass would waste work.

For queries with many relevant items, and drawn pools; and the relevant items alone, whose exact
values are known. Bounds are as for `count_tile`.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from cmr.score.compiled import compiled
from cmr.score.cpu.exact_scores import Tile, exact_value, fast_value
from cmr.score.cpu.tile_counts import Counts


@compiled(parallel=True)
def count_sorted(
    tile: Tile,
    rows: Tile,
    columns: Tile,
    texts: Tile,
    visuals: Tile,
    queries: Counts,
    first: int,
    start: Counts,
    fast_high: Tile,
    fast_low: Tile,
    high: Tile,
    low: Tile,
    more: Counts,
    tied: Counts,
    sure: bool,
    flip: bool,
) -> None:
    """Count the queries with many relevant items: sort the row once, look each pair up.

    `queries`: their ordinals, all within the tile, whose first query is `first`. `flip` where
    queries run along the columns.
    """
    for n in numba.prange(len(queries)):
        i = queries[n] - first
        size = tile.shape[0 if flip else 1]
        values = np.empty(size, dtype=np.float32)
        for j in range(size):
            row, column = (j, i) if flip else (i, j)
            values[j] = fast_value(tile, rows, columns, row, column)
        order = np.argsort(values)
        values = values[order]
        precise = np.full(size, np.nan, dtype=np.float64)
        for pair in range(start[queries[n]], start[queries[n] + 1]):
            upper = np.searchsorted(values, fast_high[pair], side="right")
            lower = np.searchsorted(values, fast_low[pair], side="left")
            more[pair] += size - upper
            if sure:
                tied[pair] += upper - lower
                continue
            for at in range(lower, upper):
                if np.isnan(precise[at]):
                    row, column = (order[at], i) if flip else (i, order[at])
                    precise[at] = exact_value(tile, rows, columns, texts, visuals, row, column)
                more[pair] += precise[at] > high[pair]
                tied[pair] += low[pair] <= precise[at] <= high[pair]


@compiled(parallel=True)
def count_relevants(
    values: Tile,
    high: Tile,
    low: Tile,
    start: Counts,
    item: Counts,
    queries: tuple[int, int],
    items: tuple[int, int],
    more: Counts,
    tied: Counts,
) -> None:
    """Count the relevant items alone, of a stretch of queries and a stretch of items.

    `values`: of every pair, exact. Their share is taken off the counts afterwards, so that no
    relevant item competes with another.
    """
    for query in numba.prange(queries[0], queries[1]):
        begin, end = start[query], start[query + 1]
        left = begin + np.searchsorted(item[begin:end], items[0])
        right = begin + np.searchsorted(item[begin:end], items[1])
        if left < right:
            ordered = np.sort(values[left:right])
            for pair in range(begin, end):
                above = len(ordered) - np.searchsorted(ordered, high[pair], side="right")
                least = len(ordered) - np.searchsorted(ordered, low[pair], side="left")
                more[pair] += above
                tied[pair] += least - above


@compiled(parallel=True)
def count_members(
    tile: Tile,
    rows: Tile,
    columns: Tile,
    texts: Tile,
    visuals: Tile,
    first_query: int,
    first_item: int,
    start: Counts,
    fast_high: Tile,
    fast_low: Tile,
    high: Tile,
    low: Tile,
    members: npt.NDArray[np.int32],
    places: npt.NDArray[np.uint16],
    sizes: Counts,
    more: npt.NDArray[np.int32],
    tied: npt.NDArray[np.int32],
    sure: bool,
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
            j = np.int64(members[i, m]) - first_item
            row, column = (j, np.int64(i)) if flip else (np.int64(i), j)
            value = fast_value(tile, rows, columns, row, column)
            place = places[i, m] + (end - begin)
            smallest = 0
            while sizes[smallest] <= place:
                smallest += 1
            precise = np.nan
            for pair in range(begin, end):
                if value > fast_high[pair]:
                    more[smallest, pair] += 1
                elif value >= fast_low[pair]:
                    if sure:
                        tied[smallest, pair] += 1
                        continue
                    if np.isnan(precise):
                        precise = exact_value(tile, rows, columns, texts, visuals, row, column)
                    more[smallest, pair] += precise > high[pair]
                    tied[smallest, pair] += low[pair] <= precise <= high[pair]
