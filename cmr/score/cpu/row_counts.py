"""Counting single scores of a tile, or rows of it one by one, where a whole pass would waste work.

For queries with many relevant items, and drawn pools; and the relevant items alone, whose exact
values are known. The pairs of query q are start[q]:start[q + 1] of bounds and counts.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import numba
import numpy as np

from cmr.score.compiled import compiled
from cmr.score.cpu.exact_scores import ScoredTile, Tile, exact_value, fast_value
from cmr.score.judgments import Indices
from cmr.score.pools import Drawn, PoolCounts, smallest_pool
from cmr.score.tally import Bounds, Counts


@compiled(nogil=True)
def count_sorted(
    tile: ScoredTile,
    queries: Indices,
    start: Indices,
    bounds: Bounds,
    counts: Counts,
    sure: bool,
    flip: bool,
) -> None:
    """Count the queries with many relevant items: sort the row once, look each pair up.

    `queries`: their ordinals, all within the tile. `counts`: of the pairs of the tile's queries
    alone. `flip` where queries run along the columns.
    """
    for query in queries:
        _count_sorted(tile, query, start, bounds, counts, sure, flip)


@compiled()
def _count_sorted(
    tile: ScoredTile,
    query: int,
    start: Indices,
    bounds: Bounds,
    counts: Counts,
    sure: bool,
    flip: bool,
) -> None:
    first = tile.first_column if flip else tile.first_row
    i, base = query - first, start[first]
    size = tile.products.shape[0 if flip else 1]
    values = np.empty(size, dtype=np.float32)
    for j in range(size):
        row, column = (j, i) if flip else (i, j)
        values[j] = fast_value(tile.products, tile.rows, tile.columns, row, column)
    order = np.argsort(values)
    values = values[order]
    precise = np.full(size, np.nan, dtype=np.float64)
    for pair in range(start[query], start[query + 1]):
        upper = np.searchsorted(values, bounds.fast_high[pair], side="right")
        lower = np.searchsorted(values, bounds.fast_low[pair], side="left")
        counts.more[pair - base] += size - upper
        if sure:
            counts.tied[pair - base] += upper - lower
            continue
        for at in range(lower, upper):
            if np.isnan(precise[at]):
                row, column = (order[at], i) if flip else (i, order[at])
                precise[at] = exact_value(tile, row, column)
            counts.more[pair - base] += precise[at] > bounds.high[pair]
            counts.tied[pair - base] += bounds.low[pair] <= precise[at] <= bounds.high[pair]


@compiled(parallel=True)
def count_relevants(
    values: Tile,
    bounds: Bounds,
    start: Indices,
    item: Indices,
    queries: tuple[int, int],
    items: tuple[int, int],
    counts: Counts,
) -> None:
    """Count the relevant items alone, of a stretch of queries and a stretch of items.

    `values`: of every pair, exact. Their share is taken off the counts afterwards, so that no
    relevant item competes with another.
    """
    for query in numba.prange(queries[0], queries[1]):
        _count_relevants(values, bounds, start, item, np.int64(query), items, counts)


@compiled()
def _count_relevants(
    values: Tile,
    bounds: Bounds,
    start: Indices,
    item: Indices,
    query: int,
    items: tuple[int, int],
    counts: Counts,
) -> None:
    begin, end = start[query], start[query + 1]
    left = begin + np.searchsorted(item[begin:end], items[0])
    right = begin + np.searchsorted(item[begin:end], items[1])
    if left < right:
        ordered = np.sort(values[left:right])
        for pair in range(begin, end):
            above = len(ordered) - np.searchsorted(ordered, bounds.high[pair], side="right")
            least = len(ordered) - np.searchsorted(ordered, bounds.low[pair], side="left")
            counts.more[pair] += above
            counts.tied[pair] += least - above


@compiled(parallel=True)
def count_members(
    tile: ScoredTile,
    start: Indices,
    bounds: Bounds,
    drawn: Drawn,
    counts: PoolCounts,
    sure: bool,
    flip: bool,
) -> None:
    """Count the drawn pool members of queries that lie within the tile.

    `drawn`: of the tile's queries alone. `flip` where queries run along the columns.
    """
    queries = tile.products.shape[1 if flip else 0]
    for i in numba.prange(queries):
        _count_members(tile, np.int64(i), start, bounds, drawn, counts, sure, flip)


@compiled(nogil=True)
def count_members_alone(
    tile: ScoredTile,
    start: Indices,
    bounds: Bounds,
    drawn: Drawn,
    counts: PoolCounts,
    sure: bool,
    flip: bool,
) -> None:
    """The same in the thread that calls."""
    queries = tile.products.shape[1 if flip else 0]
    for i in range(queries):
        _count_members(tile, np.int64(i), start, bounds, drawn, counts, sure, flip)


@compiled()
def _count_members(
    tile: ScoredTile,
    i: int,
    start: Indices,
    bounds: Bounds,
    drawn: Drawn,
    counts: PoolCounts,
    sure: bool,
    flip: bool,
) -> None:
    items = tile.products.shape[0 if flip else 1]
    query = i + (tile.first_column if flip else tile.first_row)
    first_item = tile.first_row if flip else tile.first_column
    begin, end = start[query], start[query + 1]
    if begin == end:
        return
    members, places = drawn.members[i], drawn.places[i]
    left = np.searchsorted(members, first_item)
    right = np.searchsorted(members, first_item + items)
    for m in range(left, right):
        j = np.int64(members[m]) - first_item
        row, column = (j, i) if flip else (i, j)
        value = fast_value(tile.products, tile.rows, tile.columns, row, column)
        smallest = smallest_pool(counts.sizes, places[m] + (end - begin))
        precise = np.nan
        for pair in range(begin, end):
            if value > bounds.fast_high[pair]:
                counts.more[smallest, pair - counts.first] += 1
            elif value >= bounds.fast_low[pair]:
                if sure:
                    counts.tied[smallest, pair - counts.first] += 1
                    continue
                if np.isnan(precise):
                    precise = exact_value(tile, row, column)
                level = bounds.low[pair] <= precise <= bounds.high[pair]
                counts.more[smallest, pair - counts.first] += precise > bounds.high[pair]
                counts.tied[smallest, pair - counts.first] += level
