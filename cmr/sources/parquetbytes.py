"""Pictures stored as bytes in Parquet columns."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from cmr.errors import CmrError
from cmr.plain import check_plain
from cmr.sources.phrases import counted, kind_of, shown
from cmr.sources.user_files import is_url, open_file

# Names as `datasets` writes them; older versions append a hash.
_PART = re.compile(r"(.*)-(\d+)-of-(\d+)(-[0-9a-f]{16})?\.parquet", re.DOTALL)
# Row groups whose pictures are held in memory; several threads read neighbouring rows.
HELD = 4


class ParquetReader:
    """A column of bytes, or of structs with the field `bytes`, in one or more files.

    `uri` is FILE:GROUP:ROW, counted from 0.
    """

    def __init__(self, paths: Sequence[str], column: str) -> None:
        """`column`: the pictures' column. Files are opened when needed."""
        self._paths = list(paths)
        self._files: dict[int, pq.ParquetFile] = {}
        self._column = column
        self._held: OrderedDict[tuple[int, int], pa.ChunkedArray] = OrderedDict()
        self._lock = threading.Lock()

    def uris(self, files: Iterable[str] | None = None) -> list[str]:
        """The uri of every row, in order, of all files or some.

        Raises CmrError, naming the file, if one is not readable.
        """
        found = []
        for path in self._paths if files is None else files:
            number = self._paths.index(path)
            file = self._file(number)
            found += [
                f"{number}:{group}:{row}"
                for group in range(file.num_row_groups)
                for row in range(file.metadata.row_group(group).num_rows)
            ]
        return found

    def read(self, uri: str) -> bytes:
        """The bytes of a row, or of the only element if it is a list.

        Raises FileNotFoundError if it holds none, OSError if it holds something else.
        """
        value = self._value(uri)
        data = value.get("bytes") if isinstance(value, dict) else value
        if isinstance(data, bytes):
            return data
        fault = self.fault(uri)
        raise OSError(fault) if fault else FileNotFoundError(f"row {uri} holds no bytes")

    def fault(self, uri: str) -> str:
        """What a row holds instead of a picture's bytes, with file and row; "" if nothing else."""
        value = self._value(uri)
        data = value.get("bytes") if isinstance(value, dict) else value
        if isinstance(data, bytes):
            return ""
        if isinstance(value, dict) and data is None:
            path = value.get("path")
            if not path and "bytes" in value:
                return ""
            told = f"the path {shown(path)} alone" if path else f"a struct of {', '.join(value)}"
        elif data is None:
            return ""
        elif isinstance(data, list):
            told = counted(len(data), "picture") if data else "an empty list"
        elif isinstance(data, str):
            told = "text, such as a path or base64"
        else:
            told = kind_of(data)
        number, group, row = map(int, uri.split(":"))
        sizes = self._file(number).metadata
        row += sum(sizes.row_group(before).num_rows for before in range(group))
        return (
            f"{self._paths[number]}: row {row} holds {told} in {self._column}, where one picture's "
            "bytes are expected"
        )

    def _value(self, uri: str) -> Any:
        number, group, row = map(int, uri.split(":"))
        value = cells(self._paths[number], self._column, self._group(number, group)[row : row + 1])
        value = value[0]
        return value[0] if isinstance(value, list) and len(value) == 1 else value

    def _group(self, number: int, group: int) -> pa.ChunkedArray:
        with self._lock:
            found = self._held.pop((number, group), None)
            if found is None:
                try:
                    table = self._file(number).read_row_group(group, columns=[self._column])
                except (pa.ArrowException, OSError) as error:
                    raise OSError(f"row group {group} is damaged: {error}") from None
                found = table.column(0)
            self._held[number, group] = found
            while len(self._held) > HELD:
                self._held.popitem(last=False)
            return found

    def _file(self, number: int) -> pq.ParquetFile:
        if number not in self._files:
            file = open_parquet(self._paths[number])
            refuse_twins(self._paths[number], "columns", file.schema_arrow.names, [self._column])
            self._files[number] = file
        return self._files[number]


