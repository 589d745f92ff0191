"""A data set's own tables: items, judgments and rejects, and its catalogue row."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from cmr.errors import CmrError
from cmr.identity import table_hash
from cmr.pipeline.attributes import note_attributes, write_attributes
from cmr.sources.collection import TEXT, VISUAL, Collection, Item, Reject
from cmr.warehouse.layout import partition
from cmr.warehouse.schemas import DATASETS, ITEMS, QRELS, QRELS_SETS, REJECTS
from cmr.warehouse.store import Store
from cmr.warehouse.verified import is_sound


def write_dataset(
    warehouse: Store, dataset: str, collection: Collection, fingerprint: str, clock: float
) -> None:
    """Write the tables of a new or grown data set, then its row. The caller holds the claim."""
    files = []
    found = warehouse.find(DATASETS, dataset)
    before = list(found["files"]) if found else []
    judged = [
        name
        for row in warehouse.catalogue(QRELS_SETS)
        if row["dataset"] == dataset
        for name in row["files"]
    ]
    tables = [
        (ITEMS, {"dataset": dataset, "modality": TEXT}, _item_table(collection.texts)),
        (ITEMS, {"dataset": dataset, "modality": VISUAL}, _item_table(collection.visuals)),
        (QRELS, {"dataset": dataset}, _judgment_table(collection)),
        (REJECTS, {"dataset": dataset}, reject_table(collection.rejects)),
    ]
    for table, keys, data in tables:
        warehouse.sweep(partition(table.name, keys), [*before, *judged])
        files.append(warehouse.write(table, keys, [data]))
    files += write_attributes(warehouse, dataset, collection, found)
    row = {
        "dataset": dataset,
        "fingerprint": fingerprint,
        "source": collection.source,
        "settings": json.dumps(dict(collection.settings), sort_keys=True),
        "media": _media(collection),
        "texts": len(collection.texts),
        "visuals": len(collection.visuals),
        "judgments": len(collection.judgments),
        "rejects": len(collection.rejects),
        "files": files,
        "created_at": datetime.now(UTC),
        "seconds": time.perf_counter() - clock,
    }
    warehouse.commit(DATASETS, dataset, row)


def note_source(warehouse: Store, row: dict[str, Any], collection: Collection) -> None:
    """Record where the same data is now and what its source says. The caller holds the claim."""
    row = note_attributes(warehouse, row, collection)
    media = _media(collection)
    if media is not None and media != row["media"]:
        warehouse.commit(DATASETS, row["dataset"], {**row, "media": media})


def _media(collection: Collection) -> str | None:
    """How to read the pictures again, as JSON; None if the source has none."""
    if collection.reader is None or collection.origin is None:
        return None
    return json.dumps(dict(collection.origin), sort_keys=True)


def ids(collection: Collection, side: str) -> list[str]:
    """Item ids of one side, by ordinal."""
    items = collection.texts if side == TEXT else collection.visuals
    return [item.item_id for item in items]


def _item_table(items: Sequence[Item]) -> pa.Table:
    names = ("item_id", "text", "uri", "split", "width", "height", "duration", "content_hash")
    columns: dict[str, Any] = {name: [getattr(item, name) for item in items] for name in names}
    columns["ordinal"] = np.arange(len(items))
    return pa.table({name: columns[name] for name in ITEMS.schema.names}, schema=ITEMS.schema)


def _judgment_table(collection: Collection) -> pa.Table:
    names = QRELS.schema.names
    columns = {name: [getattr(row, name) for row in collection.judgments] for name in names}
    return pa.table(columns, schema=QRELS.schema)


def reject_table(rejects: Sequence[Reject]) -> pa.Table:
    """Rows of `rejects`."""
    columns = {
        "source_row": [reject.source_row for reject in rejects],
        "reason": [reject.reason for reject in rejects],
    }
    return pa.table(columns, schema=REJECTS.schema)


def fingerprint(collection: Collection) -> str:
    """Hash of the items and judgments, independent of file names."""
    items = [_item_table(collection.texts), _item_table(collection.visuals)]
    return table_hash([*items, _judgment_table(collection)])[:16]


def find_same(warehouse: Store, dataset: str, fingerprint: str) -> dict[str, Any] | None:
    """The data set's row if it holds exactly this data, and its files are intact."""
    found = warehouse.find(DATASETS, dataset)
    if (
        found is None
        or found["fingerprint"] != fingerprint
        or not is_sound(warehouse.storage, found)
    ):
        return None
    return found


def refuse_other_data(
    warehouse: Store, dataset: str, collection: Collection, data_hash: str, may_grow: bool
) -> None:
    """Raise CmrError if the name stands for other data; with `may_grow`, unless it has only grown.

    Data that has grown still has every item, with the same content, and every judgment.
    """
    found = warehouse.find(DATASETS, dataset)
    if found is None or found["fingerprint"] == data_hash:
        return
    lost = _lost(warehouse, found, collection) if may_grow else ""
    if lost is not None:
        raise CmrError(
            f"the warehouse has other data under the name {dataset!r}{lost}; "
            "choose another --dataset name"
        )


def _lost(warehouse: Store, row: dict[str, Any], collection: Collection) -> str | None:
    """What the stored data set has and the collection lacks, as a clause, or None."""
    for side, items in ((TEXT, collection.texts), (VISUAL, collection.visuals)):
        column = "text" if side == TEXT else "content_hash"
        now = {item.item_id: getattr(item, column) for item in items}
        mine = [name for name in row["files"] if f"modality={side}/" in name]
        for old in warehouse.read(row, ITEMS, mine).to_pylist():
            if old["item_id"] not in now:
                return f", with the {side} {old['item_id']!r}, which is not here"
            if old[column] is None or old[column] != now[old["item_id"]]:
                return f", in which the {side} {old['item_id']!r} is different"
    judged = {(one.text_id, one.visual_id, one.relevance) for one in collection.judgments}
    for old in warehouse.read(row, QRELS).to_pylist():
        if (old["text_id"], old["visual_id"], old["relevance"]) not in judged:
            return f", with a different judgment of the text {old['text_id']!r}"
    return None
