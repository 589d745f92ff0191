"""Tables from users: separated text, JSON lines, a JSON list of objects, Parquet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmr.errors import CmrError
from cmr.sources.jsonfile import loads
from cmr.sources.parquetbytes import cells, opaque_columns, open_parquet, refuse_twins
from cmr.sources.separated import read_records
from cmr.sources.text import read_text
from cmr.sources.user_files import open_file

SEPARATED = (".csv", ".tsv", ".txt", ".token")
LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather")
ENDINGS = (*SEPARATED, *LINES, ".json", *PARQUET, *ARROW)


@dataclass(frozen=True)
class SourceTable:
    """A table, whose cells are read a column at a time.

    `rows`: how many there are. `lines`: for text, the first line of each row, from 1. `short`:
    faults of rows that lack cells, by row; the cells are None. `headed`: whether the file itself
    names its columns. `opaque`: columns whose type is neither text nor number nor a list of them.
    """

    path: str
    columns: Sequence[str]
    rows: int
    cells: Callable[[str], list[Any]]
    lines: Sequence[int] | None = None
    short: Mapping[int, str] = field(default_factory=dict)
    headed: bool = True
    opaque: AbstractSet[str] = frozenset()

    def column(self, name: str) -> list[Any]:
        """The cells of a column. Raises CmrError, naming the file, if there is none or if two."""
        if name not in self.columns:
            raise CmrError(f"{self.path} has no column {name!r}; it has {self.listed()}")
        refuse_twins(self.path, "columns", self.columns, [name])
        return self.cells(name)

    def listed(self) -> str:
        """The names of the columns, for messages."""
        return ", ".join(self.columns) or "none"

    def row(self, number: int) -> str:
        """A row's name: its number from 0 and, for text, its line from 1."""
        return f"row {number}" + (f" (line {self.lines[number]})" if self.lines else "")

    def where(self, number: int) -> str:
        """A row with its file, for messages."""
        return f"{self.path}: {self.row(number)}"


def known_column(columns: Sequence[str], known: Sequence[str]) -> str | None:
    """The first of the known names that exists, in any case."""
    folded = {name.casefold(): name for name in reversed(columns)}
    return next((n if n in columns else folded[n] for n in known if n in folded), None)


def read_table(path: str, separator: str | None = None, bare: Sequence[str] = ()) -> SourceTable:
    """Read a table in the format of its extension, one of `ENDINGS`.

    `separator`: of separated text; detected from its first lines if None. Its cells stay text, so
    that ids keep leading zeros; an empty one is None. `bare`: the columns' names if the first line
    is not a header, which is the case if it begins with a file's name. Raises CmrError, naming the
    file, its line and what was expected.
    """
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise CmrError(f"{path} ends with {ending!r}; a table is {', '.join(ENDINGS)}")
    if separator is not None and ending not in SEPARATED:
        raise CmrError(f"{path} has no separator; leave --separator out")
    if ending in PARQUET:
        table = _parquet(path)
    elif ending in ARROW:
        table = _arrow(path)
    elif ending in SEPARATED:
        table = _separated(path, separator, bare)
    else:
        table = _objects(path, ending == ".json")
    if not table.rows:
        raise CmrError(f"{path} has no rows, only the columns {table.listed()}")
    return table


def _parquet(path: str) -> SourceTable:
    file = open_parquet(path)

    def column(name: str) -> list[Any]:
        import pyarrow as pa

        try:
            found = file.read(columns=[name]).column(0)
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise CmrError(f"{path} is not a readable parquet table: {reason}") from None
        return cells(path, name, found)

    return SourceTable(
        path,
        file.schema_arrow.names,
        file.metadata.num_rows,
        column,
        opaque=opaque_columns(file.schema_arrow),
    )


def _arrow(path: str) -> SourceTable:
    import pyarrow as pa

    try:
        with open_file(path) as file:
            found = pa.ipc.open_file(file).read_all()
            found.validate(full=True)
    except FileNotFoundError:
        raise CmrError(f"there is no file {path}") from None
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CmrError(f"{path} is not a readable Arrow file: {reason}") from None
    return SourceTable(
        path,
        found.column_names,
        found.num_rows,
        lambda name: cells(path, name, found[name]),
        opaque=opaque_columns(found.schema),
    )


def _separated(path: str, separator: str | None, bare: Sequence[str]) -> SourceTable:
    found = read_records(path, read_text(path), separator, bare)

    def column(name: str) -> list[Any]:
        place = found.columns.index(name)
        return [record[place] or None if place < len(record) else None for record in found.records]

    return SourceTable(
        path, found.columns, len(found.records), column, found.lines, found.short, found.headed
    )


def _objects(path: str, whole: bool) -> SourceTable:
    """`whole`: its name says JSON, not JSON lines; the content decides."""
    text = read_text(path)
    if not text.strip():
        raise CmrError(f"{path} is empty")
    lines = None
    data = _loaded(path, text) if whole or text.lstrip()[0] == "[" else None
    if data is None:
        numbered = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        lines = [number for number, _ in numbered]
        data = [_line(path, number, line) for number, line in numbered]
    if not isinstance(data, list):
        keys = ", ".join(list(data)[:5]) if isinstance(data, dict) else type(data).__name__
        raise CmrError(
            f"{path} holds one object ({keys}), expected a list of objects, one per picture or pair"
        )
    return of_objects(path, data, lines)


def of_objects(path: str, data: Sequence[Any], lines: Sequence[int] | None = None) -> SourceTable:
    """A table of JSON objects, one per row. Raises CmrError, naming the first that is none."""
    for number, one in enumerate(data):
        if not isinstance(one, dict):
            place = f"line {lines[number]}" if lines else f"entry {number}"
            raise CmrError(f"{path}: {place} is {type(one).__name__}, expected an object")
    columns = list(dict.fromkeys(name for one in data for name in one))
    return SourceTable(
        path, columns, len(data), lambda name: [one.get(name) for one in data], lines
    )


def _loaded(path: str, text: str) -> Any:
    """The JSON document, or None if these are JSON lines under another name."""
    try:
        return loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.lstrip()[0] == "{":
            return None
        raise CmrError(f"{path} is not valid JSON: {error}") from None
    except (ValueError, RecursionError) as error:
        raise CmrError(f"{path} is not valid JSON: {error}") from None


def _line(path: str, number: int, line: str) -> Any:
    try:
        return loads(line)
    except (ValueError, RecursionError) as error:
        said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise CmrError(f"{path}: line {number} is not valid JSON: {said}") from None
