"""Vectors that need not be computed: those of earlier ingests, and of one that was killed.

An item is known by the hash of its content, so the same picture under two names is encoded once,
and a data set that has grown costs only what is new. While a long ingest runs, what is encoded
goes to `materialised/encoding/` from time to time, and from there into the vectors' own files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from cmr.errors import CmrError
from cmr.identity import identity
from cmr.represent.vectors import Floats
from cmr.sources.collection import TEXT, Item
from cmr.warehouse.layout import MARKER
from cmr.warehouse.schemas import DATASETS, EMBEDDING_SETS, ITEMS
from cmr.warehouse.storage import Storage
from cmr.warehouse.store import Warehouse
from cmr.warehouse.vectors import StoredVectors

FOLDER = "materialised/encoding"
# Seconds of work that a killed ingest may lose.
SECONDS = 15.0
_SCHEMA = pa.schema(
    [("key", pa.string()), ("vector", pa.list_(pa.float32())), ("duration", pa.float64())]
)
# A vector, and a clip's length.
Known = dict[str, tuple[Floats, float | None]]


def content_key(item: Item) -> str:
    """What stands for an item's content: a visual's hash, or that of a text."""
    if item.content_hash:
        return item.content_hash
    return hashlib.sha256((item.text or "").encode("utf-8", "surrogatepass")).hexdigest()


class Encoding:
    """One side of a data set under one model: what is known, and what is added to it."""

    def __init__(self, root: str, settings: Mapping[str, Any], modality: str) -> None:
        """`settings`: all that decides a vector but the item."""
        self._root = root
        self._folder = f"{FOLDER}/{identity(settings=dict(settings), modality=modality)}"
        self._pending: Known = {}
        self._since = time.monotonic()
        self.known: Known = {}
        if Storage(root).exists(MARKER):
            warehouse = Warehouse.open(root)
            self.known = _stored(warehouse, settings, modality) | _parts(warehouse, self._folder)

    def lacking(self, items: Sequence[Item]) -> list[Item]:
        """One item of every content that is not known."""
        first = {content_key(item): item for item in reversed(items)}
        return [item for key, item in reversed(first.items()) if key not in self.known]

    def add(self, items: Sequence[Item], vectors: Floats) -> None:
        """Take in what was encoded; now and then it is written down."""
        for item, vector in zip(items, vectors, strict=True):
            self._pending[content_key(item)] = self.known[content_key(item)] = vector, item.duration
        if time.monotonic() - self._since > SECONDS:
            self._write()

    def vectors(self, items: Sequence[Item]) -> Floats:
        """Their vectors, (items, dim)."""
        return np.stack([self.known[content_key(item)][0] for item in items])

    def duration(self, item: Item) -> float | None:
        """A clip's length in seconds."""
        return self.known[content_key(item)][1]

    def forget(self) -> None:
        """Remove what was written on the way: it now lies among the vectors."""
        if Storage(self._root).exists(MARKER):
            storage = Warehouse.open(self._root).storage
            for name in storage.listing(self._folder):
                storage.delete(name)

    def _write(self) -> None:
        rows = [
            {"key": key, "vector": vector, "duration": duration}
            for key, (vector, duration) in self._pending.items()
        ]
        name = f"{self._folder}/{secrets.token_hex(8)}.parquet"
        storage = Warehouse.create(self._root).storage
        storage.write(name, _SCHEMA, [pa.Table.from_pylist(rows, schema=_SCHEMA)])
        self._pending.clear()
        self._since = time.monotonic()


def _parts(warehouse: Warehouse, folder: str) -> Known:
    """What a killed ingest wrote; a damaged file is no more than work to do again."""
    found: Known = {}
    for name in warehouse.storage.listing(folder):
        if name.endswith(".parquet"):
            with contextlib.suppress(CmrError):
                for row in warehouse.storage.read(name).to_pylist():
                    found[row["key"]] = np.array(row["vector"], np.float32), row["duration"]
    return found


def _stored(warehouse: Warehouse, settings: Mapping[str, Any], modality: str) -> Known:
    """Native vectors of every data set that were made with these very settings."""
    datasets = {row["dataset"]: row for row in warehouse.catalogue(DATASETS)}
    found: Known = {}
    for row in warehouse.catalogue(EMBEDDING_SETS):
        made = json.loads(row["settings"])
        made.pop("dataset", None)
        owner = datasets.get(row["dataset"])
        side = (row["modality"], row["dim_method"], row["precision"])
        if owner is None or side != (modality, "native", "fp32") or made != dict(settings):
            continue
        files = [name for name in owner["files"] if f"modality={modality}" in name]
        items = warehouse.read(files, ITEMS).sort_by("ordinal")
        keys = _keys(items, modality)
        durations = items["duration"].to_pylist()
        for first, block in StoredVectors(warehouse, row).blocks(65_536):
            for at, vector in enumerate(np.asarray(block.data, dtype=np.float32)):
                found[keys[first + at]] = vector, durations[first + at]
    return found


def _keys(items: pa.Table, modality: str) -> list[str]:
    column = "text" if modality == TEXT else "content_hash"
    values = items[column].to_pylist()
    if modality == TEXT:
        return [content_key(Item("", text=value)) for value in values]
    return [str(value) for value in values]
