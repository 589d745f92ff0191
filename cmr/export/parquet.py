"""Parquet, one row group per batch."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from cmr.export.format import Asked, Format, Stream
from cmr.export.row_formats import in_bounds, reader, unwritable

# DuckDB yields small batches; row groups of this many rows read fastest.
GROUP = 122_880


def write(asked: Asked, out: Stream) -> None:
    """The rows of the query."""
    write_rows(reader(asked), out)


def write_rows(rows: pa.RecordBatchReader, out: Stream) -> None:
    """Write with at most one row group in memory.

    Raises CmrError, before anything is written, for a column that Parquet has no type for.
    """
    for field in rows.schema:
        _check(field)
    with pq.ParquetWriter(out, rows.schema, compression="zstd") as writer:
        held, size = list[pa.RecordBatch](), 0
        for batch in rows:
            held.append(in_bounds(batch))
            size += batch.num_rows
            if size >= GROUP:
                writer.write_table(pa.Table.from_batches(held, rows.schema), row_group_size=size)
                held, size = [], 0
        if held or not size:
            writer.write_table(
                pa.Table.from_batches(held, rows.schema), row_group_size=max(1, size)
            )


def _check(field: pa.Field) -> None:
    try:
        with pq.ParquetWriter(pa.BufferOutputStream(), pa.schema([field])):
            pass
    except pa.ArrowException:
        raise unwritable(field.name, field.type, "Parquet has no such type") from None


FORMAT = Format(
    name="parquet",
    summary="Parquet of a table, view or query.",
    about="WHAT is the name of a table or view, a macro with its arguments, or a query. Types stay "
    "as they are, except that intervals, bits, geometries, UHUGEINT, BIGNUM and times with an "
    "offset become text; pages are compressed with zstd.",
    examples=(
        "cmr export parquet metrics --out metrics.parquet",
        'cmr export parquet "from ranks where tied > 0" --out ties.parquet',
    ),
    needs="query",
    into="stream",
    write=write,
    again="cmr ingest qrels FILE, of the table qrels",
)
