"""A table in the width of a terminal, in which no number and no word is ever cut.

Each remedy is taken only where those before it do not do: what all rows share moves into the
heading, names and long texts wrap between words, and in the end each row becomes a block of lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from cmr.cli.drawn_tables import GAP, Column, lines, text_width, whole_width

# Columns with their line feeds, and how many blanks are between them.
_Fitted = tuple[Sequence[Column], int]
# By wrapping, a text column becomes no narrower than this, or half of its longest text: a tower of
# words is not readable.
_READABLE = 20


def fitted(columns: Sequence[Column], title: str | None, is_utf: bool, width: int) -> Iterator[str]:
    """The lines of a table that is to take at most `width` columns of a terminal.

    A word that is longer than a whole line is not broken; the terminal wraps it.
    """
    gaps = (GAP, 2, 1) if is_utf else (GAP,)
    shared: list[Column] = []
    found = _as_is(columns, width, gaps[:2])
    if found is None:
        shared, columns = _split(columns)
        found = _as_is(columns, width, gaps) or _wrapped(columns, width, gaps[-1])
    for text in (title, _heading(shared)):
        yield from wrapped(text, width).split("\n") if text else ()
    if found is None:
        yield from _blocks(columns, is_utf, width)
    else:
        yield from (line.rstrip() for line in lines(found[0], None, is_utf, found[1]))


def _as_is(columns: Sequence[Column], width: int, gaps: Sequence[int]) -> _Fitted | None:
    """The columns as they are, with the widest gap between them that fits, if one does."""
    most = [max(map(_widest, (column.name, *column.cells))) for column in columns]
    return next(((columns, gap) for gap in gaps if whole_width(most, gap) <= width), None)


def wrapped(text: str, width: int) -> str:
    """Text with line feeds between words, so that lines are at most `width` wide where they can."""
    return "\n".join(_wrap(line, width) for line in text.split("\n"))


def _wrap(line: str, width: int) -> str:
    if text_width(line) <= width:
        return line
    made = [""]
    for part in _parts(line):
        if made[-1] and text_width(made[-1] + part.rstrip()) > width:
            made[-1] = made[-1].rstrip()
            made.append("")
        made[-1] += part
    return "\n".join(made).rstrip()


def _parts(line: str) -> list[str]:
    """Words with the blanks that follow them; a Chinese or Japanese letter is one.

    So is each number of several with strokes between them, such as counts of wins and losses.
    """
    if line.isascii():
        return re.findall(r"\s*(?:\d+/(?=\d)|\S+)\s*", line) or [line]
    found: list[str] = []
    for word in re.findall(r"\s*\S+\s*", line):
        part = ""
        for letter in word:
            if part and text_width(part[-1]) == 2:
                # Punctuation stays with the letter before it.
                if letter.isspace() or not letter.isalnum():
                    part += letter
                    continue
                found.append(part)
                part = ""
            elif part and text_width(letter) == 2 and part[-1].isalnum():
                found.append(part)
                part = ""
            part += letter
        found.append(part)
    return found


def _split(columns: Sequence[Column]) -> tuple[list[Column], list[Column]]:
    """The columns whose value all rows share, and the others; a single row shares nothing."""
    shared = [
        column
        for column in columns
        if len(column.cells) > 1 and len(set(column.cells)) == 1 and "\n" not in column.cells[0]
    ]
    varying = [column for column in columns if column not in shared]
    # A table needs a column.
    return (shared, varying) if varying else ([], list(columns))


def _heading(shared: Sequence[Column]) -> str:
    """What all rows share, in words."""
    said = [f"{column.name.strip()} {column.cells[0]}" for column in shared if column.cells[0]]
    empty = [column.name.strip() for column in shared if not column.cells[0]]
    return "; ".join(filter(None, [", ".join(said), f"empty: {', '.join(empty)}" if empty else ""]))


def _wrapped(columns: Sequence[Column], width: int, gap: int) -> _Fitted | None:
    """The columns with line feeds in names and texts so that they fit; None where they do not."""
    most = [max(map(_widest, (column.name, *column.cells))) for column in columns]
    least = [_least(column, one) for column, one in zip(columns, most, strict=True)]
    if not columns[-1].is_numeric:
        # Beyond it there is nothing to disturb: a long word there is left to the terminal.
        least[-1] = min(least[-1], 2 * _READABLE)
    spare = width - whole_width(least, gap)
    if spare < 0:
        return None
    # What is left goes first to the columns that lack the least.
    order = sorted(range(len(columns)), key=lambda at: most[at] - least[at])
    for place, at in enumerate(order):
        more = min(most[at] - least[at], spare // (len(order) - place))
        least[at] += more
        spare -= more
    made = [
        replace(
            column,
            name=_wrap_name(column.name, one),
            cells=column.cells if column.is_numeric else [wrapped(x, one) for x in column.cells],
        )
        for column, one in zip(columns, least, strict=True)
    ]
    return made, gap


def _widest(text: str) -> int:
    return max(map(text_width, text.split("\n")))


def _least(column: Column, most: int) -> int:
    """How narrow a column may become: numbers and words stay whole, and texts readable."""
    name = max(map(text_width, _name_parts(column.name)))
    if column.is_numeric:
        return max(name, *map(_widest, column.cells)) if column.cells else name
    words = [
        text_width(part.strip())
        for text in column.cells
        for line in text.split("\n")
        for part in _parts(line)
    ]
    texts = max(map(_widest, column.cells), default=0)
    return min(most, max(name, *words, min((texts + 1) // 2, _READABLE)) if words else name)


def _name_parts(name: str) -> list[str]:
    """Where a column's name may wrap: after a blank, `_` or `/`."""
    return [part for part in re.split(r"(?<=[ _/\n])", name) if part]


def _wrap_name(name: str, width: int) -> str:
    made = [""]
    for part in _name_parts(name):
        if made[-1] and text_width(made[-1] + part.rstrip()) > width:
            made.append("")
        made[-1] += part
    return "\n".join(one.rstrip() for one in made)


def _blocks(columns: Sequence[Column], is_utf: bool, width: int) -> Iterator[str]:
    """Each row as lines of name and value, under a rule; empty values are left out."""
    names = [column.name.replace("\n", " ") for column in columns]
    indent = max(map(text_width, names)) + 2
    for row, cells in enumerate(zip(*(column.cells for column in columns), strict=True), start=1):
        mark = f" {row} "
        rule = "─" if is_utf else "-"
        yield f"{rule * 2}{mark}{rule * max(0, min(width, 60) - len(mark) - 2)}"
        for name, text in zip(names, cells, strict=True):
            if not text:
                continue
            said = wrapped(text, max(width - indent, _READABLE)).split("\n")
            yield f"{name}{' ' * (indent - text_width(name))}{said[0]}"
            yield from (f"{' ' * indent}{line}" for line in said[1:])
    yield ""
