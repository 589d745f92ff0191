"""Catalogue rows carry a checksum of themselves; one that does not match is never used.

The checksum covers the table, the file's name, and every column's name, type and value, so a
changed bit, a row of another table and a renamed file are all detected. A column that this version
does not know also makes a row unreadable: either a newer version wrote it, or its name is damaged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.types as kinds

from cmr.errors import CmrError
from cmr.renamed import row_now
from cmr.rows import Row
from cmr.warehouse.layout import catalogue_path
from cmr.warehouse.schemas import ROW_CHECKSUM, Table

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_rows(table: pa.Table) -> list[Row]:
    """Rows as dicts, with times as aware datetimes; `to_pylist` would import pandas for these."""
    columns = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        if kinds.is_timestamp(field.type):
            if field.type.unit != "us":
                column = column.cast(pa.timestamp("us", field.type.tz))
            columns[field.name] = list(map(_moment, _numbers(column)))
        else:
            columns[field.name] = column.to_pylist()
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def seal(table: Table, name: str, row: Row) -> pa.Table:
    """A catalogue row with its checksum, as it is written; `name` is its file's name."""
    data = pa.Table.from_pylist([{**row, ROW_CHECKSUM: None}], schema=table.schema)
    digest = _digest(table, catalogue_path(table, name), _plain(data))
    return data.set_column(
        data.schema.get_field_index(ROW_CHECKSUM),
        data.schema.field(ROW_CHECKSUM),
        pa.array([digest], pa.string()),
    )


def read_row(table: Table, path: str, data: pa.Table) -> Row:
    """The row of a catalogue file, NULL in the columns that were added after it was written.

    Raises CmrError, naming the file and the fault, if it differs from what was written. A row from
    a version before checksums has none, and is accepted as it is.
    """
    return as_row(table, read_values(table, path, data))


def as_row(table: Table, values: Mapping[str, Any]) -> Row:
    """A row by the values of `read_values`, in the columns that there are now."""
    row = {**dict.fromkeys(table.schema.names), **values}
    for name in table.times:
        row[name] = _moment(row[name])
    return row_now(row)


def read_values(table: Table, path: str, data: pa.Table) -> dict[str, Any]:
    """What a catalogue file says, as JSON could: times in microseconds since 1970.

    Raises CmrError as `read_row`.
    """
    known, there = table.schema.names, data.column_names
    unknown = [name for name in there if name not in known]
    if unknown:
        raise CmrError(
            f"{path} has the column {unknown[0]!r}, which this version of cmr does not know: it "
            "is damaged, or a newer version wrote it"
        )
    if data.num_rows != 1 or not {table.key[0], "files"} <= set(there):
        raise CmrError(f"{path} is not a catalogue row of {table.name}")
    for field in data.schema:
        if field.type != table.schema.field(field.name).type:
            raise CmrError(
                f"{path} is damaged: its column {field.name!r} is {field.type}, not "
                f"{table.schema.field(field.name).type}"
            )
    try:
        columns = _plain(data)
        values = {name: value for name, (value,) in columns.items()}
        as_row(table, values)
        found = _digest(table, path, columns)
    except (ValueError, OverflowError, pa.ArrowException) as error:
        raise CmrError(f"{path} is damaged: {str(error).splitlines()[0]}") from None
    written = values.get(ROW_CHECKSUM)
    if written is None and ROW_CHECKSUM in values:
        raise CmrError(f"{path} is damaged: its checksum is empty")
    if written is not None and written != found:
        raise CmrError(
            f"{path} is damaged or was renamed: its checksum differs from when it was written"
        )
    if values["files"] is None or catalogue_path(table, row_name(table, values)) != path:
        raise CmrError(
            f"{path} is the catalogue row {row_name(table, values)!r} under another name"
        )
    return values


def row_name(table: Table, row: Mapping[str, Any]) -> str:
    """The name of a row's file."""
    return "/".join(str(row[name]) for name in table.key)


def recorded(row: Mapping[str, Any], what: str = "checksums") -> dict[str, str]:
    """{file: SHA-256} recorded in a catalogue row, of its files or of their `footers`.

    If an embedding set records nothing else, its fingerprint is the hash of its vectors' file.
    """
    sums = row.get(what) or [None] * len(row.get("files") or ())
    found = {
        file: digest for file, digest in zip(row.get("files") or (), sums, strict=False) if digest
    }
    if what == "checksums" and row.get("set_id") and row["fingerprint"] and row["files"]:
        found.setdefault(row["files"][0], row["fingerprint"])
    return found


def _digest(table: Table, path: str, columns: Mapping[str, list[Any]]) -> str:
    """SHA-256 of a row as stored in the file `path`, without its checksum."""
    rest = {name: values for name, values in columns.items() if name != ROW_CHECKSUM}
    text = json.dumps([table.name, path, rest], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(data: pa.Table) -> dict[str, list[Any]]:
    """Every column's values, with times as integers in their unit."""
    return {
        field.name: _numbers(column) if kinds.is_timestamp(field.type) else column.to_pylist()
        for field, column in zip(data.schema, data.columns, strict=True)
    }


def _numbers(column: pa.ChunkedArray) -> list[int | None]:
    """Times as integers in their unit; a cast would import pyarrow.compute."""
    return [value for chunk in column.chunks for value in chunk.view(pa.int64()).to_pylist()]


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
