"""Arrow tables on stdout, for people."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import pyarrow as pa

from cmr.cli.terminal import visible
from cmr.decimals import fixed

# Enough for any row when nobody's terminal limits it.
_WIDE = 100_000


def print_table(table: pa.Table, title: str | None = None, file: Any = None) -> None:
    """Print a table: numbers to the right, NULL empty, cell text as it is.

    On a terminal it fits the window; elsewhere no cell is cut and nothing is coloured.
    """
    import io

    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from cmr.api.values import python_values

    out = file or sys.stdout
    on_terminal = out.isatty()
    # Rich ends the process itself where a reader has left.
    page = io.StringIO()
    shown = out if on_terminal else page
    console = Console(file=shown, width=None if on_terminal else _WIDE, highlight=False)
    heading = Text(visible(title)) if title else None
    frame = box.SIMPLE_HEAD if "utf" in (out.encoding or "utf").lower() else box.ASCII
    grid = Table(box=frame, title=heading, title_justify="left", pad_edge=False)
    for field in table.schema:
        numeric = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        name = Text(visible(field.name))
        grid.add_column(name, justify="right" if numeric else "left", no_wrap=not on_terminal)
    columns = [python_values(column) for column in table.columns]
    for row in zip(*columns, strict=True):
        grid.add_row(*map(Text, map(cell, table.column_names, row)))
    console.print(grid)
    out.write(page.getvalue())


def cell(name: str, value: Any) -> str:
    """One value as text: four decimals, thousands separators for counts, bytes as hex."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, int):
        # A seed, a dimension or a year reads worse with separators than without.
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 16 else f"{value[:16].hex()}…"
    if isinstance(value, list):
        return (
            "["
            + ", ".join(cell(name, one) for one in value[:8])
            + (", …]" if len(value) > 8 else "]")
        )
    if isinstance(value, dict):
        fields = (f"{visible(str(key))}: {cell(name, one)}" for key, one in value.items())
        return f"{{{', '.join(fields)}}}"
    return visible(f"{value:f}" if isinstance(value, Decimal) else str(value))


def _decimal(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if value and abs(value) < 0.0001:
        return f"{value:.2e}"
    return fixed(value)
