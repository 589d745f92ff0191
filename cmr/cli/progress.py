"""Progress on stderr: bars on a terminal, elsewhere a line every ten seconds."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

from cmr.cli.terminal import say
from cmr.cli.underway import Underway, lasting, short
from cmr.progressbar import Advance, no_advance

# Seconds between two lines where there is no terminal.
EVERY = 10.0


# Work in progress, the innermost last.
_open: list[Underway] = []


@contextlib.contextmanager
def progress(description: str, total: int, unit: str) -> Iterator[Advance]:
    """Show work, with rate and time left, while the block runs; yields `advance(count)`."""
    if total <= 0:
        yield no_advance
        return
    if sys.stderr.isatty():
        from cmr.cli.bars import drawn

        with drawn(Underway(description, total, unit)) as advance:
            yield advance
        return
    work = Underway(description, total, unit)
    with _told(work):
        yield work.advance


@contextlib.contextmanager
def _told(work: Underway) -> Iterator[None]:
    """Print how far it is every EVERY seconds, unless it waits for work within it."""
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(EVERY):
            if _open[-1:] == [work]:
                say(str(work), err=True)

    _open.append(work)
    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
        _open.remove(work)


@contextlib.contextmanager
def board(unit: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar over many tasks: yields `show(text, done, total)`.

    If stderr is not a terminal, as in a batch job's log, it prints a line now and then.
    """
    if not sys.stderr.isatty():
        yield _Lines(unit)
        return
    from cmr.cli.bars import drawn_board

    with drawn_board(unit) as show:
        yield show


class _Lines:
    """The same as lines, at most one every EVERY seconds, and only if something changed."""

    def __init__(self, unit: str) -> None:
        self._unit, self._begun, self._told = unit, time.monotonic(), -EVERY
        self._text = ""

    def __call__(self, text: str, done: int, total: int) -> None:
        now = time.monotonic()
        ended = total > 0 and done >= total
        if text == self._text or not (ended or now - self._told >= EVERY):
            return
        self._told, self._text = now, text
        rate = done / max(now - self._begun, 1e-9)
        left = f", {lasting((total - done) / rate)} left" if rate and not ended else ""
        say(f"{text}, {short(rate)} {self._unit}/s{left}", err=True)
