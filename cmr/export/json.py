"""JSON: an array of objects, or one object per line."""

from __future__ import annotations

import pyarrow as pa

from cmr.export.format import Asked, Format, Stream
from cmr.export.row_formats import json_rows, reader
from cmr.sources.source import Parameter


def write(asked: Asked, out: Stream) -> None:
    """The rows of the query."""
    write_rows(reader(asked), out, asked.options["lines"])


def write_rows(rows: pa.RecordBatchReader, out: Stream, lines: bool = False) -> None:
    """Write batch by batch, one object per line in either form."""
    first = True
    out.write(b"" if lines else b"[")
    for batch in rows:
        for row in json_rows(batch):
            before = "" if lines else "\n" if first else ",\n"
            out.write(f"{before}{row}{chr(10) if lines else ''}".encode())
            first = False
    out.write(b"" if lines else b"\n]\n" if not first else b"]\n")


FORMAT = Format(
    name="json",
    summary="JSON of a table, view or query: an array of objects, or --lines.",
    about="WHAT is the name of a table or view, a macro with its arguments, or a query. NaN and "
    "infinity, which JSON lacks, are null; times are ISO 8601, bytes hexadecimal; intervals, bits, "
    "geometries and moments beyond the year 9999 are DuckDB's text.",
    examples=(
        "cmr export json leaderboard --out leaderboard.json",
        "cmr export json items --lines --out items.jsonl",
    ),
    needs="query",
    into="stream",
    write=write,
    parameters=(Parameter("lines", "One object per line (JSON Lines).", kind=bool),),
    text=True,
    again="cmr ingest qrels FILE, of the table qrels",
)
