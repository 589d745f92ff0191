"""Counting visuals that are ranked by the best of their captions.

A visual is above a threshold if any of its captions is, and tied with it if none is and one ties.
So the largest score of a group never has to be known, and what float32 leaves in doubt is settled
as everywhere. As a threshold a query has the largest exact score of its own captions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cmr.progressbar import Advance, no_advance
from cmr.score.blocks import Block, Side, Vectors
from cmr.score.cpu.group_marks import (
    ABOVE,
    TIED,
    Marks,
    count_marked,
    mark_settled,
    mark_tile,
)
from cmr.score.groups import GroupedJudged
from cmr.score.pair_scores import Values, exact_values, relevant_values
from cmr.score.plan import Plan
from cmr.score.pools import PoolCounts, Pools
from cmr.score.tally import Bounds, Counted

# The part of the plan's memory that marks may take, a byte each.
SHARE = 4
V2T = "v2t"


def score_grouped(
    texts: Vectors,
    visuals: Vectors,
    judged: GroupedJudged,
    pools: Pools | None,
    plan: Plan,
    progress: Advance = no_advance,
) -> Counted:
    """Count, for every query, the visuals above it and tied with it.

    `visuals`: the queries. `progress` is told how many query-text scores were just counted.
    """
    many = min(plan.visual_rows, max(1, plan.memory // SHARE // max(1, judged.gallery)))
    sides = Side(texts, plan.text_rows, plan), Side(visuals, many, plan)
    own = _thresholds(*sides, judged, plan)
    counting = _Marking(judged, own, pools, plan)
    with plan.kernel.active():
        for block in sides[1]:
            marks = np.zeros((len(block), judged.gallery), dtype=np.uint8)
            for text_block in sides[0]:
                counting.mark(text_block, block, marks, progress)
            counting.count(marks, block.first)
    return counting.result()


def _thresholds(texts: Side, visuals: Side, judged: GroupedJudged, plan: Plan) -> Values:
    """(queries,) the largest value of each one's own captions; 0 where it has none."""
    pairs = judged.pairs
    values = relevant_values(texts, visuals, {V2T: pairs}, plan)[V2T][pairs.order]
    found = np.zeros(judged.queries)
    asked = np.flatnonzero(pairs.relevants > 0)
    if len(asked):
        found[asked] = np.maximum.reduceat(values, pairs.start[asked])
    return found


class _Marking:
    """The counts of all queries; every array is (pairs,), a pair a query with a caption."""

    def __init__(self, judged: GroupedJudged, own: Values, pools: Pools | None, plan: Plan) -> None:
        """`own`: (queries,) thresholds."""
        self._judged, self._own, self._pools, self._plan = judged, own, pools, plan
        kernel = plan.kernel
        # Nothing is above a threshold that there is not.
        self._bounds = Bounds(
            *(
                np.where(judged.relevants > 0, one, np.inf).astype(one.dtype)
                for one in (*kernel.fast_bounds(own), *kernel.bounds(own))
            )
        )
        count = len(judged.query)
        self._above, self._tied = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        shape = (pools.draws, len(pools.sizes), count) if pools else (0, 0, count)
        self._drawn = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
        # Wide enough for a tile whichever way it lies.
        self._room = kernel.empty(plan.tile_columns, plan.tile_rows)

    def mark(self, texts: Block, visuals: Block, marks: Marks, progress: Advance) -> None:
        """Raise the marks of a block's queries, (visuals, groups), by a block of texts."""
        plan = self._plan
        for a in range(0, len(visuals), plan.tile_columns):
            b = min(len(visuals), a + plan.tile_columns)
            for c in range(0, len(texts), plan.tile_rows):
                d = min(len(texts), c + plan.tile_rows)
                self._mark(texts, visuals, (a, b, c, d), marks[a:b])
                progress((b - a) * (d - c))

    def _mark(
        self, texts: Block, visuals: Block, region: tuple[int, int, int, int], marks: Marks
    ) -> None:
        a, b, c, d = region
        kernel = self._plan.kernel
        products = kernel.tile(visuals.operand[a:b], texts.operand[c:d], self._room).cpu().numpy()
        here = slice(visuals.first + a, visuals.first + b)
        bounds = Bounds(*(one[here] for one in self._bounds))
        group = self._judged.group[texts.first + c : texts.first + d]
        doubt = np.empty(products.shape, dtype=np.bool_)
        tile = products, visuals.scales[a:b], texts.scales[c:d]
        mark_tile(tile, group, bounds, kernel.sure, marks, doubt)
        i, j = np.nonzero(doubt)
        # A group that is above for another of its texts stays so.
        open_ = marks[i, group[j]] < ABOVE
        i, j = i[open_], j[open_]
        if len(i):
            values = exact_values(texts, visuals, j + c, i + a, self._plan)
            mark_settled(values.astype(np.float64), i, group[j], bounds, marks)

    def count(self, marks: Marks, first: int) -> None:
        """Count a block's queries, the first with ordinal `first`, by their final marks."""
        judged, last = self._judged, first + len(marks)
        pairs = slice(int(judged.start[first]), int(judged.start[last]))
        row, own = judged.query[pairs] - first, judged.item[pairs]
        if not (marks[row, own] == TIED).all():
            raise RuntimeError("a visual does not tie with itself: the kernel is not exact")
        marks[row, own] = 0
        self._above[pairs] = (marks[row] == ABOVE).sum(1)
        self._tied[pairs] = (marks[row] == TIED).sum(1)
        if self._pools is None:
            return
        for draw, pool in enumerate(self._pools.get(V2T, judged, first, last)):
            counts = PoolCounts(self._pools.sizes, self._drawn[0][draw], self._drawn[1][draw])
            count_marked(marks, pool, judged.start, first, counts)

    def result(self) -> Counted:
        """The counts of all queries."""
        nothing = np.zeros(len(self._above), dtype=np.int64)
        more, tied = (np.cumsum(one, axis=1, dtype=np.int32) for one in self._drawn)
        scores: npt.NDArray[np.float32] = self._own[self._judged.query].astype(np.float32)
        return Counted(
            self._judged, scores, self._above, self._tied, nothing, nothing.copy(), more, tied
        )
