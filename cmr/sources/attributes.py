"""Attributes of items: what a source says about them beyond their captions and media.

An attribute is a name and a value, both text; a list in a cell is several values of one name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from typing import Any

from cmr.errors import CmrError
from cmr.sources.collection import Collection, Item
from cmr.sources.parquetbytes import columns_of, opaque_columns, open_parquet
from cmr.sources.tables import SourceTable
from cmr.sources.text import is_unicode

Pairs = tuple[tuple[str, str], ...]
# A longer text is no value to group by, and a longer list no set of labels.
LONGEST, MOST = 1000, 1000
# What img2dataset notes about the download of a picture.
HOUSEKEEPING = (
    "key", "status", "error_message", "width", "height", "original_width", "original_height",
    "exif", "sha256",
)  # fmt: skip


def values_in(cell: Any) -> tuple[str, ...]:
    """The values of a cell, in order and without repetition; empty if there is none to keep.

    A text, a truth value, a number or a date is one value. A list of these, also as JSON in a text,
    is several; with fractions it is a vector, of which nothing is kept, as of structs and bytes.
    """
    if hasattr(cell, "tolist"):
        cell = cell.tolist()
    if isinstance(cell, str) and cell.lstrip()[:1] == "[":
        cell = _listed(cell)
    if not isinstance(cell, list | tuple):
        told = _told(cell)
        return () if told is None else (told,)
    if len(cell) > MOST or any(isinstance(one, float) for one in cell):
        return ()
    return tuple(dict.fromkeys(told for told in map(_told, cell) if told is not None))


def _listed(text: str) -> Any:
    """The list that a text spells out in JSON, or the text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, list) else text


def _told(value: Any) -> str | None:
    """A single value as text, None if it is empty or of a type that is not kept."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        value = int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, int) and abs(value) >= 10**LONGEST:
        return None
    if not isinstance(value, str | int | float | Decimal | date | time):
        return None
    text = str(value).strip()
    return text if text and len(text) <= LONGEST and "\0" not in text and is_unicode(text) else None


def fields_of(entry: Mapping[str, Any], known: Iterable[str]) -> Pairs:
    """The attributes in an object of JSON: all fields but the `known` ones, in any case."""
    skip = {name.casefold() for name in known}
    return tuple(
        (name, value)
        for field, cell in entry.items()
        if field.casefold() not in skip and (name := _told(field))
        for value in values_in(cell)
    )


def further_columns(table: SourceTable, used: Iterable[str]) -> dict[str, list[Any]]:
    """The cells of every column that is not used otherwise and can have values."""
    skip = {name.casefold() for name in used}
    found = {}
    for name in table.columns:
        if name.casefold() in skip or name in table.opaque or _told(name) is None:
            continue
        try:
            found[name] = table.column(name)
        except CmrError:
            # Two columns of one name: none of the other columns has to suffer for it.
            continue
    return found


def further_in_files(paths: Sequence[str], used: Iterable[str]) -> dict[str, list[Any]]:
    """The same for Parquet files, end to end; none if they do not all have the same columns."""
    skip = {name.casefold() for name in used}
    schema = open_parquet(paths[0]).schema_arrow
    opaque = opaque_columns(schema)
    names = [
        name
        for name in schema.names
        if name.casefold() not in skip and name not in opaque and _told(name) is not None
    ]
    try:
        return columns_of(paths, names) if names else {}
    except CmrError:
        return {}


def with_columns(
    collection: Collection,
    columns: Mapping[str, Sequence[Any]],
    rows: Mapping[str, int],
) -> Collection:
    """The collection with the cells of a table's columns as attributes; `rows`: of each text.

    A column that says one thing of all captions of a visual, for every visual, is about visuals;
    any other is about texts.
    """
    visual_of = {one.text_id: one.visual_id for one in collection.judgments}
    texts: dict[str, list[tuple[str, str]]] = {}
    visuals: dict[str, list[tuple[str, str]]] = {}
    for name, cells in columns.items():
        told = {text: values_in(cells[row]) for text, row in rows.items()}
        shared: dict[str, tuple[str, ...]] = {}
        of_visuals = all(
            values == shared.setdefault(visual_of[text], values) for text, values in told.items()
        )
        key = str(_told(name))
        of, into = (shared, visuals) if of_visuals else (told, texts)
        for item, values in of.items():
            into.setdefault(item, []).extend((key, value) for value in values)
    return with_pairs(collection, texts, visuals)


def with_rows(items: Sequence[Item], columns: Mapping[str, Sequence[Any]]) -> list[Item]:
    """The items with the cells of the same rows of a table of them as attributes."""
    told = {str(_told(name)): cells for name, cells in columns.items()}
    return [
        replace(
            item,
            attributes=(
                *item.attributes,
                *((name, value) for name, cells in told.items() for value in values_in(cells[row])),
            ),
        )
        for row, item in enumerate(items)
    ]


def with_pairs(
    collection: Collection,
    texts: Mapping[str, Iterable[tuple[str, str]]],
    visuals: Mapping[str, Iterable[tuple[str, str]]],
) -> Collection:
    """The collection with more attributes, by item id."""
    if not texts and not visuals:
        return collection
    return replace(
        collection,
        texts=[_more(item, texts) for item in collection.texts],
        visuals=[_more(item, visuals) for item in collection.visuals],
    )


def _more(item: Item, found: Mapping[str, Iterable[tuple[str, str]]]) -> Item:
    more = tuple(found.get(item.item_id, ()))
    return replace(item, attributes=(*item.attributes, *more)) if more else item
