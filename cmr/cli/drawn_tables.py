"""Columns of text drawn as a table, at whatever width they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest


@dataclass(frozen=True)
class Column:
    """A column as text; numbers are aligned right. Line feeds in a cell start a new line."""

    name: str
    is_numeric: bool
    cells: list[str]


# Blanks between columns; a table with a drawn grid has always as many.
GAP = 3


def lines(
    columns: Sequence[Column], title: str | None, is_utf: bool, gap: int = GAP
) -> Iterator[str]:
    """A table line by line, without rich, which would take most of a query's time."""
    rows = list(zip(*([column.name, *column.cells] for column in columns), strict=True))
    heads = 1
    if any("\n" in cell for row in rows for cell in row):
        # The lines of a multi-line cell go below each other.
        each = [list(zip_longest(*(one.split("\n") for one in row), fillvalue="")) for row in rows]
        heads, rows = len(each[0]), list(chain.from_iterable(each))
    texts = list(zip(*rows, strict=True))
    widths = [max(map(text_width, column)) for column in texts]
    edge, between = (" " * (gap // GAP), " " * gap) if is_utf else ("|", " | ")
    whole = sum(widths) + len(between) * (len(widths) - 1)
    border = " " * (whole + 2 * len(edge)) if is_utf else f"+{'-' * whole}+"
    rule = (
        f"{edge}{'─' * whole}{edge}"
        if is_utf
        else f"|{'-+-'.join('-' * width for width in widths)}|"
    )
    if title is not None:
        yield title.ljust(whole + 2)
    yield border
    padded = [
        _padded(cells, width, column.is_numeric)
        for cells, width, column in zip(texts, widths, columns, strict=True)
    ]
    for place, line in enumerate(zip(*padded, strict=True), 1):
        yield f"{edge}{between.join(line)}{edge}"
        if place == heads:
            yield rule
    yield border


def _padded(cells: Sequence[str], width: int, is_numeric: bool) -> list[str]:
    """Lines of one column, all of them `width` wide."""
    if "".join(cells).isascii():
        return [one.rjust(width) if is_numeric else one.ljust(width) for one in cells]
    blanks = [" " * (width - text_width(one)) for one in cells]
    pairs = zip(blanks, cells, strict=True) if is_numeric else zip(cells, blanks, strict=True)
    return ["".join(pair) for pair in pairs]


def whole_width(widths: Sequence[int], gap: int = GAP) -> int:
    """How many columns of a terminal a table takes whose columns have these widths."""
    return sum(widths) + gap * (len(widths) - 1) + 2 * (gap // GAP)


def text_width(text: str) -> int:
    """How many columns of a terminal a line takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
