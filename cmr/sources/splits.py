"""Which rows of a table are read, if each says whether it is for training or testing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cmr.errors import CmrError
from cmr.sources.phrases import counted_are
from cmr.sources.tables import SourceTable, known_column

COLUMN = "split"
ALL = "all"
# Benchmarks are read for evaluation.
DEFAULT = "test"


@dataclass(frozen=True)
class Splits:
    """The splits that are read; `names` is None for all. `note`: what was decided by default."""

    names: tuple[str, ...] | None
    note: str = ""

    def take(self, value: Any) -> bool:
        """Whether a row of this split is read."""
        name = name_of(value)
        return self.names is None or (name is not None and folded_name(name) in self.names)


def split_cells(table: SourceTable) -> list[Any]:
    """A table's column split, in any case; None in every row if there is none."""
    name = known_column(table.columns, (COLUMN,))
    return [None] * table.rows if name is None else table.column(name)


def asked_for(split: str | Sequence[str] | None) -> list[str]:
    """The requested splits, given as a list or comma-separated."""
    parts = split.split(",") if isinstance(split, str) else split or ()
    return [name for part in parts if (name := part.strip())]


def name_of(value: Any) -> str | None:
    """A cell of the column as a name, None if it is empty."""
    text = "" if value is None or value != value else str(value).strip()
    return text or None


def choose(path: str, values: Iterable[Any], split: str | Sequence[str] | None) -> Splits:
    """The splits to read from a table whose rows have `values` in the column split.

    By default all if there is at most one, and the test split if it is among several. Raises
    CmrError, naming the existing ones, for a split that no row has, and if there is no test split
    to fall back on.
    """
    asked, values = asked_for(split), list(values)
    empty = sum(name_of(value) is None for value in values)
    there = sorted({name for value in values if (name := name_of(value)) is not None})
    folded = {folded_name(name) for name in there}
    if ALL in asked and ALL not in folded:
        return Splits(None)
    listed = ", ".join(there[:20])
    if asked:
        lacking = [name for name in asked if folded_name(name) not in folded]
        if lacking:
            has = f"; it has {listed}" if there else f", nor any other: it names no {COLUMN}"
            raise CmrError(f"{path} has no split {lacking[0]!r}{has}")
        return Splits(tuple(map(folded_name, asked)), left_out(empty))
    if len(there) < 2:
        return Splits(None)
    if DEFAULT not in folded:
        raise CmrError(
            f"{path} has the splits {listed}: --split NAME reads one of them, --split {ALL} every "
            "row"
        )
    others = ", ".join(name for name in there if folded_name(name) != DEFAULT)
    note = f"only the split {DEFAULT} is read, not {others} (--split NAME, or --split {ALL})"
    return Splits((DEFAULT,), "; ".join(filter(None, (note, left_out(empty)))))


def left_out(empty: int) -> str:
    """The note about rows that name no split, if only some splits are read."""
    return f"{counted_are(empty, 'row')} left out for having no {COLUMN}" if empty else ""


def folded_name(name: str) -> str:
    """A split's name normalised for comparison."""
    return name.strip().casefold()
