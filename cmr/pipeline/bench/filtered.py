"""Single queries among the items that a filter lets pass: how fast they are, and what they miss."""

from __future__ import annotations

import math

import numpy as np

from cmr.pipeline.bench.index import Index, exact_share, make_index
from cmr.pipeline.bench.measuring_task import Footprint, Lane, Task, Turn
from cmr.pipeline.bench.search_work import SearchWork
from cmr.pipeline.bench.single_queries import best_threads, times_of
from cmr.represent.precisions import Encoded
from cmr.score.search.indexes import Ordinals

# Seeds the attribute apart from the queries.
_ATTRIBUTE = 1


def attribute_of(items: int, seed: int) -> Ordinals:
    """What filters look at, a number of each item: its place in a random order, (items,).

    The same for every engine. A filter of it passes exactly a share of the items, and all that a
    filter of a smaller share does.
    """
    return np.random.default_rng((seed, _ATTRIBUTE)).permutation(items)


def passing(items: int, share: float) -> int:
    """How many of so many items a filter lets pass; one at least."""
    # Of .1 x 30 in floats, 3 and not 4.
    return max(1, math.ceil(round(share * items, 6)))


def against_exact(
    gallery: Encoded, queries: Encoded, found: Ordinals, passes: Ordinals
) -> tuple[float, float]:
    """Of lists under a filter: the share of the exact best that they have, and what they lack.

    `found`: (queries, k) ordinals, -1 where a list is shorter. `passes`: ordinals of what the
    filter lets pass. What an engine returned though it does not pass is not found. The second is
    the mean number of results that a list is short of k, or of all that passes if that is fewer.
    """
    k = min(found.shape[1], len(passes))
    place = np.full(len(gallery), -1, dtype=np.int64)
    place[passes] = np.arange(len(passes))
    mine = np.where(found < 0, -1, place[np.maximum(found, 0)])
    missing = k - np.minimum((mine >= 0).sum(axis=1), k)
    return exact_share(gallery.rows(passes), queries, mine, k), float(missing.mean())


class Filtered(SearchWork):
    """Answer queries one by one, each among a share of the gallery."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        gallery = self.vectors(task.gallery)
        self._attribute = attribute_of(len(gallery), task.seed)
        self._index = make_index(task, gallery, None, attribute=self._attribute)
        self._queries = self.queries(task.singles)
        self._ones = [self._queries.one(row) for row in range(len(self._queries))]
        del gallery
        self.begin()
        self._threads = {
            lane: best_threads(self._tuned(lane), self._ones, task.threads) for lane in task.lanes
        }

    def _limit(self, lane: Lane) -> int:
        return passing(len(self._attribute), lane.share or 1.0)

    def _tuned(self, lane: Lane) -> Index:
        self._index.tune(lane.expansion_search)
        self._index.search_below(self._limit(lane))
        return self._index

    def turn(self, lane: Lane) -> Turn:
        """Answer every query once."""
        threads = self._threads[lane]
        times = times_of(self._tuned(lane), self._ones, threads)
        return Turn(sum(times), len(times), threads, times)

    def footprint(self) -> Footprint:
        """See `TimedWork`; what was found is set against an exact search last."""
        held = self.held(self._index)
        gallery = self.vectors(self.task.gallery)
        for lane in self.task.lanes:
            index = self._tuned(lane)
            # One by one, as they are timed: some engines plan several queries otherwise.
            found = np.concatenate([index.search(one, 1)[0] for one in self._ones])
            passes = np.flatnonzero(self._attribute < self._limit(lane))
            right, lacking = against_exact(gallery, self._queries.coded, found, passes)
            held.agreement[lane], held.missing[lane] = right, lacking
        return held
