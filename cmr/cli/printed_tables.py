"""Arrow tables on stdout, for people."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import pyarrow as pa

from cmr.cli.terminal import visible
from cmr.decimals import fixed


@dataclass(frozen=True)
class _Column:
    """A column as text; numbers are aligned right."""

    name: str
    is_numeric: bool
    cells: list[str]


def print_table(table: pa.Table, title: str | None = None, file: Any = None) -> None:
    """Print a table: numbers aligned right, NULL empty, cell text unchanged.

    On a terminal it fits the window; elsewhere no cell is truncated and nothing is coloured.
    """
    from cmr.api.values import python_values

    out = file or sys.stdout
    heading = visible(title) if title else None
    is_utf = "utf" in (out.encoding or "utf").lower()
    columns = [
        _Column(
            visible(field.name),
            pa.types.is_integer(field.type) or pa.types.is_floating(field.type),
            [cell(field.name, value) for value in python_values(column)],
        )
        for field, column in zip(table.schema, table.columns, strict=True)
    ]
    if out.isatty():
        _fit(columns, heading, is_utf, out)
    else:
        out.writelines(f"{line}\n" for line in _lines(columns, heading, is_utf))


def _fit(columns: Sequence[_Column], title: str | None, is_utf: bool, out: Any) -> None:
    """Draw on a terminal, in its width and in colour."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(
        box=box.SIMPLE_HEAD if is_utf else box.ASCII,
        title=Text(title) if title else None,
        title_justify="left",
        pad_edge=False,
    )
    for column in columns:
        grid.add_column(Text(column.name), justify="right" if column.is_numeric else "left")
    for row in zip(*(column.cells for column in columns), strict=True):
        grid.add_row(*map(Text, row))
    Console(file=out, highlight=False).print(grid)


def _lines(columns: Sequence[_Column], title: str | None, is_utf: bool) -> Iterator[str]:
    """The same at full width, without rich, which would take most of a query's time."""
    texts = [
        [column.name.split("\n"), *(one.split("\n") for one in column.cells)] for column in columns
    ]
    widths = [max(_width(line) for lines in column for line in lines) for column in texts]
    edge, between = (" ", "   ") if is_utf else ("|", " | ")
    whole = sum(widths) + len(between) * (len(widths) - 1)
    border = " " * (whole + 2) if is_utf else f"+{'-' * whole}+"
    rule = f" {'─' * whole} " if is_utf else f"|{'-+-'.join('-' * width for width in widths)}|"
    if title is not None:
        yield title.ljust(whole + 2)
    yield border
    for place, row in enumerate(zip(*texts, strict=True)):
        # The lines of a multi-line cell go below each other.
        for line in zip_longest(*row, fillvalue=""):
            cells = [
                f"{' ' * (width - _width(text))}{text}"
                if column.is_numeric
                else f"{text}{' ' * (width - _width(text))}"
                for text, width, column in zip(line, widths, columns, strict=True)
            ]
            yield f"{edge}{between.join(cells)}{edge}"
        if not place:
            yield rule
    yield border


def _width(text: str) -> int:
    """How many columns of a terminal a line takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cell(name: str, value: Any) -> str:
    """One value as text: four decimals, thousands separators for counts, bytes as hex."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _decimal(value)
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
