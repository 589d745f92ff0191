"""Embedding sets: found if they exist, else written, under a claim on their partition."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from cmr.identity import identity
from cmr.warehouse.layout import partition
from cmr.warehouse.schemas import EMBEDDING_KEYS, EMBEDDING_SETS, vector_bytes
from cmr.warehouse.store import Warehouse


def ensure_set(
    warehouse: Warehouse,
    keys: Mapping[str, Any],
    settings: Mapping[str, Any],
    rows: int,
    make: Callable[[], Iterable[pa.Table]],
    parent: str | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """The catalogue row of an embedding set, which is made if it is not there.

    `keys`: the partition. `settings`: all that decides the vectors, for the set's identity.
    `make` gives its rows, a row group a table.
    """
    set_id = identity(**keys, settings=settings, parent=parent, seed=seed)
    found = warehouse.find(EMBEDDING_SETS, set_id)
    if found:
        return found
    where = partition("embeddings", {key: keys[key] for key in EMBEDDING_KEYS})
    with warehouse.claim(identity(partition=where)):
        found = warehouse.find(EMBEDDING_SETS, set_id)
        if found:
            return found
        started, clock = datetime.now(UTC), time.perf_counter()
        others = [row["files"] for row in warehouse.catalogue(EMBEDDING_SETS)]
        warehouse.sweep(where, [name for files in others for name in files])
        file = warehouse.write_embeddings(keys, make())
        row = {
            **keys,
            "set_id": set_id,
            "seed": seed,
            "parent": parent,
            "rows": rows,
            "vector_bytes": vector_bytes(keys["dim"], keys["precision"]),
            "file_bytes": warehouse.storage.size(file),
            "fingerprint": warehouse.storage.checksum(file),
            "settings": json.dumps(settings, sort_keys=True),
            "files": [file],
            "created_at": started,
            "seconds": time.perf_counter() - clock,
        }
        warehouse.commit(EMBEDDING_SETS, set_id, row)
        return row
