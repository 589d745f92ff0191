"""Many clients at once: each sends one query after the other, and waits for its answer.

Clients are threads of one process, as those of a service in Python are, each with its own
connection where the engine has connections. Most libraries compute without the interpreter's lock;
where one holds it, that is part of what is measured.
"""

from __future__ import annotations

import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from cmr.errors import CmrError
from cmr.pipeline.bench.index import make_index
from cmr.pipeline.bench.measuring_task import Footprint, Lane, Task, Turn
from cmr.pipeline.bench.search_work import LEAST, SearchWork, quiet

# Seconds of sending before the clock starts.
RAMP = 0.2
# Seconds between two looks at whether the command is still there.
LOOK = 0.5


@dataclass
class Window:
    """The time in which what is answered counts; it opens when every client is there."""

    seconds: float
    begin: float = 0.0
    end: float = 0.0

    def open(self) -> None:
        """Called once, when the last client has come."""
        self.begin = time.perf_counter() + RAMP
        self.end = self.begin + self.seconds


@dataclass
class Sent:
    """Of one client: how many answers came within the window, and its latencies.

    A latency, in seconds, is from the client's previous answer to this one, so that it has all the
    waiting for the processor and for the interpreter's lock. They are of all queries that were sent
    within the window, also of the last one, whose answer came after it: without it the slowest
    would be missing.
    """

    answered: int = 0
    latencies: list[float] = field(default_factory=list)


def asked_for() -> bool:
    """Whether the process that asked for this one's work still runs."""
    parent = multiprocessing.parent_process()
    return parent is None or parent.is_alive()


class UnderLoad(SearchWork):
    """Answer single queries of several clients at once, over the whole gallery."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._index = make_index(task, *self.galleries(), self._read)
        queries = self.queries(task.singles)
        self._ones = [queries.one(row) for row in range(len(queries))]
        # Kept from turn to turn, for a thread's connection is opened once.
        self._pool = ThreadPoolExecutor(max(lane.clients or 1 for lane in task.lanes))
        self.begin()
        self._threads = {lane: self._best_threads(lane) for lane in task.lanes}

    def _best_threads(self, lane: Lane) -> int:
        """One thread a search, or each client's share of them all, whichever answers more."""
        share = max(1, self.task.threads // (lane.clients or 1))
        trials = dict.fromkeys((1, share), 0)
        if len(trials) > 1:
            for threads in trials:
                trials[threads] = self._load(lane, threads, LEAST).queries
        return max(trials, key=lambda threads: trials[threads])

    def turn(self, lane: Lane) -> Turn:
        """Send for as long as the task says. Raises CmrError where nothing was answered."""
        done = self._load(lane, self._threads[lane], self.task.window)
        if not done.queries:
            raise CmrError(
                f"none of {lane.clients} clients was answered within {self.task.window:g} seconds; "
                "--window gives them more"
            )
        return done

    def _load(self, lane: Lane, threads: int, seconds: float) -> Turn:
        clients = lane.clients or 1
        self._index.tune(lane.expansion_search)
        window = Window(seconds)
        barrier = threading.Barrier(clients, action=window.open)
        with quiet():
            sending = [
                self._pool.submit(self._client, number / clients, threads, window, barrier)
                for number in range(clients)
            ]
            while wait(sending, LOOK).not_done:
                if not asked_for():
                    window.end = 0.0
            errors = [error for one in sending if (error := one.exception()) is not None]
        for error in errors:
            # What one client's error did to the others comes after it.
            if not isinstance(error, threading.BrokenBarrierError):
                raise error
        every = [one.result() for one in sending]
        latencies = list(itertools.chain.from_iterable(one.latencies for one in every))
        return Turn(seconds, sum(one.answered for one in every), threads, latencies)

    def _client(
        self, place: float, threads: int, window: Window, barrier: threading.Barrier
    ) -> Sent:
        """Send until the window closes. `place`: where in the queries to begin, of 1."""
        try:
            asks = self._asks(place, threads)
            asks[0]()
        except BaseException:
            barrier.abort()
            raise
        barrier.wait()
        found = Sent()
        begin, clock, keep = window.begin, time.perf_counter, found.latencies.append
        every = itertools.cycle(asks)
        sent = clock()
        while sent < window.end:
            next(every)()
            answered = clock()
            found.answered += begin <= answered <= window.end
            if sent >= begin:
                keep(answered - sent)
            sent = answered
        return found

    def _asks(self, place: float, threads: int) -> list[Callable[[], object]]:
        """Every query, to be sent by this thread; all contenders' clients have the same order."""
        import torch

        torch.set_num_threads(threads)
        first = int(place * len(self._ones))
        order = self._ones[first:] + self._ones[:first]
        return [self._index.ready(one, threads) for one in order]

    def footprint(self) -> Footprint:
        """See `TimedWork`."""
        return self.held(self._index)
