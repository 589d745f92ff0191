"""Counting on a strip of a tile: what its rows and its columns have above and at their thresholds.

A threshold that no score of a row, or of a column, reaches is passed over; the survey of the strip
says which. Scores in doubt are looked for in groups, for nearly all groups have none.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cmr.score.compiled import compiled
from cmr.score.cpu.exact_scores import ScoredTile, Tile, exact_value, fast_value
from cmr.score.cpu.strips import STRIP, along_row, fill_row
from cmr.score.judgments import Indices
from cmr.score.tally import Bounds, Counts

# Values among which one in doubt is looked for.
GROUP = 32


class Place(NamedTuple):
    """Where a strip lies in its tile: from row i, columns a to b."""

    i: int
    a: int
    b: int


class RowPairs(NamedTuple):
    """Pairs of the queries along a tile's rows: those of row i are begin[i]:end[i].

    `bounds`: of all pairs. `counts`: of the tile's pairs alone, the first of which is begin[0].
    """

    begin: Indices
    end: Indices
    bounds: Bounds
    counts: Counts


@compiled()
def _settled(tile: ScoredTile, i: int, j: int, high: Any, low: Any) -> tuple[Any, Any]:
    """Whether the exact score of a cell in doubt is above, and whether it is tied: 0 or 1 each."""
    precise = exact_value(tile, i, j)
    return np.int32(precise > high), np.int32(low <= precise <= high)


@compiled()
def _settle_row(tile: ScoredTile, values: Tile, i: int, a: int, bounds: Bounds) -> tuple[Any, Any]:
    """How many of a row's values in doubt are above, and tied.

    `values`: float32 scores from (i, a) on. `bounds`: of one pair.
    """
    more, tied = np.int32(0), np.int32(0)
    top, bottom = bounds.fast_high, bounds.fast_low
    for at in range(0, len(values), GROUP):
        to = min(at + GROUP, len(values))
        some = np.int32(0)
        for j in range(at, to):
            some = np.int32(some | (np.int32(values[j] >= bottom) & np.int32(values[j] <= top)))
        if some:
            for j in range(at, to):
                if bottom <= values[j] <= top:
                    above, same = _settled(tile, i, a + j, bounds.high, bounds.low)
                    more += above
                    tied += same
    return more, tied


@compiled()
def settle_columns(
    tile: ScoredTile, strip: Tile, level: Tile, place: Place, bounds: Bounds, counts: Counts
) -> None:
    """Add the values in doubt of those columns of a strip where `level` is not 0.

    `bounds`, `counts`: of one slot, along the columns.
    """
    top, bottom = bounds.fast_high, bounds.fast_low
    for at in range(0, len(level), GROUP):
        to = min(at + GROUP, len(level))
        some = np.int32(0)
        for j in range(at, to):
            some = np.int32(some | level[j])
        if some:
            for j in range(at, to):
                if level[j]:
                    for r in range(STRIP):
                        if bottom[j] <= strip[r, j] <= top[j]:
                            high, low = bounds.high[j], bounds.low[j]
                            above, same = _settled(tile, place.i + r, place.a + j, high, low)
                            counts.more[j] += above
                            counts.tied[j] += same


@compiled()
def count_rows(
    tile: ScoredTile,
    pairs: RowPairs,
    place: Place,
    best: Tile,
    line: Tile,
    sure: bool,
) -> None:
    """Count a strip for those rows that reach a threshold.

    `best`: each row's largest score. `line`: room for a row's scores.
    """
    bounds, counts, first = pairs.bounds, pairs.counts, pairs.begin[0]
    for r in range(min(STRIP, len(tile.products) - place.i)):
        i = place.i + r
        filled = False
        for pair in range(pairs.begin[i], pairs.end[i]):
            if best[r] < bounds.fast_low[pair]:
                continue
            if not filled:
                fill_row(line, tile.products, tile.rows, tile.columns, i, place.a, place.b)
                filled = True
            top, bottom = bounds.fast_high[pair], bounds.fast_low[pair]
            above, least = along_row(line, top, bottom)
            tied = least - above
            if tied and not sure:
                one = Bounds(top, bottom, bounds.high[pair], bounds.low[pair])
                more, tied = _settle_row(tile, line, i, place.a, one)
                above += more
            counts.more[pair - first] += above
            counts.tied[pair - first] += tied


@compiled()
def count_reached(
    tile: ScoredTile,
    place: Place,
    top: Tile,
    lowest: Tile,
    bounds: Bounds,
    counts: Counts,
    places: Tile,
    sure: bool,
) -> None:
    """Count a strip for those columns alone whose largest score, `top`, reaches their `lowest`.

    `bounds`, `counts`: (slots, columns). Slots are in the order of their thresholds, so most values
    are settled by the first of them. `places`: room for the columns that reach one, found without a
    branch.
    """
    count = 0
    for j in range(len(top)):
        places[count] = j
        count += top[j] >= lowest[j]
    depth, last = len(counts.more), min(place.i + STRIP, tile.products.shape[0])
    for n in range(count):
        j = places[n]
        for r in range(place.i, last):
            value = fast_value(tile.products, tile.rows, tile.columns, r, place.a + j)
            if value < lowest[j]:
                continue
            slot = 0
            while slot < depth and value > bounds.fast_high[slot, j]:
                counts.more[slot, j] += np.int32(1)
                slot += 1
            while slot < depth and value >= bounds.fast_low[slot, j]:
                if sure:
                    counts.tied[slot, j] += np.int32(1)
                else:
                    high, low = bounds.high[slot, j], bounds.low[slot, j]
                    above, same = _settled(tile, r, place.a + j, high, low)
                    counts.more[slot, j] += above
                    counts.tied[slot, j] += same
                slot += 1
