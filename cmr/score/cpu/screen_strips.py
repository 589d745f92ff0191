"""A strip of a tile of codes' products, as bounds of its scores.

As in `strips`, the survey keeps the most that a score of each row and column may be, and only what
may reach a threshold is read again.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cmr.score.compiled import compiled
from cmr.score.cpu.code_products import number, rounded_by
from cmr.score.cpu.exact_scores import Tile, dot
from cmr.score.cpu.maximum import larger
from cmr.score.cpu.strip_counts import Place
from cmr.score.cpu.strips import STRIP


class CodedTile(NamedTuple):
    """A (rows, columns) tile of products of codes, texts along its rows, visuals along its columns.

    `products`: as `code_products` writes them. `rows`, `columns`, `slack`: of a `Screen`, those of
    the tile. `texts`, `visuals`: the vectors.
    """

    products: Tile
    rows: Tile
    columns: Tile
    slack: Any
    texts: Tile
    visuals: Tile


class Intervals(NamedTuple):
    """The least and the most that each of some scores may be, arrays of one shape."""

    least: Tile
    most: Tile


@compiled(fastmath={"reassoc", "contract"})
def look(tile: CodedTile, i: int, j: int) -> Any:
    """The float32 score of a cell, of the vectors themselves.

    Without a view of either: that would cost a counter as much as the product.
    """
    total = np.float32(0.0)
    for k in range(tile.texts.shape[1]):
        total += tile.texts[i, k] * tile.visuals[j, k]
    return total


@compiled()
def exact(tile: CodedTile, i: int, j: int) -> Any:
    """The float64 score of a cell."""
    return dot(tile.texts[i], tile.visuals[j])


@compiled(fastmath={"contract", "nsz"})
def survey_most(tile: CodedTile, terms: Tile, place: Place, best: Tile, top: Tile) -> None:
    """The most that a score of each row of a strip may be, `best`, and of each column, `top`.

    `terms`: (4, columns), a copy of the tile's for the columns of the strip. -inf beyond the tile.
    """
    best[:], top[:] = -np.inf, -np.inf
    by, shift, rest, lost = terms[0], terms[1], terms[2], terms[3]
    for r in range(min(STRIP, len(tile.products) - place.i)):
        i = place.i + r
        row = tile.products[i, place.a : place.b]
        scale, more = tile.rows[0, i], tile.rows[1, i] + tile.slack
        error, length = tile.rows[2, i], tile.rows[3, i]
        most = np.float32(-np.inf)
        for j in range(len(row)):
            about = number(row[j]) * scale * by[j] + (shift[j] + more)
            value = about + (error * rest[j] + length * lost[j] + rounded_by(row[j]))
            most = larger(most, value)
            top[j] = larger(top[j], value)
        best[r] = most


@compiled(fastmath={"contract", "nsz"})
def fill_bounds(tile: CodedTile, terms: Tile, i: int, a: int, b: int, out: Intervals) -> None:
    """The bounds of row i's scores from column a to b."""
    by, shift, rest, lost = terms[0], terms[1], terms[2], terms[3]
    row, least, most = tile.products[i, a:b], out.least, out.most
    scale, more, error, length = tile.rows[0, i], tile.rows[1, i], tile.rows[2, i], tile.rows[3, i]
    for j in range(len(row)):
        about = number(row[j]) * scale * by[j] + (shift[j] + more)
        reach = error * rest[j] + length * lost[j] + rounded_by(row[j]) + tile.slack
        least[j] = about - reach
        most[j] = about + reach
