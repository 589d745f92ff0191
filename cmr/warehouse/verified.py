"""Comparing data files with their checksums, once per process, for readers that cannot.

pyarrow checks every page that it reads; DuckDB does not. A file found to be intact is not read
again while its size and modification time stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cmr.errors import CmrError
from cmr.warehouse.catalogue_rows import recorded
from cmr.warehouse.schemas import EMBEDDING_SETS, Table
from cmr.warehouse.storage import Storage

# (root, path) -> bytes, time of the last change, and the checksum that matched.
_SOUND: dict[tuple[str, str], tuple[int, int, str]] = {}
_THREADS = 4
# The command that recreates the rows of a catalogue table, and their files.
_MAKES = {
    "datasets": "ingest",
    "qrels_sets": "ingest qrels",
    "embedding_sets": "evaluate --force",
    "runs": "evaluate --force",
    "benches": "bench",
}

# The same for data files; derived vectors are recreated by a different command than native ones.
_FILES = {
    "items": "ingest",
    "attributes": "ingest",
    "qrels": "ingest",
    "rejects": "ingest",
    "frames": "ingest",
    "embeddings": "ingest",
    "codebooks": "evaluate --force",
    "extra_qrels": "ingest qrels",
}


def remedy(table: Table, row: Mapping[str, Any] | None = None) -> str:
    """What to do about a row that is damaged, or whose files are; `row`, if it is known."""
    native = row is not None and table is EMBEDDING_SETS and row["parent"] is None
    return f"`cmr {'ingest' if native else _MAKES[table.name]}` makes it again"


def remedy_of(path: str, row: Mapping[str, Any]) -> str:
    """What to do about a damaged file that a catalogue row names."""
    made = _FILES.get(path.partition("/")[0], "evaluate --force")
    if made == "ingest" and row.get("set_id") and row["parent"] is not None:
        made = "evaluate --force"
    return f"`cmr {made}` makes it again"


def is_sound(storage: Storage, row: Mapping[str, Any]) -> bool:
    """Whether every file that a catalogue row names is intact."""
    sums = recorded(row)
    return not faults(storage, [(name, sums.get(name)) for name in row["files"]])


def faults(storage: Storage, files: Sequence[tuple[str, str | None]]) -> dict[str, str]:
    """What is wrong with each of `files`, given with their checksums; intact ones are left out.

    A file without a checksum, which an earlier version wrote, only has to exist.
    """
    todo = []
    found: dict[str, str] = {}
    states = storage.states([path for path, _ in files])
    for (path, digest), (size, changed) in zip(files, states, strict=True):
        state = (size, changed, digest or "")
        if _SOUND.get((storage.root, path)) == state:
            continue
        if storage.is_local and size < 0:
            found[path] = "is missing"
        else:
            todo.append((path, digest, state))

    def check(one: tuple[str, str | None, tuple[int, int, str]]) -> str | None:
        path, digest, state = one
        try:
            if digest is not None and storage.checksum(path) != digest:
                return "is damaged: its checksum differs from when it was written"
            if digest is None and not storage.exists(path):
                return "is missing"
        except FileNotFoundError:
            return "is missing"
        except (CmrError, OSError) as error:
            return f"cannot be read: {error}"
        _SOUND[storage.root, path] = state
        return None

    with ThreadPoolExecutor(_THREADS) as pool:
        for (path, _, _), why in zip(todo, pool.map(check, todo), strict=True):
            if why is not None:
                found[path] = why
    return found
