"""Ids and captions of a user's vectors, in a separate file: one per row of the vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cmr.errors import CmrError
from cmr.sources.attributes import further_columns, with_rows
from cmr.sources.captions import captions_of
from cmr.sources.collection import TEXT, VISUAL, Item
from cmr.sources.jsonfile import load_json
from cmr.sources.npyfile import load_array
from cmr.sources.pairs import CAPTIONS
from cmr.sources.phrases import kind_of, shown
from cmr.sources.source import Parameter
from cmr.sources.tables import known_column, read_table
from cmr.sources.text import read_text

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".pq")
IDS = {
    TEXT: ("item_id", "id", "text_id", "caption_id", "query_id"),
    VISUAL: ("item_id", "id", "visual_id", "image_id", "video_id"),
}
_FORMS = "one per line, or a .npy, a JSON list, or a table with the column"
OPTIONS = (
    Parameter(
        "text_ids", f"Ids of the texts: {_FORMS} item_id.  [default: row numbers]", path=True
    ),
    Parameter("visual_ids", "Ids of the visuals, likewise.  [default: row numbers]", path=True),
    Parameter("captions", f"Captions of the texts: {_FORMS} text.", path=True),
)


def read_ids(path: str, side: str, rows: int) -> list[str]:
    """The ids of `rows` texts or visuals. Raises CmrError, naming the file and row."""
    return as_ids(_column(path, IDS[side]), path, side, rows)


def further_cells(path: str | None, known: tuple[str, ...], rows: int) -> dict[str, list[Any]]:
    """The other columns of a table of ids or captions, one cell per row of vectors."""
    if path is None or Path(path).suffix.lower() not in TABLES:
        return {}
    table = read_table(path)
    found = known_column(table.columns, known) or table.columns[0]
    return further_columns(table, (found,)) if table.rows == rows else {}


def labelled(items: Sequence[Item], *files: tuple[str | None, tuple[str, ...]]) -> list[Item]:
    """The items with the further columns of files of labels, each with its known columns.

    A table of ids may also have the captions, and one of captions the ids.
    """
    known = (*IDS[TEXT], *IDS[VISUAL], *CAPTIONS)
    found = list(items)
    for path, mine in files:
        cells = further_cells(path, mine, len(items))
        found = with_rows(found, {name: cells[name] for name in cells if name not in known})
    return found


def read_captions(path: str, rows: int) -> list[str | None]:
    """The captions of `rows` texts, None where empty. Raises CmrError likewise."""
    return as_captions(_column(path, CAPTIONS), path, rows)


def as_ids(values: Sequence[Any], where: str, side: str, rows: int) -> list[str]:
    """Ids as text. Raises CmrError if their number is wrong, or one is empty or repeated."""
    _check_length(values, where, f"{side} ids", rows)
    first: dict[str, int] = {}
    for row, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise CmrError(f"{where}: row {row} is {shown(value)}, expected an id")
        other = first.setdefault(str(value), row)
        if other != row:
            raise CmrError(f"{where}: rows {other} and {row} both have the id {str(value)!r}")
    return list(first)


def as_captions(values: Sequence[Any], where: str, rows: int) -> list[str | None]:
    """Captions, None where empty. Raises CmrError for a wrong number or type."""
    _check_length(values, where, "captions", rows)
    found: list[str | None] = []
    for row, value in enumerate(values):
        if isinstance(value, str):
            # Not `captions_of`: with one caption per row, a string is not parsed as a list.
            found.append(value or None)
            continue
        told = captions_of(value, f"{where}: row {row}")
        if len(told) > 1:
            raise CmrError(f"{where}: row {row} has {len(told)} captions, but one text vector")
        found.append(None if told[0].fault else told[0].text)
    return found


def _check_length(values: Sequence[Any], where: str, what: str, rows: int) -> None:
    if len(values) != rows:
        raise CmrError(f"{where} has {len(values)} {what}, expected {rows}: one per row of vectors")


def _column(path: str, known: tuple[str, ...]) -> list[Any]:
    """What the file lists: its lines, array or list, or one column of its table."""
    ending = Path(path).suffix.lower()
    if ending in TABLES:
        table = read_table(path)
        found = known_column(table.columns, known)
        if found is None and len(table.columns) != 1:
            raise CmrError(
                f"{path} has none of the columns {', '.join(known)}; it has {table.listed()}"
            )
        return table.column(found or table.columns[0])
    if ending == ".npy":
        return listed(load_array(path), path)
    if ending == ".json":
        data = load_json(path)
        if not isinstance(data, list):
            raise CmrError(f"{path} holds {kind_of(data)}, expected a list")
        return data
    return _lines(path)


def listed(array: np.ndarray, where: str) -> list[Any]:
    """The strings or whole numbers of an array (rows,). Raises CmrError for any other."""
    if array.ndim != 1 or array.dtype.kind not in "USTiu":
        raise CmrError(
            f"{where} has type {array.dtype} and shape {array.shape}, expected strings or whole "
            "numbers, (rows,)"
        )
    if array.dtype.kind != "S":
        return [*array.tolist()]
    try:
        return [value.decode() for value in array.tolist()]
    except UnicodeDecodeError:
        raise CmrError(f"{where} holds bytes that are not UTF-8") from None


def _lines(path: str) -> list[str]:
    """The lines of a text, which only line feeds end: an id may contain other white space."""
    text = read_text(path)
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
