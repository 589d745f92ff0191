"""Vectors that need not be computed: those of earlier ingests, and of a killed one.

An item is recognised by the hash of its content, so the same picture under two names is encoded
once, and a data set that has grown costs only what is new. During a long ingest, encoded vectors
are written to `materialised/encoding/` from time to time, and at the end to their own files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from cmr.encode.batches import Frames
from cmr.errors import CmrError
from cmr.identity import identity
from cmr.precision import FP32
from cmr.represent.dim_methods import NATIVE
from cmr.represent.unit_vectors import Floats
from cmr.sources.collection import TEXT, Item
from cmr.warehouse.encoding_parts import write_encoded
from cmr.warehouse.layout import MARKER
from cmr.warehouse.schemas import DATASETS, EMBEDDING_SETS, FRAMES, ITEMS
from cmr.warehouse.storage import Storage
from cmr.warehouse.store import Store
from cmr.warehouse.verified import is_sound

FOLDER = "materialised/encoding"
# Settings of a set that do not affect its vectors: the data set, and notes.
NOTES = "encoder_details"
# Seconds of work that a killed ingest may lose.
SECONDS = 15.0


@dataclass(frozen=True)
class Known:
    """One item's vector (dim,); for a clip also its length in seconds and, if kept, its frames."""

    vector: Floats
    duration: float | None = None
    frames: Frames | None = None


def content_key(item: Item) -> str:
    """The key of an item's content: a visual's hash, or the hash of a text."""
    if item.content_hash:
        return item.content_hash
    return hashlib.sha256((item.text or "").encode()).hexdigest()


def deciding(settings: str) -> dict[str, Any]:
    """A stored set's settings, without those that do not affect its vectors."""
    found: dict[str, Any] = json.loads(settings)
    return {name: value for name, value in found.items() if name not in ("dataset", NOTES)}


class Encoding:
    """The vectors of one side of a data set by one model: known ones, and those added."""

    def __init__(
        self, root: str, settings: Mapping[str, Any], modality: str, keep_frames: bool = False
    ) -> None:
        """`settings`: everything except the item that determines a vector."""
        self.settings, self.keep_frames = dict(settings), keep_frames
        self._root = root
        mark = identity(settings=self.settings, modality=modality, frames=keep_frames)
        self._folder = f"{FOLDER}/{mark}"
        self._pending: dict[str, Known] = {}
        self._since = time.monotonic()
        self.known: dict[str, Known] = {}
        self.notes: dict[str, Any] = {}
        if Storage(root).exists(MARKER):
            warehouse = Store.open(root)
            for row in _sets(warehouse, self.settings, modality):
                self.notes = json.loads(row["settings"]).get(NOTES, {})
                self.known |= _stored(warehouse, row, modality, keep_frames)
            self.known |= _parts(warehouse, self._folder)

    def lacking(self, items: Sequence[Item]) -> list[Item]:
        """One item for every content that is not known yet."""
        first = {content_key(item): item for item in reversed(items)}
        return [item for key, item in reversed(first.items()) if key not in self.known]

    def loaded(self, notes: Mapping[str, Any]) -> None:
        """Add the details that the loaded encoder reports.

        Raises CmrError if its weights are not those that made the known vectors.
        """
        before, now = (said.get("weights_sha256") for said in (self.notes, notes))
        if self.known and before is not None and before != now:
            raise CmrError(
                f"the weights of {self.settings['model']!r} are not those that the warehouse's "
                "vectors were made with; choose another --model-name"
            )
        self.notes = dict(notes)

    def add(
        self,
        items: Sequence[Item],
        vectors: Floats,
        frames: Sequence[Frames | None] | None = None,
    ) -> None:
        """Add encoded vectors, which are saved now and then."""
        for at, (item, vector) in enumerate(zip(items, vectors, strict=True)):
            kept = frames[at] if frames and self.keep_frames else None
            found = Known(vector, item.duration, kept)
            self._pending[content_key(item)] = self.known[content_key(item)] = found
        if time.monotonic() - self._since > SECONDS:
            self._write()

    def vectors(self, items: Sequence[Item]) -> Floats:
        """The items' vectors, (items, dim)."""
        return np.stack([self.known[content_key(item)].vector for item in items])

    def duration(self, item: Item) -> float | None:
        """A clip's length in seconds."""
        return self.known[content_key(item)].duration

    def frame_tables(self, items: Sequence[Item]) -> Iterator[pa.Table]:
        """Rows of `frames` for clips, a few hundred clips per table."""
        for at in range(0, len(items), 256):
            rows = [
                {"item_id": item.item_id, "frame": place, "time": time, "vector": vector}
                for item in items[at : at + 256]
                if (found := self.known[content_key(item)].frames)
                for place, (vector, time) in enumerate(zip(found.vectors, found.times, strict=True))
            ]
            yield pa.Table.from_pylist(rows, schema=FRAMES.schema)

    def forget(self) -> None:
        """Remove the intermediate files: their content is now among the stored vectors."""
        if Storage(self._root).exists(MARKER):
            storage = Store.open(self._root).storage
            for name in storage.listing(self._folder):
                storage.delete(name)

    def _write(self) -> None:
        rows = [
            (key, known.vector, known.duration, known.frames)
            for key, known in self._pending.items()
        ]
        write_encoded(Store.create(self._root), self._folder, rows)
        self._pending.clear()
        self._since = time.monotonic()

    def place(self) -> tuple[str, str]:
        """The warehouse's root, and a folder below it where workers write what they encode."""
        Store.create(self._root)
        return self._root, self._folder

    def take_in(self) -> None:
        """Add what workers wrote to `place`."""
        self.known |= _parts(Store.open(self._root), self._folder)


