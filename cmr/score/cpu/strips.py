"""A strip of a tile, eight rows and 256 columns, as it is read: its largest scores, or all of them,
and how many of them lie above thresholds.

Most scores are below every threshold of their row and of their column. The survey finds the
largest of each row and column in one pass and keeps nothing else; only what reaches a threshold is
read again.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any

import numpy as np

from cmr.score.compiled import compiled
from cmr.score.cpu.exact_scores import Tile, fast_value
from cmr.score.cpu.maximum import larger

# Columns of a tile that one thread reads at a time: thresholds and counts stay in L1.
WIDTH = 256
# Rows that it reads at a time.
STRIP = 8


@compiled()
def fill_row(line: Tile, tile: Tile, rows: Tile, columns: Tile, i: int, a: int, b: int) -> None:
    """The float32 scores of row i of a tile, from column a to b."""
    row = tile[i, a:b]
    if len(rows):
        by, scale = columns[a:b], rows[i]
        for j in range(len(row)):
            line[j] = np.float32(row[j]) * by[j] * scale
    else:
        for j in range(len(row)):
            line[j] = row[j]


@compiled()
def fill(values: Tile, tile: Tile, rows: Tile, columns: Tile, i: int, a: int, b: int) -> None:
    """A strip of a tile, from row i and columns a to b, as float32 scores; -inf below the tile."""
    for r in range(STRIP):
        if i + r < tile.shape[0]:
            fill_row(values[r], tile, rows, columns, i + r, a, b)
        else:
            values[r] = -np.inf


@compiled()
def survey(tile: Tile, rows: Tile, columns: Tile, i: int, a: int, best: Tile, top: Tile) -> None:
    """The largest score of each row of a strip, `best`, and of each column, `top`.

    The strip is whole: STRIP rows from row i on, WIDTH columns from column a on. Scores are not
    kept: most are never looked at again.
    """
    b = a + WIDTH
    r, s, t, u = tile[i, a:b], tile[i + 1, a:b], tile[i + 2, a:b], tile[i + 3, a:b]
    v, w, x, y = tile[i + 4, a:b], tile[i + 5, a:b], tile[i + 6, a:b], tile[i + 7, a:b]
    low = np.float32(-np.inf)
    r1, s1, t1, u1, v1, w1, x1, y1 = low, low, low, low, low, low, low, low
    if len(rows):
        scales = columns[a:b]
        ra, sa, ta, ua = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        va, wa, xa, ya = rows[i + 4], rows[i + 5], rows[i + 6], rows[i + 7]
        for j in range(WIDTH):
            by = scales[j]
            r0, s0 = np.float32(r[j]) * by * ra, np.float32(s[j]) * by * sa
            t0, u0 = np.float32(t[j]) * by * ta, np.float32(u[j]) * by * ua
            v0, w0 = np.float32(v[j]) * by * va, np.float32(w[j]) * by * wa
            x0, y0 = np.float32(x[j]) * by * xa, np.float32(y[j]) * by * ya
            r1, s1, t1, u1 = larger(r1, r0), larger(s1, s0), larger(t1, t0), larger(u1, u0)
            v1, w1, x1, y1 = larger(v1, v0), larger(w1, w0), larger(x1, x0), larger(y1, y0)
            upper = larger(larger(r0, s0), larger(t0, u0))
            top[j] = larger(upper, larger(larger(v0, w0), larger(x0, y0)))
    else:
        for j in range(WIDTH):
            r0, s0, t0, u0 = np.float32(r[j]), np.float32(s[j]), np.float32(t[j]), np.float32(u[j])
            v0, w0, x0, y0 = np.float32(v[j]), np.float32(w[j]), np.float32(x[j]), np.float32(y[j])
            r1, s1, t1, u1 = larger(r1, r0), larger(s1, s0), larger(t1, t0), larger(u1, u0)
            v1, w1, x1, y1 = larger(v1, v0), larger(w1, w0), larger(x1, x0), larger(y1, y0)
            upper = larger(larger(r0, s0), larger(t0, u0))
            top[j] = larger(upper, larger(larger(v0, w0), larger(x0, y0)))
    best[0], best[1], best[2], best[3] = r1, s1, t1, u1
    best[4], best[5], best[6], best[7] = v1, w1, x1, y1


@compiled()
def survey_edge(
    tile: Tile, rows: Tile, columns: Tile, i: int, a: int, b: int, best: Tile, top: Tile
) -> None:
    """The same of a strip that ends with the tile, columns a to b; -inf beyond it."""
    best[:], top[:] = -np.inf, -np.inf
    for r in range(min(STRIP, len(tile) - i)):
        for j in range(b - a):
            value = fast_value(tile, rows, columns, i + r, a + j)
            best[r], top[j] = max(best[r], value), max(top[j], value)


@compiled()
def reached(top: Tile, lowest: Tile) -> Any:
    """How many columns of a strip reach their lowest threshold."""
    # numba widens sums of int32 to int64, which would halve the speed.
    count = np.int32(0)
    for j in range(len(top)):
        count = np.int32(count + np.int32(top[j] >= lowest[j]))
    return count


@compiled()
def along_row(values: Tile, high: Any, low: Any) -> tuple[Any, Any]:
    """How many values are above `high`, and how many at or above `low`."""
    more, least = np.int32(0), np.int32(0)
    for j in range(len(values)):
        more = np.int32(more + np.int32(values[j] > high))
        least = np.int32(least + np.int32(values[j] >= low))
    return more, least


@compiled()
def along_columns(strip: Tile, high: Tile, low: Tile, more: Tile, level: Tile) -> Any:
    """Add to `more` how many of a strip's values are above `high`, a threshold a column.

    `level` becomes the number from `low` to `high`; whether any is, is returned. One load of a
    threshold serves eight rows.
    """
    r, s, t, u = strip[0], strip[1], strip[2], strip[3]
    v, w, x, y = strip[4], strip[5], strip[6], strip[7]
    some = np.int32(0)
    for j in range(len(high)):
        top, bottom = high[j], low[j]
        above = (
            np.int32(r[j] > top)
            + np.int32(s[j] > top)
            + np.int32(t[j] > top)
            + np.int32(u[j] > top)
            + np.int32(v[j] > top)
            + np.int32(w[j] > top)
            + np.int32(x[j] > top)
            + np.int32(y[j] > top)
        )
        least = (
            np.int32(r[j] >= bottom)
            + np.int32(s[j] >= bottom)
            + np.int32(t[j] >= bottom)
            + np.int32(u[j] >= bottom)
            + np.int32(v[j] >= bottom)
            + np.int32(w[j] >= bottom)
            + np.int32(x[j] >= bottom)
            + np.int32(y[j] >= bottom)
        )
        more[j] += above
        here = np.int32(least - above)
        level[j] = here
        some = np.int32(some | here)
    return some
