"""Which rows of a table are read, where it says of each whether it is for training or testing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cmr.errors import CmrError

COLUMN = "split"
ALL = "all"
# Benchmarks are read to be measured on.
DEFAULT = "test"


@dataclass(frozen=True)
class Splits:
    """The splits that are read; `names` is None where all rows are. `note`: if nobody asked."""

    names: tuple[str, ...] | None
    note: str = ""

    def take(self, value: Any) -> bool:
        """Whether a row of this split is read."""
        name = name_of(value)
        return self.names is None or (name is not None and _folded(name) in self.names)


def asked_for(split: str | Sequence[str] | None) -> list[str]:
    """What was asked for, in a list or with commas."""
    parts = split.split(",") if isinstance(split, str) else split or ()
    return [name for part in parts if (name := part.strip())]


def name_of(value: Any) -> str | None:
    """A cell of the column as a name, None if it is empty."""
    text = "" if value is None or value != value else str(value).strip()
    return text or None


def choose(path: str, values: Iterable[Any], split: str | Sequence[str] | None) -> Splits:
    """The splits to read, of a table whose rows have `values` in the column split.

    All if there is one, or none; the test split if it is among several and nobody asked. Raises
    CmrError, naming those there are, for one that no row has, and where there is no test split
    to fall back on.
    """
    asked = asked_for(split)
    there = sorted({name for value in values if (name := name_of(value)) is not None})
    folded = {_folded(name) for name in there}
    if ALL in asked and ALL not in folded:
        return Splits(None)
    listed = ", ".join(there[:20])
    if asked:
        lacking = [name for name in asked if _folded(name) not in folded]
        if lacking:
            has = f"; it has {listed}" if there else f", nor any other: it names no {COLUMN}"
            raise CmrError(f"{path} has no split {lacking[0]!r}{has}")
        return Splits(tuple(map(_folded, asked)))
    if len(there) < 2:
        return Splits(None)
    if DEFAULT not in folded:
        raise CmrError(
            f"{path} has the splits {listed}: --split NAME reads one of them, --split {ALL} every "
            "row"
        )
    others = ", ".join(name for name in there if _folded(name) != DEFAULT)
    note = f"only the split {DEFAULT} is read, not {others} (--split NAME, or --split {ALL})"
    return Splits((DEFAULT,), note)


def _folded(name: str) -> str:
    return name.strip().casefold()
