"""The work that is timed, inside a process that does nothing else.

Preparation and warm-up are not timed. Garbage collection is off while the clock runs, as in
timeit.
"""

from __future__ import annotations

import contextlib
import gc
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from cmr.devices import peak_bytes, reset_peak
from cmr.errors import EngineWarning
from cmr.pipeline.bench.bench_request import BATCH, BUILD, ENCODE, SINGLE
from cmr.pipeline.bench.index import Index, StagedQueries, make_index
from cmr.pipeline.bench.machine import forget_peak, peak_resident, resident
from cmr.pipeline.bench.measuring_task import (
    Footprint,
    Lane,
    Task,
    Turn,
)
from cmr.pipeline.bench.read_codes import as_held, reader
from cmr.represent.precisions import Encoded
from cmr.score.search.scorer_kinds import scorer_kind
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors

# Minimum seconds of a turn, so that the clock and the scheduler matter little.
LEAST = 0.2
# Vectors used for loading the libraries.
FEW = 64
# Queries used for choosing the number of threads for single queries.
TRIALS = 30


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
    }
    return stages[task.stage](task)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Turn garbage collection off."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def often_enough(work: Callable[[], object]) -> int:
    """How many repetitions of the work fill a turn; finding out takes two."""
    work()
    clock = time.perf_counter()
    work()
    return max(1, round(LEAST / max(1e-9, time.perf_counter() - clock)))


class _Search:
    """What the search stages share: vectors, and the process's memory."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._warehouse = Store.open(task.root)
        self._order = np.random.default_rng(task.seed)
        self._by_codes = scorer_kind(task.scorer).by_plan
        self._read = reader(task) if self._by_codes else None
        self._load_libraries()
        self.idle = resident()

    def _load_libraries(self) -> None:
        """Search a few vectors, so that what libraries take for themselves is not counted.

        An engine may not learn from so few: it is imported alone.
        """
        kind = scorer_kind(self.task.scorer)
        if kind.own_order:
            # `cmr evaluate` has told what they say while they build.
            warnings.simplefilter("ignore", EngineWarning)
            with warnings.catch_warnings():
                # Of libraries that libraries use.
                warnings.simplefilter("ignore")
                for module in kind.modules:
                    import_module(module)
            return
        few = [self.few(self.task.gallery), self.few(self.task.queries)]
        fine = [self.few(row) for row in self.task.fine or ()]
        task = replace(self.task, k=1, depth=1)
        index = make_index(task, few[0], fine[0] if fine else None, self._read)
        index.search(StagedQueries(few[1], fine[1] if fine else None), task.threads)
        self.settle()

    def few(self, row: dict[str, Any]) -> Encoded:
        """The first vectors of a set."""
        stored = next(StoredVectors(self._warehouse, row).blocks(FEW))[1]
        return stored if self._by_codes else as_held(self._warehouse, row, stored)

    def vectors(self, row: dict[str, Any]) -> Encoded:
        stored = StoredVectors(self._warehouse, row).all()
        return stored if self._by_codes else as_held(self._warehouse, row, stored)

    def galleries(self) -> tuple[Encoded, Encoded | None]:
        """The gallery, and its finer vectors if there is a second stage."""
        fine = self.task.fine
        return self.vectors(self.task.gallery), self.vectors(fine[0]) if fine else None

    def queries(self, count: int) -> StagedQueries:
        """Randomly drawn queries, because the captions of a picture are adjacent in the data."""
        coded = self.vectors(self.task.queries)
        chosen = self._order.permutation(len(coded))[:count]
        fine = self.vectors(self.task.fine[1]).rows(chosen) if self.task.fine else None
        return StagedQueries(coded.rows(chosen), fine)

    def settle(self) -> None:
        """Free memory that is no longer needed."""
        import pyarrow as pa

        gc.collect()
        pa.default_memory_pool().release_unused()

    def begin(self) -> None:
        """Reset the peaks of memory."""
        self.settle()
        forget_peak()
        reset_peak(self.task.device)

    def held(self, index: Index, agreement: dict[Lane, float] | None = None) -> Footprint:
        return Footprint(
            self.idle,
            peak_resident(),
            peak_bytes(self.task.device),
            index.memory_bytes,
            index.index_bytes,
            len(index),
            agreement or {},
        )


class Build(_Search):
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


class BatchSearch(_Search):
    """Answer many queries at once."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._index = make_index(task, *self.galleries(), self._read)
        self._queries = self.queries(task.batch)
        self.begin()
        self._often = {lane: often_enough(partial(self._search, lane)) for lane in task.lanes}

    def _search(self, lane: Lane) -> Any:
        self._index.tune(lane.expansion_search)
        return self._index.search(self._queries, self.task.threads)

    def turn(self, lane: Lane) -> Turn:
        """Answer all queries, as often as fills a turn."""
        often = self._often[lane]
        with quiet():
            clock = time.perf_counter()
            for _ in range(often):
                self._search(lane)
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


class Single(_Search):
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
        self._queries = self.queries(task.singles)
        self._ones = [self._queries.one(row) for row in range(len(self._queries))]
        self.begin()
        self._threads = {lane: self._best_threads(lane) for lane in task.lanes}

    def _best_threads(self, lane: Lane) -> int:
        """All threads or one, whichever is faster: waking threads can cost more than a search."""
        found: dict[int, float] = {}
        for threads in dict.fromkeys((1, self.task.threads)):
            times = self._times(lane, threads, self._ones[:TRIALS])
            found[threads] = statistics.median(times)
        return min(found, key=lambda threads: found[threads])

    def _times(self, lane: Lane, threads: int, ones: list[StagedQueries]) -> list[float]:
        import torch

        index = self._indexes[lane.pool]
        index.tune(lane.expansion_search)
        torch.set_num_threads(threads)
        times = []
        with quiet():
            for one in ones:
                clock = time.perf_counter()
                index.search(one, threads)
                times.append(time.perf_counter() - clock)
        return times

    def turn(self, lane: Lane) -> Turn:
        """Answer every query once."""
        times = self._times(lane, self._threads[lane], self._ones)
        return Turn(sum(times), len(times), self._threads[lane], times)

    def footprint(self) -> Footprint:
        """See `TimedWork`."""
        return self.held(self._largest)
