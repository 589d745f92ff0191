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

from typing import NamedTuple

import numpy as np

from cmr.score.compiled import compiled
from cmr.score.cpu.exact_scores import ScoredTile, Tile
from cmr.score.cpu.strip_counts import Place, RowPairs, count_reached, count_rows, settle_columns
from cmr.score.cpu.strips import STRIP, WIDTH, along_columns, fill, reached, survey, survey_edge
from cmr.score.judgments import Indices
from cmr.score.tally import Bounds, Counts

# Queries with more relevant items than this are counted by sorting: see `count_sorted`.
FEW = 32
# Up to so many columns of a strip that reach a threshold are counted one by one.
SPARSE = 40


class ColumnPairs(NamedTuple):
    """Pairs of the queries along a tile's columns, slot by slot.

    `bounds`: (slots, all columns of the block), of a column the lowest threshold first. `counts`:
    (slots, columns of the tile). `depths`: how many slots each stretch of WIDTH columns of the tile
    uses. `offset`: the column of the block that is the tile's first.
    """

    bounds: Bounds
    counts: Counts
    depths: Indices
    offset: int


@compiled(nogil=True)
def stretch(bounds: Tile, c: int, d: int, depth: int, wide: int) -> Tile:
    """The bounds of `depth` slots from column c to d, infinite up to `wide` columns.

    A copy: a view of what threads share costs them a counter that they share, too.
    """
    out = np.full((depth, wide), np.inf, dtype=bounds.dtype)
    for slot in range(depth):
        for j in range(d - c):
            out[slot, j] = bounds[slot, c + j]
    return out


@compiled(nogil=True)
def _count_chunk(
    tile: ScoredTile, rows: RowPairs, columns: ColumnPairs, chunk: int, sure: bool
) -> None:
    """Count WIDTH columns of a tile."""
    products, depth, all_bounds = tile.products, columns.depths[chunk], columns.bounds
    height, width = products.shape
    a, b = chunk * WIDTH, min(width, (chunk + 1) * WIDTH)
    c, d = columns.offset + a, columns.offset + b
    bounds = Bounds(
        stretch(all_bounds.fast_high, c, d, depth, WIDTH),
        stretch(all_bounds.fast_low, c, d, depth, WIDTH),
        stretch(all_bounds.high, c, d, depth, WIDTH),
        stretch(all_bounds.low, c, d, depth, WIDTH),
    )
    lowest = bounds.fast_low[0] if depth else np.full(WIDTH, np.inf, dtype=np.float32)
    counts = Counts(
        np.zeros((depth, WIDTH), dtype=np.int32), np.zeros((depth, WIDTH), dtype=np.int32)
    )
    values = np.full((STRIP, WIDTH), -np.inf, dtype=np.float32)
    best, top = np.empty(STRIP, dtype=np.float32), np.empty(WIDTH, dtype=np.float32)
    level, places = np.empty(WIDTH, dtype=np.int32), np.empty(WIDTH + 1, dtype=np.int32)
    line = np.full(WIDTH, -np.inf, dtype=np.float32)
    for i in range(0, height, STRIP):
        if i + STRIP <= height and b - a == WIDTH:
            survey(products, tile.rows, tile.columns, i, a, best, top)
        else:
            survey_edge(products, tile.rows, tile.columns, i, a, b, best, top)
        place = Place(i, a, b)
        count_rows(tile, rows, place, best, line, sure)
        many = reached(top, lowest)
        if many == 0:
            continue
        if many <= SPARSE:
            count_reached(tile, place, top, lowest, bounds, counts, places, sure)
            continue
        fill(values, products, tile.rows, tile.columns, i, a, b)
        for slot in range(depth):
            fast_high, fast_low = bounds.fast_high[slot], bounds.fast_low[slot]
            if along_columns(values, fast_high, fast_low, counts.more[slot], level):
                if sure:
                    for j in range(WIDTH):
                        counts.tied[slot, j] += level[j]
                else:
                    one = Bounds(fast_high, fast_low, bounds.high[slot], bounds.low[slot])
                    into = Counts(counts.more[slot], counts.tied[slot])
                    settle_columns(tile, values, level, place, one, into)
    for slot in range(depth):
        for j in range(b - a):
            columns.counts.more[slot, a + j] += counts.more[slot, j]
            columns.counts.tied[slot, a + j] += counts.tied[slot, j]


@compiled(nogil=True)
def count_tile(tile: ScoredTile, rows: RowPairs, columns: ColumnPairs, sure: bool) -> None:
    """Count a tile for both kinds of query, in the thread that calls.

    `sure`: scores between the float32 bounds are tied, none has to be settled.
    """
    width = tile.products.shape[1]
    for chunk in range((width + WIDTH - 1) // WIDTH):
        _count_chunk(tile, rows, columns, chunk, sure)
