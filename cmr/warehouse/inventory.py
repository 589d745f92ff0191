"""Every file below a warehouse's root, and what it is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cmr.warehouse import locks
from cmr.warehouse.layout import ANCHORED, MARKER, anchor_path
from cmr.warehouse.schemas import CATALOGUE, EMBEDDING_KEYS, METRICS, TABLES
from cmr.warehouse.storage import Entry
from cmr.warehouse.store import Store

NAMED = "data"
ROW = "catalogue row"
FIXED = "marker or anchor"
LEFTOVER = "left over"
PART = "part"
KEPT = "kept metrics"
ENCODING = "being encoded"
LOCK = "lock"
UNKNOWN = "unknown"

_HEX = "[0-9a-f]"
_DATA = re.compile(f"{_HEX}{{16}}[.]parquet")
_PART = re.compile(f"(?P<target>.+)[.]part-{_HEX}{{8}}")
# Earlier versions stored theirs under `materialised/`.
_MEASURES = re.compile(
    f"metrics/run_id=[^/]+/{_HEX}{{16}}-{_HEX}{{32}}[.]parquet"
    f"|materialised/(metrics|retention)/[^/]+-{_HEX}{{16}}(-{_HEX}{{32}})?[.]parquet"
)
_ENCODED = re.compile(f"materialised/encoding/{_HEX}{{16}}/{_HEX}{{16}}[.]parquet")
_FOLDERS = {table.name: table.partitions for table in TABLES.values()} | {
    "embeddings": EMBEDDING_KEYS,
    METRICS.name: METRICS.partitions,
}
_OWN_FOLDER = re.compile(f"[.]locks|materialised(/metrics|/retention|/encoding(/{_HEX}{{16}})?)?")


@dataclass(frozen=True)
class FoundFile:
    """A file, or an empty folder whose path ends with '/'; `table` is its top folder."""

    path: str
    bytes: int
    changed: float | None
    kind: str

    @property
    def table(self) -> str:
        """The table it belongs to, or the folder it is in."""
        return self.path.partition("/")[0] if "/" in self.path else ""

    @property
    def target(self) -> str:
        """The final name that an unfinished file would have had."""
        match = _PART.fullmatch(self.path)
        return match["target"] if match else self.path


def named_files(warehouse: Store) -> set[str]:
    """Every file that a catalogue row names. Raises CmrError if a row cannot be read."""
    return {
        name
        for table in CATALOGUE
        for row in warehouse.catalogue(table, strict=True)
        for name in row["files"]
    }


def inventory(warehouse: Store) -> list[FoundFile]:
    """Every file, by path. Files are listed before the catalogue is read."""
    entries = warehouse.storage.files()
    named = named_files(warehouse)
    here = _folders_in_place(warehouse, entries)
    return [
        FoundFile(entry.path, entry.bytes, entry.changed, kind)
        for entry in entries
        if (kind := _kind(entry.path, named, here)) is not None
    ]


def _kind(path: str, named: set[str], here: set[str]) -> str | None:
    """The kind of a path, by its name; None for a folder of ours that happens to be empty."""
    folder, _, name = path.rpartition("/")
    if not name:
        return None if _OWN_FOLDER.fullmatch(folder) or _is_partition(folder) else UNKNOWN
    if path in named:
        return NAMED
    if folder not in here:
        return UNKNOWN
    part = _PART.fullmatch(path)
    if part:
        return PART if _own(part["target"]) is not None else UNKNOWN
    return _own(path) or UNKNOWN


def _own(path: str) -> str | None:
    """The kind of a complete file of ours that no row names; None for a file not ours."""
    folder, _, name = path.rpartition("/")
    if path == MARKER or (name == "_anchor.parquet" and _is_partition(folder)):
        return FIXED
    if folder in {table.name for table in CATALOGUE}:
        return ROW if name.endswith(".parquet") else None
    if _DATA.fullmatch(name) and _is_partition(folder) and "/" in folder:
        return LEFTOVER
    if _MEASURES.fullmatch(path):
        return KEPT
    if _ENCODED.fullmatch(path):
        return ENCODING
    return LOCK if folder == locks.FOLDER and name.endswith(".lock") else None


def _is_partition(folder: str) -> bool:
    """Whether a folder is a table's or one of its partitions', with its keys in order."""
    table, *parts = folder.split("/")
    keys = _FOLDERS.get(table)
    return keys is not None and (
        tuple(part.partition("=")[0] for part in parts) == tuple(keys)[: len(parts)]
        and all("=" in part for part in parts)
    )


def _folders_in_place(warehouse: Store, entries: Iterable[Entry]) -> set[str]:
    """Folders physically below the root: whatever is behind a link is not ours."""
    folders = {entry.path.rpartition("/")[0] for entry in entries}
    if not warehouse.storage.is_local:
        return folders
    root = os.path.realpath(warehouse.root)
    return {
        folder
        for folder in folders
        if os.path.realpath(os.path.join(root, folder)) == os.path.normpath(f"{root}/{folder}")
    }


def anchors_and_rows(warehouse: Store) -> list[FoundFile]:
    """The marker, every anchor, and every catalogue row, unread; a missing one has -1 bytes."""
    storage = warehouse.storage
    fixed = [MARKER, *map(anchor_path, ANCHORED)]
    rows = [
        path
        for table in CATALOGUE
        for path in storage.listing(table.name)
        if path.endswith(".parquet") and path not in fixed
    ]
    kinds = {**dict.fromkeys(rows, ROW), **dict.fromkeys(fixed, FIXED)}
    states = storage.states(kinds)
    return [
        FoundFile(path, size, changed / 1e9, kinds[path])
        for path, (size, changed) in zip(kinds, states, strict=True)
    ]
