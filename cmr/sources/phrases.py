"""Numbers and names worded for messages."""

from __future__ import annotations

from typing import Any

# Longer values are cut: more would not help.
LONGEST = 60


def counted(number: int, what: str) -> str:
    """A number and what it counts: `1 file`, `1,200 files`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def counted_are(number: int, what: str) -> str:
    """A number, what it counts, and the verb: `1 row is`, `2 rows are`."""
    return f"{counted(number, what)} {'is' if number == 1 else 'are'}"


def kind_of(value: Any) -> str:
    """The type of a value with its article: `an int`."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def shown(value: Any) -> str:
    """A value as Python writes it, cut if it is long."""
    written = repr(value)
    return written if len(written) <= LONGEST else f"{written[:LONGEST]}…"
