"""Progress bars on stderr, on a terminal only."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cmr.cli.terminal import say, visible
from cmr.progressbar import Advance, no_advance

if TYPE_CHECKING:
    from rich.progress import Progress


@contextlib.contextmanager
def progress(description: str, total: int, unit: str) -> Iterator[Advance]:
    """A bar with rate and time left; yields `advance(count)`. Silent if stderr is no terminal."""
    if total <= 0 or not sys.stderr.isatty():
        yield no_advance
        return
    with _bar(unit) as bar:
        task = bar.add_task(visible(description), total=total)
        yield lambda count: bar.advance(task, count)


@contextlib.contextmanager
def board(unit: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar over many tasks: yields `show(text, done, total)`.

    If stderr is not a terminal, as in a batch job's log, it prints a line now and then.
    """
    if not sys.stderr.isatty():
        yield _Lines(unit)
        return
    with _bar(unit) as bar:
        task = bar.add_task("", total=None)
        yield lambda text, done, total: bar.update(
            task, description=visible(text), completed=done, total=total
        )


class _Lines:
    """The same as lines, at most one every EVERY seconds, and only if something changed."""

    EVERY = 15.0

    def __init__(self, unit: str) -> None:
        self._unit, self._begun, self._told = unit, time.monotonic(), -self.EVERY
        self._text = ""

    def __call__(self, text: str, done: int, total: int) -> None:
        now = time.monotonic()
        ended = total > 0 and done >= total
        if text == self._text or not (ended or now - self._told >= self.EVERY):
            return
        self._told, self._text = now, text
        rate = done / max(now - self._begun, 1e-9)
        left = f", {(total - done) / rate:.0f} s left" if rate and not ended else ""
        say(f"{text}, {_short(rate)} {self._unit}/s{left}", err=True)


def _bar(unit: str) -> Progress:
    """A bar with share, rate, elapsed and remaining time."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Units a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{_short(task.finished_speed or task.speed or 0)} {unit}/s")

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _short(number: float) -> str:
    """A number in at most four digits and a suffix."""
    for letter in ("", "k", "M", "G"):
        if number < 1000:
            return (
                f"{number:.0f}{letter}" if number >= 10 or not number else f"{number:.1f}{letter}"
            )
        number /= 1000
    return f"{number:.0f}T"
