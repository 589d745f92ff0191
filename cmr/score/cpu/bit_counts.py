"""Counting on tiles of bits, as they are scored: how many vectors differ by fewer bits than a pair.

A score of bits is a whole number, so nothing is in doubt, and a comparison takes a small part of
the time in which the bits were counted. So every score of a strip, eight texts and up to a tile's
visuals, is compared with every threshold while it lies in the nearest cache; no tile is written.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.score.bits import Lanes, Words
from cmr.score.compiled import compiled
from cmr.score.cpu.adding import plus_equal, plus_less
from cmr.score.cpu.popcount import BEYOND, TOGETHER, Strip, differing
from cmr.score.cpu.strip_counts import RowPairs
from cmr.score.cpu.strips import WIDTH
from cmr.score.cpu.tile_counts import ColumnPairs

Small = npt.NDArray[np.int16]


@compiled(nogil=True)
def count_bits(texts: Words, lanes: Lanes, dim: int, rows: RowPairs, columns: ColumnPairs) -> None:
    """Count a tile of texts and of visuals from `columns.offset` on for both kinds of query.

    `texts`: (height, words), at most 32,767 of them, as of visuals. `lanes`: of all visuals of the
    block. `dim`: bits of a vector.
    """
    height = len(texts)
    width = columns.counts.more.shape[1]
    strip = np.full((TOGETHER, len(columns.depths) * WIDTH), BEYOND, dtype=np.int16)
    depth = len(columns.counts.more)
    bits = _column_bits(columns, dim)
    counts = np.zeros((depth, len(columns.depths), 2 * WIDTH), dtype=np.int16)
    for i in range(0, height, TOGETHER):
        strip[max(0, height - i) :] = BEYOND
        differing(texts, i, lanes, columns.offset, width, strip)
        strip[:, width:] = BEYOND
        _count_rows(strip, rows, i, height, dim)
        for chunk in range(len(columns.depths)):
            for slot in range(columns.depths[chunk]):
                # Of a column, the first slot is reached first.
                if not _count_columns(strip, chunk, bits[slot, chunk], counts[slot, chunk]):
                    break
    for slot in range(depth):
        for j in range(width):
            one, at = counts[slot, j // WIDTH], j % WIDTH
            columns.counts.more[slot, j] += one[at]
            columns.counts.tied[slot, j] += one[WIDTH + at]


@compiled()
def _column_bits(columns: ColumnPairs, dim: int) -> Small:
    """By how many bits a pair of each slot and column differs, stretch by stretch; -1 of none."""
    scores, depth = columns.bounds.high, len(columns.counts.more)
    bits = np.full((depth, len(columns.depths), WIDTH), -1, dtype=np.int16)
    for slot in range(depth):
        for j in range(columns.counts.more.shape[1]):
            score = scores[slot, columns.offset + j]
            bits[slot, j // WIDTH, j % WIDTH] = _differing(score, dim)
    return bits


@compiled()
def _differing(score: Any, dim: int) -> Any:
    """By how many bits a pair with such a score differs; -1 of none, whose score is infinite."""
    return np.int16((dim - score) / 2) if score < np.inf else np.int16(-1)


@compiled()
def _count_rows(strip: Strip, rows: RowPairs, i: int, height: int, dim: int) -> None:
    """Count a strip for the texts along it, from row i of the tile on."""
    first = rows.begin[0]
    for r in range(min(TOGETHER, height - i)):
        line = strip[r]
        for pair in range(rows.begin[i + r], rows.end[i + r]):
            bits = _differing(rows.bounds.high[pair], dim)
            fewer, same = np.int16(0), np.int16(0)
            for j in range(len(line)):
                fewer = plus_less(fewer, line[j], bits)
                same = plus_equal(same, line[j], bits)
            rows.counts.more[pair - first] += fewer
            rows.counts.tied[pair - first] += same


@compiled()
def _count_columns(strip: Strip, chunk: int, bits: Small, counts: Small) -> Any:
    """Count a strip for a slot of WIDTH columns; whether any reached its threshold.

    `counts`: WIDTH of those that differ by fewer bits, and WIDTH of those that are tied. One array,
    since with two the compiler would have to expect that writing to one changes the other.
    """
    a = chunk * WIDTH
    b = a + WIDTH
    r, s, t, u = strip[0, a:b], strip[1, a:b], strip[2, a:b], strip[3, a:b]
    v, w, x, y = strip[4, a:b], strip[5, a:b], strip[6, a:b], strip[7, a:b]
    some = np.int16(0)
    for j in range(WIDTH):
        at = bits[j]
        fewer = plus_less(plus_less(counts[j], r[j], at), s[j], at)
        fewer = plus_less(plus_less(fewer, t[j], at), u[j], at)
        fewer = plus_less(plus_less(fewer, v[j], at), w[j], at)
        fewer = plus_less(plus_less(fewer, x[j], at), y[j], at)
        same = plus_equal(plus_equal(counts[WIDTH + j], r[j], at), s[j], at)
        same = plus_equal(plus_equal(same, t[j], at), u[j], at)
        same = plus_equal(plus_equal(same, v[j], at), w[j], at)
        same = plus_equal(plus_equal(same, x[j], at), y[j], at)
        some = plus_less(plus_less(some, counts[j], fewer), counts[WIDTH + j], same)
        counts[j] = fewer
        counts[WIDTH + j] = same
    return some
