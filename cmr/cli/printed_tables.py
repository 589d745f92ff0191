"""Arrow tables on stdout, for people."""

from __future__ import annotations

import shutil
import sys
from decimal import Decimal
from typing import Any

import pyarrow as pa

from cmr.cli.drawn_tables import Column, lines
from cmr.cli.terminal import visible
from cmr.decimals import fixed


def print_table(table: pa.Table, title: str | None = None, file: Any = None) -> None:
    """Print a table: numbers aligned right, NULL empty, cell text unchanged.

    On a terminal it fits the window; elsewhere it has its full width. Nothing is ever truncated.
    """
    from cmr.api.values import python_values

    out = file or sys.stdout
    heading = visible(title) if title else None
    is_utf = "utf" in (out.encoding or "utf").lower()
    columns = [
        Column(
            visible(field.name),
            pa.types.is_integer(field.type) or pa.types.is_floating(field.type),
            [cell(field.name, value) for value in python_values(column)],
        )
        for field, column in zip(table.schema, table.columns, strict=True)
    ]
    if out.isatty():
        from cmr.cli.fitted_tables import fitted

        drawn = fitted(columns, heading, is_utf, shutil.get_terminal_size().columns)
    else:
        drawn = lines(columns, heading, is_utf)
    out.writelines(f"{line}\n" for line in drawn)


def cell(name: str, value: Any) -> str:
    """One value as text: four decimals, thousands separators for counts, bytes as hex."""
    if value is None:
        return ""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        # A seed, a dimension or a year reads better without separators.
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
