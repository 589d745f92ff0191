"""Arrow's IPC file (Feather version 2)."""

from __future__ import annotations

import pyarrow as pa

from cmr.export.format import Asked, Format, Stream
from cmr.export.row_formats import in_bounds, reader


def write(asked: Asked, out: Stream) -> None:
    """The rows of the query, batch by batch."""
    rows = reader(asked)
    with pa.ipc.new_file(out, rows.schema) as writer:
        for batch in rows:
            writer.write_batch(in_bounds(batch))


FORMAT = Format(
    name="arrow",
    summary="Arrow IPC file (Feather 2) of a table, view or query.",
    about="WHAT is the name of a table or view, a macro with its arguments, or a query. The file "
    "is not compressed, so that it can be mapped into memory.",
    examples=("cmr export arrow per_query --out per_query.arrow",),
    needs="query",
    into="stream",
    write=write,
    again="cmr ingest qrels FILE, of the table qrels",
)