def _parts(warehouse: Store, folder: str) -> dict[str, Known]:
    """Read what a killed ingest wrote; a damaged file only means encoding again."""
    found: dict[str, Known] = {}
    for name in warehouse.storage.listing(folder):
        if name.endswith(".parquet"):
            with contextlib.suppress(CmrError):
                for row in warehouse.storage.read(name).to_pylist():
                    frames = None
                    if row["frames"] is not None:
                        frames = Frames(np.array(row["frames"], np.float32), row["times"])
                    vector = np.array(row["vector"], np.float32)
                    found[row["key"]] = Known(vector, row["duration"], frames)
    return found


def _sets(warehouse: Store, settings: Mapping[str, Any], modality: str) -> list[dict[str, Any]]:
    """Native sets made with exactly these settings, of any data set, current or outdated."""
    wanted = (modality, NATIVE, FP32, None)
    return [
        row
        for row in warehouse.catalogue(EMBEDDING_SETS)
        if (row["modality"], row["dim_method"], row["precision"], row["parent"]) == wanted
        and deciding(row["settings"]) == settings
        and is_sound(warehouse.storage, row)
    ]


def _stored(
    warehouse: Store, row: Mapping[str, Any], modality: str, keep_frames: bool
) -> dict[str, Known]:
    """A set's vectors by content. Items are matched by id, as the data may have grown since."""
    owner = warehouse.find(DATASETS, row["dataset"])
    if owner is None:
        return {}
    frames: dict[str, Frames] = {}
    if keep_frames:
        frames = _frames(warehouse, row)
        if not frames:
            return {}
    files = [name for name in owner["files"] if f"modality={modality}" in name]
    items = {item["item_id"]: item for item in warehouse.read(owner, ITEMS, files).to_pylist()}
    found: dict[str, Known] = {}
    for name in row["files"]:
        if name.startswith("embeddings/"):
            with warehouse.storage.parquet(name) as file:
                for batch in file.iter_batches(columns=["item_id", "vector"]):
                    values = batch.column("vector").flatten().to_numpy()
                    names = batch.column("item_id").to_pylist()
                    matrix = values.reshape(len(names), -1)
                    for item_id, vector in zip(names, matrix, strict=True):
                        if item_id in items:
                            key = _key(items[item_id], modality)
                            duration = items[item_id]["duration"]
                            found[key] = Known(vector, duration, frames.get(item_id))
    return found


def _key(item: Mapping[str, Any], modality: str) -> str:
    if modality == TEXT:
        return content_key(Item("", text=item["text"]))
    return str(item["content_hash"])


def _frames(warehouse: Store, row: Mapping[str, Any]) -> dict[str, Frames]:
    """Frame vectors by item id."""
    held: dict[str, list[dict[str, Any]]] = {}
    for frame in warehouse.read(row, FRAMES).to_pylist():
        held.setdefault(frame["item_id"], []).append(frame)
    return {
        item_id: Frames(
            np.array([row["vector"] for row in rows], np.float32), [row["time"] for row in rows]
        )
        for item_id, rows in held.items()
    }
