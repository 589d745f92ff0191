"""The work that is timed, inside a process that does nothing else.

Preparation and warm-up are not timed. Garbage collection is off while the clock runs, as in
timeit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from cmr.pipeline.bench.bench_request import BATCH, BUILD, ENCODE, FILTERS, LOAD, SINGLE
from cmr.pipeline.bench.filtered import Filtered
from cmr.pipeline.bench.index import Index, make_index
from cmr.pipeline.bench.load import UnderLoad
from cmr.pipeline.bench.measuring_task import Footprint, Lane, Task, Turn
from cmr.pipeline.bench.search_work import SearchWork, often_enough, quiet
from cmr.pipeline.bench.single_queries import Single


class TimedWork(Protocol):
    """One stage, ready to be timed."""

    def turn(self, lane: Lane) -> Turn:
        """Time a lane once."""

    def footprint(self) -> Footprint:
        """The memory that was used."""


def prepare(task: Task) -> TimedWork:
    """Load what a task needs and warm up."""
    import torch

    torch.set_num_threads(task.threads)
    if task.stage == ENCODE:
        from cmr.pipeline.bench.encode import Encode

        return Encode(task)
    stages: dict[str, Callable[[Task], TimedWork]] = {
        BUILD: Build,
        BATCH: BatchSearch,
        SINGLE: Single,
        LOAD: UnderLoad,
        FILTERS: Filtered,
    }
    return stages[task.stage](task)


class Build(SearchWork):
    """Build the index from vectors in memory."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._vectors = self.galleries()
        self._index: Index | None = None
        self.begin()

    def turn(self, lane: Lane) -> Turn:
        """Build one index, after dropping the previous one."""
        self._index = None
        with quiet():
            clock = time.perf_counter()
            self._index = make_index(self.task, *self._vectors, self._read)
            took = time.perf_counter() - clock
        return Turn(took, len(self._vectors[0]), self.task.threads)

    def footprint(self) -> Footprint:
        """See `TimedWork`."""
        assert self._index is not None
        return self.held(self._index)


class BatchSearch(SearchWork):
    """Answer many queries at once."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._index = make_index(task, *self.galleries(), self._read)
        self._queries = self.queries(task.batch)
        self.begin()
        self._often = {lane: often_enough(self._ready(lane)) for lane in task.lanes}

    def _ready(self, lane: Lane) -> Callable[[], object]:
        self._index.tune(lane.expansion_search)
        return self._index.ready(self._queries, self.task.threads)

    def _search(self, lane: Lane) -> Any:
        self._index.tune(lane.expansion_search)
        return self._index.search(self._queries, self.task.threads)

    def turn(self, lane: Lane) -> Turn:
        """Answer all queries, as often as fills a turn."""
        often, ask = self._often[lane], self._ready(lane)
        with quiet():
            clock = time.perf_counter()
            for _ in range(often):
                ask()
            took = time.perf_counter() - clock
        return Turn(took, often * len(self._queries), self.task.threads)

    def footprint(self) -> Footprint:
        """See `TimedWork`; the agreement is measured last, because it needs further memory."""
        held = self.held(self._index)
        if not self._index.approximate:
            return held
        agreement = {
            lane: self._index.agreement(
                self._queries, self._search(lane), lambda: self.vectors(self.task.gallery)
            )
            for lane in self.task.lanes
        }
        return self.held(self._index, agreement)
