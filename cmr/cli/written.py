"""Rows as bytes, in the formats of `cmr export`."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def write(table: pa.Table, form: str, out: IO[bytes]) -> None:
    """Write a table as csv, json or parquet bytes, as `cmr export` does."""
    from cmr.export import csv, json, parquet

    writers = {"csv": csv.write_rows, "json": json.write_rows, "parquet": parquet.write_rows}
    writers[form](table.to_reader(), out)
    out.flush()
