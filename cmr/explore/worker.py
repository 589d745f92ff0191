"""One thread that does one thing after the other, and does not keep the process alive."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """Work for one thread. At Ctrl-C, nobody waits for what it is doing.

    Those of `concurrent.futures` are waited for: a graph that is being built may take minutes.
    """

    def __init__(self, name: str) -> None:
        self._todo: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[], T]) -> T:
        """The result of `work`, done in the thread; what it raises is raised here."""
        return await asyncio.wrap_future(self.later(work))

    def later(self, work: Callable[[], T]) -> Future[T]:
        """Do it when everything before it is done."""
        found: Future[T] = Future()
        self._todo.put((found, work))
        return found

    def end(self, seconds: float) -> None:
        """Let the thread end after what it is doing, and wait that long for it."""
        while not self._todo.empty():
            with contextlib.suppress(queue.Empty):
                self._todo.get_nowait()
        self._todo.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while (todo := self._todo.get()) is not None:
            _finish(*todo)
            # What it was about is not kept until there is more to do.
            del todo


def _finish(found: Future[Any], work: Callable[[], Any]) -> None:
    if not found.set_running_or_notify_cancel():
        return
    try:
        found.set_result(work())
    except BaseException as error:
        found.set_exception(error)
