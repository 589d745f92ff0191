"""The interface of a progress bar; the command line has bars, Python has none by default."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

# Called with how much more is done.
Advance = Callable[[int], None]
# Called with a description, a total and its unit; of a total of 1 nobody knows how far it is.
ProgressBar = Callable[[str, int, str], AbstractContextManager[Advance]]


def no_bar(description: str, total: int, unit: str) -> AbstractContextManager[Advance]:
    """A progress bar that shows nothing."""
    return nullcontext(no_advance)


def waiting(bar: ProgressBar, description: str) -> AbstractContextManager[Advance]:
    """A wait of unknown length."""
    return bar(description, 1, "steps")


def no_advance(count: int) -> None:
    """Report progress to nobody."""
