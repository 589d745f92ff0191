"""Tasks that are each done by one thread from beginning to end, taken from one queue.

A thread multiplies a tile and counts it before it takes the next. Nothing waits for all threads
at every tile, so a core that another process keeps busy delays one tile and not each of them.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import TypeVar

import torch

from cmr.progressbar import Advance

Task = TypeVar("Task")

_lock = threading.Lock()
_users = 0
_before = 1


def each_owned(
    tasks: Iterable[Task],
    threads: int,
    worker: Callable[[], Callable[[Task], int]],
    progress: Advance,
) -> None:
    """Do every task, in the order given, in so many threads that use one core each.

    `worker` is called once in every thread, and returns what does a task and says how many scores
    it has counted; `progress` is told so in the caller's thread. Raises what a task has raised,
    once the others have finished what they had begun.
    """
    queue = deque(tasks)
    told: SimpleQueue[int | None] = SimpleQueue()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            torch.set_num_threads(1)
            do = worker()
            while True:
                try:
                    task = queue.popleft()
                except IndexError:
                    return
                told.put(do(task))
        except BaseException as error:
            failed.append(error)
            queue.clear()
        finally:
            told.put(None)

    with _threads_of_others():
        started = [threading.Thread(target=work) for _ in range(max(1, min(threads, len(queue))))]
        try:
            for thread in started:
                thread.start()
            working = len(started)
            while working:
                counted = told.get()
                if counted is None:
                    working -= 1
                else:
                    progress(counted)
        finally:
            # Where the caller is interrupted, nothing more is begun.
            queue.clear()
            for thread in started:
                thread.join()
    if failed:
        raise failed[0]


@contextlib.contextmanager
def _threads_of_others() -> Iterator[None]:
    """Leave torch's threads as they were: what a thread sets for itself, later ones begin with."""
    global _users, _before
    with _lock:
        if not _users:
            _before = torch.get_num_threads()
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                # Set in a thread of its own: of the caller's, nothing was changed.
                reset = threading.Thread(target=torch.set_num_threads, args=(_before,))
                reset.start()
                reset.join()
