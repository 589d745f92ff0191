"""Embedding sets: found if they exist, else written under a claim on their partition."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from cmr.identity import identity
from cmr.precision import precision_of
from cmr.renamed import as_hashed
from cmr.warehouse.claims import of_partition
from cmr.warehouse.layout import partition
from cmr.warehouse.schemas import CODEBOOKS, EMBEDDING_KEYS, EMBEDDING_SETS, FRAMES
from cmr.warehouse.store import Store
from cmr.warehouse.verified import is_sound


class NotStoredError(LookupError):
    """An embedding set does not exist and may not be derived; the message names it."""


@dataclass(frozen=True)
class EmbeddingSet:
    """What an embedding set is, before it is written.

    `keys`: the partition. `settings`: everything that determines the vectors; with `parent` and
    `seed` they are the set's identity. `data_hash`: the data set's fingerprint, which `settings` or
    `parent` already include. `rows`: how many vectors. `notes`: recorded with the settings.
    """

    keys: Mapping[str, Any]
    settings: Mapping[str, Any]
    data_hash: str | None
    rows: int
    parent: str | None = None
    seed: int | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def set_id(self) -> str:
        """The id: a hash of what determines the vectors."""
        settings = as_hashed(self.settings)
        return identity(
            **as_hashed(self.keys), settings=settings, parent=self.parent, seed=self.seed
        )

    def row(self) -> dict[str, Any]:
        """The catalogue row, as far as it is known before the vectors are written."""
        keys = self.keys
        return {
            **dict.fromkeys(EMBEDDING_SETS.schema.names),
            **keys,
            "set_id": self.set_id,
            "dataset_fingerprint": self.data_hash,
            "seed": self.seed,
            "parent": self.parent,
            "rows": self.rows,
            "vector_bytes": precision_of(keys["precision"]).vector_bytes(keys["dim"]),
            "settings": json.dumps({**self.settings, **self.notes}, sort_keys=True),
        }


def ensure_set(
    warehouse: Store,
    wanted: EmbeddingSet,
    make: Callable[[], Iterable[pa.Table]] | None,
    *,
    frames: Iterable[pa.Table] | None = None,
    coding: Callable[[], Mapping[str, Any]] | None = None,
    codebook: Callable[[], Iterable[pa.Table]] | None = None,
    check: bool = False,
) -> dict[str, Any]:
    """The catalogue row of an embedding set, which is created if it does not exist.

    `make` yields its rows, one table per row group; without it a missing set raises
    NotStoredError. `frames`: vectors of the clips' frames, which are added to a set that lacks
    them. `coding`: further columns of the row, known once the vectors are written; `codebook`: what
    its codes name, likewise. `check`: a set with a damaged file is created again; otherwise its
    readers find out.
    """
    keys, set_id = wanted.keys, wanted.set_id
    found = _find(warehouse, set_id, check)
    if found and (frames is None or _has_frames(found)):
        return found
    if make is None:
        raise NotStoredError(f"{keys['dim']} {keys['dim_method']} {keys['precision']}")
    where = partition("embeddings", {key: keys[key] for key in EMBEDDING_KEYS})
    with warehouse.claim(of_partition(where)):
        found = _find(warehouse, set_id, check)
        if found and (frames is None or _has_frames(found)):
            return found
        more = [] if frames is None else [_write_frames(warehouse, keys, frames)]
        if found:
            row = {**found, "files": [*found["files"], *more]}
            warehouse.commit(EMBEDDING_SETS, set_id, row)
            return row
        started, clock = datetime.now(UTC), time.perf_counter()
        warehouse.sweep(where, lambda: _named(warehouse))
        file = warehouse.write_embeddings(keys, make())
        more += [] if codebook is None else _write_codebook(warehouse, keys, codebook())
        row = {
            **wanted.row(),
            "file_bytes": warehouse.storage.size(file),
            "fingerprint": warehouse.checksum(file),
            "files": [file, *more],
            "created_at": started,
            "seconds": time.perf_counter() - clock,
            **(coding() if coding else {}),
        }
        warehouse.commit(EMBEDDING_SETS, set_id, row)
        return row


def _find(warehouse: Store, set_id: str, check: bool) -> dict[str, Any] | None:
    found = warehouse.find(EMBEDDING_SETS, set_id)
    return None if found and check and not is_sound(warehouse.storage, found) else found


def _has_frames(row: Mapping[str, Any]) -> bool:
    return any(name.startswith(f"{FRAMES.name}/") for name in row["files"])


def _write_frames(warehouse: Store, keys: Mapping[str, Any], frames: Iterable[pa.Table]) -> str:
    mine = {key: keys[key] for key in FRAMES.partitions}
    warehouse.sweep(partition(FRAMES.name, mine), lambda: _named(warehouse))
    return warehouse.write(FRAMES, mine, frames)


def _write_codebook(
    warehouse: Store, keys: Mapping[str, Any], tables: Iterable[pa.Table]
) -> list[str]:
    found = list(tables)
    if not found:
        return []
    mine = {key: keys[key] for key in CODEBOOKS.partitions}
    warehouse.sweep(partition(CODEBOOKS.name, mine), lambda: _named(warehouse))
    return [warehouse.write(CODEBOOKS, mine, found)]


def _named(warehouse: Store) -> list[str]:
    return [name for row in warehouse.catalogue(EMBEDDING_SETS) for name in row["files"]]
