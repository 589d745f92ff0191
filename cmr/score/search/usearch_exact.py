"""Exact counts from usearch's distances: its exact search, a block of the matrix at a time.

A stretch of queries keeps its whole rows of scores, which the stretches of the gallery fill, so
each score is computed once and memory is bounded. Products of codes come back as whole numbers, as
long as they stay below 2^24, and are multiplied with both scales as elsewhere: the same counts as
torch's. Floats err by 1e-7, and tie where they differ by at most 1e-6.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from cmr.precision import INTEGER, TIE_TOLERANCE, precision_of
from cmr.progressbar import Advance, no_advance
from cmr.represent.precisions import Encoded
from cmr.score.blocks import Vectors
from cmr.score.compiled import compiled
from cmr.score.cpu.exact_scores import ScoredTile
from cmr.score.cpu.row_counts import count_members
from cmr.score.judgments import Judged
from cmr.score.kernels import CODE_DOUBT
from cmr.score.pools import PoolCounts, Pools
from cmr.score.search.usearch_index import EXACT_BYTES, exact_search
from cmr.score.search.usearch_vectors import operand, similarities
from cmr.score.tally import Bounds, Counted

ScoreRows = npt.NDArray[np.float64]
# Bytes of a score: float64 of it, and usearch's key, distance and room to sort them.
SCORE_BYTES = 8
# usearch sorts what it is asked for, all of a stretch, so short ones are quicker; the shortest:
LEAST_STRETCH, LARGEST_STRETCH = 256, 2048


def score(
    texts: Vectors,
    visuals: Vectors,
    directions: dict[str, Judged],
    pools: Pools | None,
    memory: int,
    progress: Advance = no_advance,
) -> dict[str, Counted]:
    """Count every relevant pair's competitors, as `engine.score` does, each direction by itself.

    `memory`: bytes that scores may take. `progress` is told how many scores were just counted.
    """
    sides = {"t2v": (texts, visuals), "v2t": (visuals, texts)}
    return {
        name: _CountedDirection(name, *sides[name], judged, pools, memory, progress).count()
        for name, judged in directions.items()
    }


class _CountedDirection:
    def __init__(
        self,
        name: str,
        queries: Vectors,
        items: Vectors,
        judged: Judged,
        pools: Pools | None,
        memory: int,
        progress: Advance,
    ) -> None:
        self._name, self._queries, self._items = name, queries, items
        self._judged, self._pools, self._progress = judged, pools, progress
        # Half for the rows of scores, half for what usearch takes of a stretch of the gallery.
        self._rows = max(1, min(queries.rows, memory // 2 // (SCORE_BYTES * max(items.rows, 1))))
        fits = memory // 2 // (EXACT_BYTES * self._rows)
        self._stretch = min(LARGEST_STRETCH, max(LEAST_STRETCH, fits))
        pairs = len(judged.query)
        self._counts = np.zeros((4, pairs), dtype=np.int64)
        self._scores = np.zeros(pairs, dtype=np.float64)
        shape = (pools.draws, len(pools.sizes), pairs) if pools else (0, 0, pairs)
        self._drawn = np.zeros((2, *shape), dtype=np.int32)

    def count(self) -> Counted:
        """Every block of queries in turn."""
        for first, block in self._queries.blocks(self._rows):
            rows = np.empty((len(block), self._items.rows))
            exact = block.precision in INTEGER
            for at, part in self._items.blocks(self._stretch):
                rows[:, at : at + len(part)] = scores(block, part)
                self._progress(len(block) * len(part))
            self._count(rows, first, 0.0 if exact else TIE_TOLERANCE)
        above, tied, relevants_above, relevants_tied = self._counts
        more, level = np.cumsum(self._drawn, axis=2, dtype=np.int32)
        return Counted(
            self._judged,
            self._scores.astype(np.float32),
            above,
            tied,
            relevants_above,
            relevants_tied,
            more,
            level,
        )

    def _count(self, rows: ScoreRows, first: int, tolerance: float) -> None:
        start, item = self._judged.start, self._judged.item
        count_rows(rows, first, start, item, tolerance, self._scores, self._counts)
        if self._pools is None:
            return
        high, low = self._scores + tolerance, self._scores - tolerance
        # Bounds of float32, around which float64 settles what is within its rounding.
        doubt = np.abs(self._scores) * CODE_DOUBT
        fast = (high + doubt).astype(np.float32), (low - doubt).astype(np.float32)
        bounds = Bounds(*fast, high, low)
        down, across = (np.ones(size, dtype=np.float32) for size in rows.shape)
        tile = ScoredTile(rows, down, across, rows, rows, first, 0)
        drawn = self._pools.get(self._name, self._judged, first, first + len(rows))
        for draw, pool in enumerate(drawn):
            into = PoolCounts(self._pools.sizes, *self._drawn[:, draw])
            count_members(tile, start, bounds, pool, into, False, False)


def scores(queries: Encoded, items: Encoded) -> ScoreRows:
    """All scores of two blocks, (queries, items) float64, from usearch's distances."""
    row = precision_of(items.precision)
    metric = row.metric
    asked, held = operand(queries, metric), operand(items, metric)
    keys, distances = exact_search(held.data, asked.data, len(held), held)
    found = np.empty(keys.shape)
    # In float64, for 1 - distance is a whole number that float32 may not hold.
    np.put_along_axis(
        found, keys, similarities(distances.astype(np.float64), metric, items.dim), axis=1
    )
    if len(items.scales) and not row.is_binary:
        found *= items.scales.astype(np.float64)
        found *= queries.scales.astype(np.float64)[:, None]
    return found


@compiled(parallel=True)
def count_rows(
    rows: ScoreRows,
    first: int,
    start: npt.NDArray[np.int64],
    item: npt.NDArray[np.int64],
    tolerance: float,
    scores: ScoreRows,
    counts: npt.NDArray[np.int64],
) -> None:
    """Count whole rows of scores, of the queries from `first`.

    `scores`: (pairs,), filled with the pairs' own. `counts`: (4, pairs), filled with above, tied,
    relevants_above, relevants_tied.
    """
    for i in numba.prange(len(rows)):
        begin, end = start[first + i], start[first + i + 1]
        for pair in range(begin, end):
            own = rows[i, item[pair]]
            scores[pair] = own
            high, low = own + tolerance, own - tolerance
            more, least = 0, 0
            for j in range(rows.shape[1]):
                more += rows[i, j] > high
                least += rows[i, j] >= low
            relevant_more, relevant_least = 0, 0
            for other in range(begin, end):
                value = rows[i, item[other]]
                relevant_more += value > high
                relevant_least += value >= low
            counts[0, pair] = more - relevant_more
            counts[1, pair] = (least - more) - (relevant_least - relevant_more)
            counts[2, pair] = relevant_more
            # Less itself.
            counts[3, pair] = relevant_least - relevant_more - 1
