"""The interface of a progress bar; the command line has bars, Python has none by default."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

# Told how much more is done.
Advance = Callable[[int], None]
# Of a description, a total and its unit.
ProgressBar = Callable[[str, int, str], AbstractContextManager[Advance]]
