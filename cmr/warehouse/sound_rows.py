"""Catalogue rows of a folder, of which a process reads each once.

To open and check a file takes a millisecond, and every question needs the rows of all runs. A row
that was found sound is not read again as long as the file system says that its file is the same.
"""

from __future__ import annotations

import os
import time

import pyarrow as pa

from cmr.errors import CmrError, MissingFileError
from cmr.rows import Row
from cmr.warehouse.catalogue_rows import read_row
from cmr.warehouse.schemas import Table
from cmr.warehouse.storage import Storage

_State = tuple[int, int, int, int]
# (root, path) -> state of the file, and its row.
_SOUND: dict[tuple[str, str], tuple[_State, Row]] = {}
# File systems tell no two changes apart that follow each other quickly; some count whole seconds.
_SURE_NS = 2_000_000_000


def read_rows(storage: Storage, table: Table) -> list[Row | CmrError]:
    """Every row of a catalogue table by its file's name, or why that cannot be read.

    Neither anchors nor files that go while they are listed are among them.
    """
    if storage.is_local:
        paths = filter(_is_row, storage.listing(table.name))
        rows = [_known(storage, table, path) for path in paths]
    else:
        tables = storage.read_rows(table.name)
        rows = [_read(table, path, found) for path, found in tables.items() if _is_row(path)]
    return [row for row in rows if not isinstance(row, MissingFileError)]


def _is_row(path: str) -> bool:
    return path.endswith(".parquet") and not path.endswith("/_anchor.parquet")


def _known(storage: Storage, table: Table, path: str) -> Row | CmrError:
    """A row on a disk, as it was read before or from its file."""
    known = (storage.root, path)
    now, state = time.time_ns(), _state(storage.path(path))
    if known in _SOUND and _SOUND[known][0] == state:
        return dict(_SOUND[known][1])
    row = _read(table, path, storage.read_small(path))
    # A change makes the content's time a new one, or else, where that is set back, the inode's.
    if state and not isinstance(row, CmrError) and state[1] < now - _SURE_NS:
        _SOUND[known] = state, row
        return dict(row)
    return row


def _state(path: str) -> _State | None:
    """What changes with a file: its bytes, when that and its inode changed, and which inode."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _read(table: Table, path: str, found: pa.Table | CmrError) -> Row | CmrError:
    if isinstance(found, CmrError):
        return found
    try:
        return read_row(table, path, found)
    except CmrError as error:
        return error
