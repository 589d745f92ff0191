"""Bars on a terminal: one display for all work in progress, each with a line of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cmr.cli.terminal import visible
from cmr.cli.underway import Underway, short
from cmr.progressbar import Advance

if TYPE_CHECKING:
    from rich.progress import Progress, Task, TaskID

# A wait is shown once it lasts so many seconds: most queries are over by then.
PATIENCE = 1.0
_lock = threading.RLock()
_shown: list[Progress] = []


@contextlib.contextmanager
def drawn(work: Underway) -> Iterator[Advance]:
    """Show work while the block runs; what nobody knows the length of, only once it lasts."""
    if work.total > 1:
        with _line(work.description, work.total, work.unit) as (bar, task):
            yield lambda count: bar.advance(task, count)
        return
    ended = threading.Event()

    def show() -> None:
        if not ended.wait(PATIENCE):
            with _line(work.description, None, ""):
                ended.wait()

    shower = threading.Thread(target=show, daemon=True)
    shower.start()
    try:
        yield work.advance
    finally:
        ended.set()
        shower.join()


@contextlib.contextmanager
def drawn_board(unit: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar whose text and total change: yields `show(text, done, total)`."""
    with _line("", None, unit) as (bar, task):
        yield lambda text, done, total: bar.update(
            task, description=visible(text), completed=done, total=total
        )


@contextlib.contextmanager
def _line(description: str, total: int | None, unit: str) -> Iterator[tuple[Progress, TaskID]]:
    """A line of the display, which is there as long as it has one."""
    with _lock:
        if not _shown:
            _shown.append(_display())
            _shown[0].start()
        bar = _shown[0]
        task = bar.add_task(visible(description), total=total, unit=unit)
    try:
        yield bar, task
    finally:
        with _lock:
            bar.remove_task(task)
            if not bar.tasks:
                bar.stop()
                _shown.clear()


def _display() -> Progress:
    """Bars with share, rate, elapsed and remaining time."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Figures(ProgressColumn):
        """The share that is done, and units a second; nothing of what has no known length."""

        def render(self, task: Task) -> Text:
            if task.total is None:
                return Text("")
            rate = short(task.finished_speed or task.speed or 0)
            return Text(f"{task.percentage:>3.0f}%  {rate} {task.fields['unit']}/s")

    class Left(ProgressColumn):
        """The time that is left, where that can be known."""

        def render(self, task: Task) -> Text:
            left = task.time_remaining
            if task.total is None or left is None:
                return Text("")
            minutes, seconds = divmod(int(left), 60)
            return Text(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        Figures(),
        TimeElapsedColumn(),
        Left(),
        console=Console(stderr=True),
        transient=True,
        # What goes to a pipe while a bar is shown is not for the terminal.
        redirect_stdout=False,
    )
