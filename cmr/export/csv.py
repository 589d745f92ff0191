"""CSV with a header, UTF-8."""

from __future__ import annotations

import pyarrow as pa

from cmr.export.format import Asked, Format, Stream
from cmr.export.row_formats import flat, reader


def write(asked: Asked, out: Stream) -> None:
    """The rows of the query."""
    write_rows(reader(asked), out)


def write_rows(rows: pa.RecordBatchReader, out: Stream) -> None:
    """Write batch by batch."""
    names = [pa.field(name, pa.string()) for name in rows.schema.names]
    out.write(_lines(pa.RecordBatch.from_pylist([], pa.schema(names)), header=True))
    for batch in rows:
        out.write(_lines(batch, header=False))


def _lines(batch: pa.RecordBatch, header: bool) -> bytes:
    import polars

    frame = polars.from_arrow(flat(batch))
    assert isinstance(frame, polars.DataFrame)
    # Through memory: when Polars writes to a pipe itself, it hides that the reader has left.
    text: str = frame.write_csv(include_header=header)
    return text.encode()


FORMAT = Format(
    name="csv",
    summary="CSV of a table, view or query.",
    about="WHAT is the name of a table or view, a macro with its arguments, or a query. Lists and "
    "structs are JSON inside their cell, bytes hexadecimal, NULL an empty cell; intervals, bits "
    "and geometries are DuckDB's text.",
    examples=(
        "cmr export csv leaderboard --out leaderboard.csv",
        'cmr export csv "metrics_at(7)" | head',
    ),
    needs="query",
    into="stream",
    write=write,
    text=True,
    again="cmr ingest qrels FILE, of the table qrels",
)
