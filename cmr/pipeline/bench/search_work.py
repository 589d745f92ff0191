"""What the stages that search have in common, inside a process that does nothing else."""

from __future__ import annotations

import contextlib
import gc
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from cmr.devices import peak_bytes, reset_peak
from cmr.errors import EngineWarning
from cmr.pipeline.bench.index import Index, StagedQueries, make_index
from cmr.pipeline.bench.machine import forget_peak, peak_resident, resident
from cmr.pipeline.bench.measuring_task import Footprint, Lane, Task
from cmr.pipeline.bench.read_codes import as_held, reader
from cmr.represent.precisions import Encoded
from cmr.score.search.scorer_kinds import scorer_kind
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors

# Minimum seconds of a turn, so that the clock and the scheduler matter little.
LEAST = 0.2
# Vectors used for loading the libraries.
FEW = 64


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


class SearchWork:
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
        """All vectors of a set."""
        stored = StoredVectors(self._warehouse, row).all()
        return stored if self._by_codes else as_held(self._warehouse, row, stored)

    def galleries(self) -> tuple[Encoded, Encoded | None]:
        """The gallery, and its finer vectors if there is a second stage."""
        fine = self.task.fine
        return self.vectors(self.task.gallery), self.vectors(fine[0]) if fine else None

    def queries(self, count: int) -> StagedQueries:
        """Randomly drawn queries, because the captions of a picture are adjacent in the data."""
        coded, asking = self.vectors(self.task.queries), self.task.asking
        chosen = self._order.permutation(len(coded) if asking is None else asking)[:count]
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
        """The memory of this process and its index; `agreement`: see `Footprint`."""
        return Footprint(
            self.idle,
            peak_resident(),
            peak_bytes(self.task.device),
            index.memory_bytes,
            index.index_bytes,
            len(index),
            agreement or {},
        )
