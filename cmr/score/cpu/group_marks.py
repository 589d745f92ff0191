"""Marking a tile's groups: what the best of a group's scores is to each query's threshold."""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from cmr.score.compiled import compiled
from cmr.score.cpu.exact_scores import Tile, fast_value
from cmr.score.judgments import Indices
from cmr.score.pools import Drawn, PoolCounts, smallest_pool
from cmr.score.tally import Bounds

BELOW, TIED, ABOVE = 0, 1, 2
Marks = npt.NDArray[np.uint8]


@compiled(parallel=True)
def mark_tile(
    tile: tuple[Tile, Tile, Tile],
    group: Indices,
    bounds: Bounds,
    sure: bool,
    marks: Marks,
    doubt: npt.NDArray[np.bool_],
) -> None:
    """Raise the marks of a tile's queries, along its rows, by the texts along its columns.

    `tile`: (rows, columns) products, and the scales of rows and of columns, empty where products
    are scores. `group`: (columns,) of each text, -1 for none. `bounds`: a threshold a row. `marks`:
    (rows, groups). `doubt`: (rows, columns), set to what float32 leaves in doubt.
    """
    for i in numba.prange(len(marks)):
        _mark_row(tile, np.int64(i), group, bounds, sure, marks, doubt)


@compiled()
def _mark_row(
    tile: tuple[Tile, Tile, Tile],
    i: int,
    group: Indices,
    bounds: Bounds,
    sure: bool,
    marks: Marks,
    doubt: npt.NDArray[np.bool_],
) -> None:
    products, rows, columns = tile
    high, low = bounds.fast_high[i], bounds.fast_low[i]
    for j in range(len(group)):
        doubt[i, j] = False
        if group[j] < 0:
            continue
        value = fast_value(products, rows, columns, i, j)
        if value > high:
            marks[i, group[j]] = ABOVE
        elif value >= low:
            if sure:
                marks[i, group[j]] = max(marks[i, group[j]], TIED)
            else:
                doubt[i, j] = True


@compiled()
def mark_settled(values: Tile, i: Indices, group: Indices, bounds: Bounds, marks: Marks) -> None:
    """Raise the marks of queries i[n] by the exact values[n] of texts of group[n]."""
    for n in range(len(i)):
        if values[n] > bounds.high[i[n]]:
            marks[i[n], group[n]] = ABOVE
        elif values[n] >= bounds.low[i[n]]:
            marks[i[n], group[n]] = max(marks[i[n], group[n]], TIED)


@compiled(parallel=True)
def count_marked(
    marks: Marks, drawn: Drawn, start: Indices, first: int, counts: PoolCounts
) -> None:
    """Count the drawn pools' members of a stretch of queries by their marks.

    `drawn`: of these queries. `start`: the pairs of every query. `first`: the first one's ordinal.
    """
    for i in numba.prange(len(marks)):
        _count_row(marks, np.int64(i), drawn, start, first, counts)


@compiled()
def _count_row(
    marks: Marks, i: int, drawn: Drawn, start: Indices, first: int, counts: PoolCounts
) -> None:
    pair = start[first + i]
    if start[first + i + 1] == pair:
        return
    for m in range(drawn.members.shape[1]):
        if drawn.members[i, m] >= marks.shape[1]:
            break
        mark = marks[i, drawn.members[i, m]]
        smallest = smallest_pool(counts.sizes, drawn.places[i, m] + 1)
        counts.more[smallest, pair - counts.first] += mark == ABOVE
        counts.tied[smallest, pair - counts.first] += mark == TIED
