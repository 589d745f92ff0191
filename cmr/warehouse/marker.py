"""What makes a folder a warehouse: the marker with its format, and an anchor per table."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from functools import cache

import pyarrow as pa

from cmr.errors import CmrError
from cmr.warehouse import layout
from cmr.warehouse.schemas import Table
from cmr.warehouse.storage import Storage, parquet_bytes


def format_of(marker: bytes) -> object:
    """The format that a marker names; None if it is damaged."""
    try:
        return json.loads(marker)["format"]
    except (ValueError, KeyError, TypeError):
        return None


def damaged_anchors(storage: Storage) -> list[Table]:
    """The tables whose anchors are damaged; all tables if the marker is damaged."""
    if format_of(storage.read_bytes(layout.MARKER)) is None:
        return list(layout.ANCHORED)
    return [table for table in layout.ANCHORED if not is_anchor(storage, table)]


def is_fixed(storage: Storage, path: str) -> bool:
    """Whether a marker or anchor is as it was written."""
    if path == layout.MARKER:
        return format_of(storage.read_bytes(path)) == layout.FORMAT
    return any(
        is_anchor(storage, table) for table in layout.ANCHORED if layout.anchor_path(table) == path
    )


def is_anchor(storage: Storage, table: Table) -> bool:
    """Whether a table's anchor exists, has no rows, and has columns that the table has had."""
    path = layout.anchor_path(table)
    # As this version writes it, it need not be parsed, which every question would wait for.
    with contextlib.suppress(OSError, CmrError):
        if storage.is_local and storage.read_bytes(path) == _as_written(table.schema):
            return True
    try:
        found = storage.read(path)
    except CmrError:
        return False
    return found.num_rows == 0 and all(
        field.name in table.schema.names and field.type == table.schema.field(field.name).type
        for field in found.schema
    )


@cache
def _as_written(schema: pa.Schema) -> bytes:
    """An anchor with these columns."""
    return parquet_bytes(schema.empty_table())


def write_anchors(storage: Storage, tables: Sequence[Table]) -> None:
    """Write an anchor per table, so that no view is ever without a file, then the marker."""

    def write(table: Table) -> None:
        path = layout.anchor_path(table)
        storage.write_row(path, table.schema.empty_table())
        storage.clear_parts(path)

    storage.each(write, tables)
    storage.write_bytes(layout.MARKER, json.dumps({"format": layout.FORMAT}).encode())
    storage.clear_parts(layout.MARKER)
