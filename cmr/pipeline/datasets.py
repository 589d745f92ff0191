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
from cmr.sources.collection import TEXT, VISUAL, Collection, Item, Reject
from cmr.warehouse.layout import partition
from cmr.warehouse.schemas import DATASETS, ITEMS, QRELS, REJECTS
from cmr.warehouse.store import Warehouse


def write_dataset(
    warehouse: Warehouse, dataset: str, collection: Collection, fingerprint: str, clock: float
) -> None:
    """Write the tables of a new data set, then its catalogue row. The caller holds the claim."""
    files = []
    tables = [
        (ITEMS, {"dataset": dataset, "modality": TEXT}, _item_table(collection.texts)),
        (ITEMS, {"dataset": dataset, "modality": VISUAL}, _item_table(collection.visuals)),
        (QRELS, {"dataset": dataset}, _judgment_table(collection)),
        (REJECTS, {"dataset": dataset}, _reject_table(collection.rejects)),
    ]
    for table, keys, data in tables:
        warehouse.sweep(partition(table.name, keys), [])
        files.append(warehouse.write(table, keys, [data]))
    row = {
        "dataset": dataset,
        "fingerprint": fingerprint,
        "source": collection.source,
        "settings": json.dumps(dict(collection.settings), sort_keys=True),
        "texts": len(collection.texts),
        "visuals": len(collection.visuals),
        "judgments": len(collection.judgments),
        "rejects": len(collection.rejects),
        "files": files,
        "created_at": datetime.now(UTC),
        "seconds": time.perf_counter() - clock,
    }
    warehouse.commit(DATASETS, dataset, row)


def ids(collection: Collection, side: str) -> list[str]:
    """Item ids of one side, in the order of their ordinals."""
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


def _reject_table(rejects: Sequence[Reject]) -> pa.Table:
    columns = {
        "source_row": [reject.source_row for reject in rejects],
        "reason": [reject.reason for reject in rejects],
    }
    return pa.table(columns, schema=REJECTS.schema)


def fingerprint(collection: Collection) -> str:
    """Hash of the items and judgments; the same data under another file name is the same."""
    items = [_item_table(collection.texts), _item_table(collection.visuals)]
    return table_hash([*items, _judgment_table(collection)])[:16]


def same_dataset(warehouse: Warehouse, dataset: str, fingerprint: str) -> dict[str, Any] | None:
    """The data set's row, or None. Raises CmrError if the name stands for other data."""
    found = warehouse.find(DATASETS, dataset)
    if found and found["fingerprint"] != fingerprint:
        raise CmrError(
            f"the warehouse has other data under the name {dataset!r}; "
            "choose another --dataset name"
        )
    return found
