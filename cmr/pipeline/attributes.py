"""A data set's attributes: written with it, and replaced where a source says more or other things.

They are no part of a data set's fingerprint: no rank depends on them, so its runs stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cmr.errors import CmrError
from cmr.identity import table_hash
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL, Collection
from cmr.warehouse.layout import partition
from cmr.warehouse.schemas import ATTRIBUTES, DATASETS, ITEMS
from cmr.warehouse.store import Store

Sides = Mapping[str, pa.Table]
# How the names of attributes begin that are counted among all items of a data set, and are no
# longer true where it has grown.
NEAR = "near_duplicates"


def write_attributes(
    warehouse: Store, dataset: str, collection: Collection, before: Row | None
) -> list[str]:
    """Write what the collection says of its items; returns the files. The caller holds the claim.

    `before`: the data set's row until now, whose attributes of other names stay, but for those that
    were counted among its items, of which there are others now.
    """
    return _write(warehouse, dataset, _merged(warehouse, collection, before, grown=True), before)


def replace_attribute(
    warehouse: Store, row: Row, name: str, values: Mapping[str, npt.NDArray[np.int64]]
) -> None:
    """Store one number for each item, by side and ordinal, in the place of an earlier `name`.

    The caller holds the claim.
    """
    stored, now = _stored(warehouse, row), dict[str, pa.Table]()
    for side, table in stored.items():
        kept = table.filter(pc.not_equal(table["name"], name))
        if side in values:
            mine = [one for one in row["files"] if f"/modality={side}/" in one]
            items = warehouse.read(row, ITEMS, mine).sort_by("ordinal")["item_id"]
            numbers = pa.array(values[side]).cast(pa.string())
            added = {"item_id": items, "name": pa.array([name] * len(items)), "value": numbers}
            kept = pa.concat_tables([kept, pa.table(added, schema=ATTRIBUTES.schema)])
        now[side] = kept
    others = [one for one in row["files"] if not one.startswith(f"{ATTRIBUTES.name}/")]
    files = [*others, *_write(warehouse, row["dataset"], now, row)]
    warehouse.commit(DATASETS, row["dataset"], {**row, "files": files})


def note_attributes(warehouse: Store, row: Row, collection: Collection) -> Row:
    """Record what another reading of the same data says of its items; returns the row as it is now.

    The caller holds the claim. Nothing is written if nothing is new.
    """
    if not any(item.attributes for item in (*collection.texts, *collection.visuals)):
        return row
    now = _merged(warehouse, collection, row)
    if table_hash(now.values()) == table_hash(_stored(warehouse, row).values()):
        return row
    others = [name for name in row["files"] if not name.startswith(f"{ATTRIBUTES.name}/")]
    files = [*others, *_write(warehouse, row["dataset"], now, row)]
    changed = {**row, "files": files}
    warehouse.commit(DATASETS, row["dataset"], changed)
    return changed


def _merged(
    warehouse: Store, collection: Collection, before: Row | None, grown: bool = False
) -> Sides:
    """The collection's attributes by side, and before them those stored under other names.

    `grown`: without what was counted among the items until now.
    """
    items = {TEXT: collection.texts, VISUAL: collection.visuals}
    names = {name for side in items.values() for item in side for name, _ in item.attributes}
    stored = _stored(warehouse, before)
    found = {}
    for side, mine in items.items():
        there = {item.item_id for item in mine}
        rows: list[dict[str, Any]] = [
            row
            for row in stored[side].to_pylist()
            if row["name"] not in names
            and row["item_id"] in there
            and not (grown and row["name"].startswith(f"{NEAR} "))
        ]
        # A source may read one file as its ids and as its captions, and finds all of it twice.
        rows += [
            {"item_id": item.item_id, "name": name, "value": value}
            for item in mine
            for name, value in dict.fromkeys(item.attributes)
        ]
        found[side] = pa.Table.from_pylist(rows, schema=ATTRIBUTES.schema)
    return found


def _stored(warehouse: Store, row: Row | None) -> Sides:
    """The attributes of a data set by side; none where its files are damaged."""
    found = {}
    for side in (TEXT, VISUAL):
        mine = [name for name in row["files"] if f"/modality={side}/" in name] if row else []
        try:
            found[side] = warehouse.read(row or {}, ATTRIBUTES, mine)
        except CmrError:
            found[side] = ATTRIBUTES.schema.empty_table()
    return found


def _write(warehouse: Store, dataset: str, sides: Sides, before: Row | None) -> list[str]:
    """Write the sides that have any; what no row has named for an hour is removed."""
    files = []
    for side, table in sides.items():
        keys = {"dataset": dataset, "modality": side}
        warehouse.sweep(partition(ATTRIBUTES.name, keys), before["files"] if before else [])
        if table.num_rows:
            files.append(warehouse.write(ATTRIBUTES, keys, [table]))
    return files
