"""Columns of text drawn as a table, at whatever width they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest


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
    texts = [
        [column.name.split("\n"), *(one.split("\n") for one in column.cells)] for column in columns
    ]
    widths = [max(text_width(line) for lines in column for line in lines) for column in texts]
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
    for place, row in enumerate(zip(*texts, strict=True)):
        # The lines of a multi-line cell go below each other.
        for line in zip_longest(*row, fillvalue=""):
            cells = [
                f"{' ' * (width - text_width(text))}{text}"
                if column.is_numeric
                else f"{text}{' ' * (width - text_width(text))}"
                for text, width, column in zip(line, widths, columns, strict=True)
            ]
            yield f"{edge}{between.join(cells)}{edge}"
        if not place:
            yield rule
    yield border


def whole_width(widths: Sequence[int], gap: int = GAP) -> int:
    """How many columns of a terminal a table takes whose columns have these widths."""
    return sum(widths) + gap * (len(widths) - 1) + 2 * (gap // GAP)


def text_width(text: str) -> int:
    """How many columns of a terminal a line takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
