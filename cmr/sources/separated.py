"""Separated text: comma, tab, semicolon or pipe, with CSV's quoting or without."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cmr.errors import CmrError
from cmr.sources.names import CLIPS, PICTURES

# A tab or a pipe in the first line is a separator; commas and semicolons may be text.
_SURE, _OTHERS = ("\t", "|"), (",", ";")
NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
# How many lines are used to choose among several separators.
_LOOKED_AT = 100
# A picture's or a clip's name, which is not a column name; Flickr8k.token.txt has "x.jpg#0".
_FILE = re.compile(
    rf".*\.({'|'.join(end[1:] for end in (*PICTURES, *CLIPS))})(\.\d+)?(#\d+)?", re.IGNORECASE
)
_QUOTES = "; a cell that begins with a quote ends with one, and quotes within it are doubled"
# Python's messages about a line, and what they mean.
_FAULTS = {
    "expected after": "text follows a closing quote" + _QUOTES,
    "unexpected end": "a quote that opens there is never closed" + _QUOTES,
    "larger than field limit": f"a cell has more than {csv.field_size_limit():,} characters"
    + _QUOTES,
}
_RETURN = re.compile(r"\r(?!\n)")
# The line that Excel writes before a table.
_EXCEL = re.compile(r"sep=(.)\r?\n")


@dataclass(frozen=True)
class Records:
    """Cells as text. `lines`: each record's first line, from 1. `short`: rows that lack cells."""

    columns: list[str]
    records: list[list[str]]
    lines: list[int]
    short: dict[int, str]
    headed: bool


def read_records(path: str, text: str, separator: str | None, bare: Sequence[str]) -> Records:
    """The records of a separated text; see `cmr.sources.tables.read_table`.

    Records end at line feeds, optionally after a carriage return; blank lines are skipped. Raises
    CmrError, naming the line, for a record with more cells than the header, and for quotes that
    violate CSV's rules.
    """
    ends = "\n" if "\n" in text else "\r"
    lines = [line + "\n" for line in text.split(ends)]
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise CmrError(f"{path} is empty")
    if excel := _EXCEL.fullmatch(first):
        lines[lines.index(first)] = "\n"
        separator = separator or excel[1]
    separator = _given(separator) if separator is not None else _told(lines)
    # "a, b" was written by hand: what follows the space may be quoted. Not so with pipes.
    spaced = _is_spaced(next((line for line in lines if line.strip()), ""), separator)
    found, starts = _parsed(path, lines, separator, spaced and separator != "|")
    if not found:
        raise CmrError(f"{path} is empty")
    if spaced:
        found = [[cell.strip() for cell in record] for record in found]
    header = [name.strip() for name in found[0]]
    headed = not bare or not _FILE.fullmatch(header[0])
    if headed:
        found, starts = found[1:], starts[1:]
    elif len(header) != len(bare):
        raise CmrError(
            f"{path} has no header: line {starts[0]} begins with the file {header[0]}; with "
            f"{len(header)} columns it needs one, such as {separator.join(bare)}"
        )
    else:
        header = list(bare)
    short = _ragged(path, header, found, starts)
    return Records(header, found, starts, short, headed)


def _given(separator: str) -> str:
    found = NAMED.get(separator, separator)
    if len(found) != 1 or found in '"\r\n':
        raise CmrError(f"--separator is one character, or {', '.join(NAMED)}; not {separator!r}")
    return found


def _told(lines: Sequence[str]) -> str:
    """The separator: one that occurs unquoted in the first line and fits most other lines."""
    looked = [line for line in lines if line.strip()][:_LOOKED_AT] or [""]
    counts = {mark: len(_cells(looked[0], mark)) for mark in (*_SURE, *_OTHERS)}
    for mark in _SURE:
        if counts[mark] > 1:
            return mark
    there = [mark for mark in _OTHERS if counts[mark] > 1]
    fits = {m: sum(len(_cells(line, m)) == counts[m] for line in looked) for m in there}
    return max(there, key=lambda mark: (fits[mark], counts[mark]), default=",")


def _cells(line: str, separator: str) -> list[str]:
    """One line's cells, quoted or not."""
    try:
        return next(csv.reader([_RETURN.sub(" ", line)], delimiter=separator), [])
    except csv.Error:
        return []


def _is_spaced(line: str, separator: str) -> bool:
    """Whether a space follows every separator."""
    after = [cell[:1] for cell in _cells(line, separator)[1:]]
    return " " in after and set(after) <= {"", " "}


def _parsed(
    path: str, lines: Sequence[str], separator: str, spaced: bool
) -> tuple[list[list[str]], list[int]]:
    """Records, and the lines where they begin."""
    raw = _raw(lines, separator) if separator in _SURE else None
    try:
        quoted = _quoted(path, lines, separator, spaced)
    except CmrError:
        if raw is None:
            raise
        return raw
    # Tabs and pipes are mostly written without quoting: if that fits every line, quotes belong to
    # the text, and none spans two lines.
    return raw if raw is not None and len(raw[0]) != len(quoted[0]) else quoted


def _raw(lines: Sequence[str], separator: str) -> tuple[list[list[str]], list[int]] | None:
    """The records if quotes mean nothing; None unless all have as many cells as the first."""
    there = [(n, line.rstrip("\r\n")) for n, line in enumerate(lines, 1) if line.strip()]
    records = [line.split(separator) for _, line in there]
    if len({len(record) for record in records}) > 1:
        return None
    return records, [number for number, _ in there]


def _quoted(
    path: str, lines: Sequence[str], separator: str, spaced: bool
) -> tuple[list[list[str]], list[int]]:
    # csv treats a lone carriage return as the end of a line, so it is replaced while parsing.
    spare = _spare(lines) if any(_RETURN.search(line) for line in lines) else None
    given = lines if spare is None else (_RETURN.sub(spare, line) for line in lines)
    reader = csv.reader(given, delimiter=separator, strict=True, skipinitialspace=spaced)
    records, starts, before = [], [], 0
    try:
        for record in reader:
            if record and (len(record) > 1 or record[0].strip()):
                records.append(
                    record if spare is None else [cell.replace(spare, "\r") for cell in record]
                )
                starts.append(before + 1)
            before = reader.line_num
    except csv.Error as error:
        reason = next((ours for theirs, ours in _FAULTS.items() if theirs in str(error)), error)
        raise CmrError(f"{path}: line {before + 1} is not valid CSV: {reason}") from None
    return records, starts


def _spare(lines: Sequence[str]) -> str:
    """A character that does not occur in the lines, from Unicode's private use area."""
    used = set().union(*lines)
    return next(one for one in map(chr, range(0xE000, 0x10FFFE)) if one not in used)


def _ragged(
    path: str, header: Sequence[str], records: list[list[str]], starts: Sequence[int]
) -> dict[int, str]:
    """Rows with fewer cells than the header. Raises CmrError for one with more."""
    short = {}
    for row, record in enumerate(records):
        if len(record) > len(header):
            if any(record[len(header) :]):
                raise CmrError(
                    f"{path}: line {starts[row]} has {len(record)} cells, expected "
                    f"{len(header)} ({', '.join(header)}); a cell that holds the separator must "
                    "be quoted"
                )
            del record[len(header) :]
        elif len(record) < len(header):
            short[row] = f"the row has {len(record)} cells, expected {len(header)}"
    return short
