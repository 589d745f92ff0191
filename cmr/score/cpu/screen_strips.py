"""A strip of a tile of codes' products, as bounds of its scores.

The survey finds the most that a score of each row and column may be. Only of what may reach a
threshold the least that it may be is asked, too.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cmr.score.compiled import compiled
from cmr.score.cpu.code_products import number, rounded_by
from cmr.score.cpu.exact_scores import Tile, dot
from cmr.score.cpu.masks import LANES
from cmr.score.cpu.maximum import larger
from cmr.score.cpu.strip_counts import Place
from cmr.score.cpu.strips import WIDTH

# Columns that one thread reads at a time, in stretches of WIDTH. A text's vector is fetched anew
# for each such strip where a score is in doubt; the visuals' vectors should stay in the cache.
STRETCHES = 2
SPAN = STRETCHES * WIDTH
# Rows that are surveyed at a time.
TOGETHER = 4


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
def survey_most(tile: CodedTile, terms: Tile, place: Place, out: Tile, best: Tile) -> None:
    """The most that each score of TOGETHER rows from `place` on may be, and of each row, `best`.

    `terms`: (4, columns), a copy of the tile's for the columns of the strip. `out`: (TOGETHER + 1,
    SPAN) in one row of memory, at last the most of each column; what lies beyond the tile's columns
    is left as it is. A row beyond the tile repeats its last.
    """
    a, b, last, of = place.a, place.b, len(tile.products) - 1, tile.rows
    h, i, j, k = place.i, place.i + 1, place.i + 2, place.i + 3
    h, i, j, k = min(h, last), min(i, last), min(j, last), min(k, last)
    by, shift, rest, lost = terms[0], terms[1], terms[2], terms[3]
    p, q, r, s = (
        tile.products[h, a:b],
        tile.products[i, a:b],
        tile.products[j, a:b],
        tile.products[k, a:b],
    )
    p_by, q_by, r_by, s_by = of[0, h], of[0, i], of[0, j], of[0, k]
    p_more, q_more = of[1, h] + tile.slack, of[1, i] + tile.slack
    r_more, s_more = of[1, j] + tile.slack, of[1, k] + tile.slack
    # The greatest lengths, which hardly differ, bound all four.
    error = larger(larger(of[2, h], of[2, i]), larger(of[2, j], of[2, k]))
    length = larger(larger(of[3, h], of[3, i]), larger(of[3, j], of[3, k]))
    low = np.float32(-np.inf)
    p_best, q_best, r_best, s_best = low, low, low, low
    for n in range(b - a):
        reach = shift[n] + (error * rest[n] + length * lost[n])
        p_most = number(p[n]) * by[n] * p_by + (p_more + reach) + rounded_by(p[n])
        q_most = number(q[n]) * by[n] * q_by + (q_more + reach) + rounded_by(q[n])
        r_most = number(r[n]) * by[n] * r_by + (r_more + reach) + rounded_by(r[n])
        s_most = number(s[n]) * by[n] * s_by + (s_more + reach) + rounded_by(s[n])
        out[n], out[SPAN + n], out[2 * SPAN + n], out[3 * SPAN + n] = p_most, q_most, r_most, s_most
        out[4 * SPAN + n] = larger(larger(p_most, q_most), larger(r_most, s_most))
        p_best, q_best = larger(p_best, p_most), larger(q_best, q_most)
        r_best, s_best = larger(r_best, r_most), larger(s_best, s_most)
    best[0], best[1], best[2], best[3] = p_best, q_best, r_best, s_best


@compiled(fastmath={"contract", "nsz"})
def fill_least(tile: CodedTile, terms: Tile, i: int, a: int, at: int, out: Tile) -> None:
    """The least that scores of row i may be, of LANES columns of a strip from `at` on.

    `a`: the tile's column where the strip begins. The same as `least`, all at once.
    """
    row, to = tile.products[i, a + at : a + at + LANES], out[at : at + LANES]
    by, shift = terms[0, at : at + LANES], terms[1, at : at + LANES]
    rest, lost = terms[2, at : at + LANES], terms[3, at : at + LANES]
    scale, more, error, length = tile.rows[0, i], tile.rows[1, i], tile.rows[2, i], tile.rows[3, i]
    for j in range(len(row)):
        about = number(row[j]) * by[j] * scale + (shift[j] + more)
        reach = error * rest[j] + length * lost[j]
        to[j] = about - (reach + rounded_by(row[j]) + tile.slack)


@compiled(fastmath={"contract", "nsz"}, forceinline=True)
def least(tile: CodedTile, terms: Tile, i: int, a: int, j: int) -> Any:
    """The least that the score may be of row i and column j of a strip that begins at column a."""
    product = tile.products[i, a + j]
    about = number(product) * terms[0, j] * tile.rows[0, i] + (terms[1, j] + tile.rows[1, i])
    reach = tile.rows[2, i] * terms[2, j] + tile.rows[3, i] * terms[3, j]
    return about - (reach + rounded_by(product) + tile.slack)
