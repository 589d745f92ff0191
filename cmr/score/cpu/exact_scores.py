"""Exact scores of single pairs: what settles a comparison that float32 leaves in doubt.

Products of two float32 numbers are exact in float64, so a score errs by 1e-13 at most, in
whatever order a machine sums them: a ten-millionth of the tie tolerance.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from cmr.score.compiled import compiled
from cmr.score.judgments import Indices

Tile = npt.NDArray[Any]


class ScoredTile(NamedTuple):
    """A (rows, columns) tile, texts along its rows and visuals along its columns.

    `products`: what is multiplied. `rows`, `columns`: the scales, or empty where products are
    scores. `texts`, `visuals`: the vectors of its rows and columns. `first_row`, `first_column`:
    ordinals of the first text and visual.
    """

    products: Tile
    rows: Tile
    columns: Tile
    texts: Tile
    visuals: Tile
    first_row: int
    first_column: int


@compiled(fastmath={"reassoc", "contract"})
def dot(a: Tile, b: Tile) -> Any:
    """Inner product in float64 of two vectors of floats."""
    total = 0.0
    for k in range(len(a)):
        total += np.float64(a[k]) * np.float64(b[k])
    return total


@compiled(parallel=True)
def dots(a: Tile, b: Tile, i: Indices, j: Indices) -> Tile:
    """`dot` of rows a[i[n]] and b[j[n]], (n,) float64."""
    out = np.empty(len(i), dtype=np.float64)
    for n in numba.prange(len(i)):
        out[n] = dot(a[i[n]], b[j[n]])
    return out


@compiled(parallel=True)
def code_dots(a: Tile, b: Tile, i: Indices, j: Indices) -> Tile:
    """Inner products of rows a[i[n]] and b[j[n]] of int8 codes, (n,) int64."""
    out = np.empty(len(i), dtype=np.int64)
    for n in numba.prange(len(i)):
        left, right = a[i[n]], b[j[n]]
        total = np.int64(0)
        for k in range(len(left)):
            total += np.int64(left[k]) * np.int64(right[k])
        out[n] = total
    return out


@compiled()
def fast_value(tile: Tile, rows: Tile, columns: Tile, i: int, j: int) -> Any:
    """The float32 score of a cell; `rows` and `columns` are scales, or empty where unused."""
    if len(rows):
        return np.float32(tile[i, j]) * columns[j] * rows[i]
    return np.float32(tile[i, j])


@compiled()
def exact_value(tile: ScoredTile, i: int, j: int) -> Any:
    """The float64 score of a cell: of codes from their product, of floats from the vectors."""
    if len(tile.rows):
        return np.float64(tile.products[i, j]) * tile.columns[j] * tile.rows[i]
    return dot(tile.texts[i], tile.visuals[j])
