"""Queries that are answered one by one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from cmr.pipeline.bench.index import Index, StagedQueries, make_index
from cmr.pipeline.bench.measuring_task import Footprint, Lane, Task, Turn
from cmr.pipeline.bench.search_work import SearchWork, quiet

# Queries used for choosing the number of threads.
TRIALS = 30


def times_of(index: Index, ones: Sequence[StagedQueries], threads: int) -> list[float]:
    """Seconds of every query."""
    import torch

    torch.set_num_threads(threads)
    asks = [index.ready(one, threads) for one in ones]
    times = []
    with quiet():
        for ask in asks:
            clock = time.perf_counter()
            ask()
            times.append(time.perf_counter() - clock)
    return times


def best_threads(index: Index, ones: Sequence[StagedQueries], most: int) -> int:
    """All threads or one, whichever is faster: waking threads can cost more than a search."""
    found = {
        threads: statistics.median(times_of(index, ones[:TRIALS], threads))
        for threads in dict.fromkeys((1, most))
    }
    return min(found, key=lambda threads: found[threads])


class Single(SearchWork):
    """Answer queries one by one, over the whole gallery and over galleries of C items."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        gallery, fine = self.galleries()
        chosen = self._order.permutation(len(gallery))
        self._indexes: dict[int | None, Index] = {}
        for pool in dict.fromkeys(lane.pool for lane in task.lanes):
            rows = slice(None) if pool is None else chosen[:pool]
            part = None if fine is None else fine.rows(rows)
            self._indexes[pool] = make_index(task, gallery.rows(rows), part, self._read)
        self._largest = max(self._indexes.values(), key=len)
        del gallery, fine
        queries = self.queries(task.singles)
        self._ones = [queries.one(row) for row in range(len(queries))]
        self.begin()
        self._threads = {
            lane: best_threads(self._tuned(lane), self._ones, task.threads) for lane in task.lanes
        }

    def _tuned(self, lane: Lane) -> Index:
        index = self._indexes[lane.pool]
        index.tune(lane.expansion_search)
        return index

    def turn(self, lane: Lane) -> Turn:
        """Answer every query once."""
        threads = self._threads[lane]
        times = times_of(self._tuned(lane), self._ones, threads)
        return Turn(sum(times), len(times), threads, times)

    def footprint(self) -> Footprint:
        """See `TimedWork`."""
        return self.held(self._largest)
