"""An export format as another package would write it."""

from __future__ import annotations

from cmr.export.exported_vectors import set_ids
from cmr.export.format import Format


def write(asked, out):
    for name in set_ids(asked.warehouse, asked.pair.text).to_pylist():
        out.write(f"{name}\n".encode())


FORMAT = Format(
    name="lines",
    summary="Only the ids.",
    about="A line each.",
    examples=("cmr export lines --out ids.txt",),
    needs="representation",
    into="stream",
    write=write,
    text=True,
)