def refuse_gaps(paths: Sequence[str]) -> None:
    """Raise CmrError, naming it, if one of the files NAME-00000-of-00004.parquet is missing."""
    named: dict[tuple[str, str], set[int]] = {}
    for path in paths:
        match = _PART.fullmatch(path)
        if match:
            named.setdefault((match[1], match[3]), set()).add(int(match[2]))
    for (begin, number), parts in named.items():
        if len(parts) < int(number):
            first = next(part for part in range(int(number)) if part not in parts)
            missing = f"{begin}-{first:0{len(number)}d}-of-{number}.parquet"
            raise CmrError(
                f"there is no file {missing}, though names say that there are {int(number)}"
            )


def open_parquet(path: str) -> pq.ParquetFile:
    """An open file. Raises CmrError, naming it, if it is missing or damaged."""
    try:
        if not is_url(path):
            check_plain(path)
        file = pq.ParquetFile(open_file(path) if is_url(path) else path)
        # Column names that are not UTF-8 fail only when accessed.
        file.schema_arrow.names  # noqa: B018
        return file
    except FileNotFoundError:
        raise CmrError(f"there is no file {path}") from None
    except (pa.ArrowException, OSError, UnicodeError) as error:
        reason = str(error).splitlines()[0]
        raise CmrError(f"{path} is not a readable Parquet file: {reason}") from None


def refuse_twins(path: str, what: str, names: Sequence[str], wanted: Iterable[str]) -> None:
    """Raise CmrError, naming the file, if one of the wanted names occurs twice.

    `what` the names are of: columns, or arrays.
    """
    for name in wanted:
        count = list(names).count(name)
        if count > 1:
            raise CmrError(f"{path} has {count} {what} {name!r}; name each differently")


def opaque_columns(schema: pa.Schema) -> frozenset[str]:
    """The columns whose type is bytes, a struct, a map, or a list of anything but texts and whole
    numbers: media and vectors, which are not read for anything else.
    """

    def plain(kind: pa.DataType, inside: bool = False) -> bool:
        if kinds.is_dictionary(kind):
            return plain(kind.value_type, inside)
        if kinds.is_list(kind) or kinds.is_large_list(kind):
            return not inside and plain(kind.value_type, inside=True)
        if kinds.is_floating(kind) or kinds.is_decimal(kind):
            return not inside
        return bool(
            kinds.is_string(kind)
            or kinds.is_large_string(kind)
            or kinds.is_integer(kind)
            or kinds.is_boolean(kind)
            or kinds.is_date(kind)
            or kinds.is_timestamp(kind)
            or kinds.is_time(kind)
        )

    return frozenset(field.name for field in schema if not plain(field.type))


def cells(path: str, name: str, column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """A column's cells as Python values. Raises CmrError, naming it, if that is impossible.

    That happens with structs with a repeated field, text that is not UTF-8, and years after 9999.
    """
    try:
        found: list[Any] = column.to_pylist()
    except (pa.ArrowException, ValueError, ArithmeticError, LookupError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CmrError(f"{path}: the column {name!r} cannot be read: {reason}") from None
    return found


def table_of(path: str, names: Sequence[str], only: bool = False) -> pa.Table:
    """A file's table, which must have these columns; `only` these, or all that it has.

    Raises CmrError, naming the file, if it lacks one, or is missing or damaged.
    """
    file = open_parquet(path)
    lacking = [name for name in names if name not in file.schema_arrow.names]
    if lacking:
        raise CmrError(
            f"{path} lacks the column {lacking[0]!r}; it has {', '.join(file.schema_arrow.names)}"
        )
    refuse_twins(path, "columns", file.schema_arrow.names, names)
    try:
        found = file.read(columns=list(names) if only else None)
        # Only here are text that is not UTF-8, and offsets beyond a column's end, detected.
        found.validate(full=True)
        return found
    except (pa.ArrowException, OSError) as error:
        raise CmrError(f"{path} is damaged: {str(error).splitlines()[0]}") from None


def columns_of(paths: Sequence[str], names: Sequence[str]) -> dict[str, list[Any]]:
    """Some columns of several files, end to end. Raises CmrError if one lacks a column."""
    found: dict[str, list[Any]] = {name: [] for name in names}
    for path in paths:
        table = table_of(path, names, only=True)
        for name in names:
            found[name] += cells(path, name, table[name])
    return found
