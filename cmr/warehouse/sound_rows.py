"""Catalogue rows of a folder, each of which is read once.

To open and check a file takes a millisecond or two, and every question needs the rows of all runs.
A row that was found sound is not read again as long as the file system says that its file is the
same: neither by this process nor, where there are many, by later ones, for which the rows are kept
in the user's cache.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from cmr import kept_files
from cmr.errors import CmrError, MissingFileError
from cmr.identity import identity
from cmr.rows import Row
from cmr.version import __version__
from cmr.warehouse.catalogue_rows import as_row, read_values, row_name
from cmr.warehouse.layout import catalogue_path
from cmr.warehouse.schemas import Table
from cmr.warehouse.storage import Storage

_State = tuple[int, int, int, int]


class _Sound(NamedTuple):
    """A row's values, the state of its file, and whether this process has read it."""

    state: _State
    values: dict[str, Any]
    is_new: bool = False


# By (root, path).
_SOUND: dict[tuple[str, str], _Sound] = {}
# (root, table) of what was looked up in the cache, and of what was written there.
_RECALLED: set[tuple[str, str]] = set()
_REMEMBERED: set[tuple[str, str]] = set()
_KIND = "json"
# How rows are kept: raise it when that changes, or what is sound.
_LAYOUT = 1
# What comes of values that this version would not have written.
_UNLIKE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
# Rows of a table that take longer to read than their cached values.
_WORTH = 8
# File systems tell no two changes apart that follow each other more quickly than this.
_SURE_NS = 100_000_000
# Some count whole seconds, or two: on those, times are multiples of so much.
_COARSE_NS, _SURE_COARSE_NS = 10_000_000, 2_000_000_000


def read_rows(storage: Storage, table: Table, afresh: bool = False) -> list[Row | CmrError]:
    """Every row of a catalogue table by its file's name, or why that cannot be read.

    `afresh`: from its file, whatever was read before. Neither anchors nor files that go while they
    are listed are among them.
    """
    if not storage.is_local:
        tables = storage.read_rows(table.name)
        rows = [_read_row(table, path, found) for path, found in tables.items() if _is_row(path)]
    else:
        paths = list(filter(_is_row, storage.listing(table.name)))
        if not afresh:
            _recall(storage, table)
        rows = [_known(storage, table, path, afresh) for path in paths]
        if not afresh:
            _remember(storage.root, table, paths)
    return [row for row in rows if not isinstance(row, MissingFileError)]


def _is_row(path: str) -> bool:
    return path.endswith(".parquet") and not path.endswith("/_anchor.parquet")


def _known(storage: Storage, table: Table, path: str, afresh: bool) -> Row | CmrError:
    """A row on a disk, as it was read before or from its file."""
    known = (storage.root, path)
    now, state = time.time_ns(), _state(storage.path(path))
    if not afresh and known in _SOUND and _SOUND[known].state == state:
        return as_row(table, _SOUND[known].values)
    values = _read(table, path, storage.read_small(path))
    if isinstance(values, CmrError):
        return values
    if state and _is_settled(state, now):
        _SOUND[known] = _Sound(state, values, is_new=True)
    return as_row(table, values)


def _state(path: str) -> _State | None:
    """What changes with a file: its bytes, when that and its inode changed, and which inode."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _is_settled(state: _State, now: int) -> bool:
    """Whether a change after `now` would give the file another state.

    It makes the content's time a new one, or else, where that is set back, the inode's.
    """
    _, content, inode, _ = state
    coarse = content % _COARSE_NS == 0 or inode % _COARSE_NS == 0
    return max(content, inode) < now - (_SURE_COARSE_NS if coarse else _SURE_NS)


def _read(table: Table, path: str, found: pa.Table | CmrError) -> dict[str, Any] | CmrError:
    if isinstance(found, CmrError):
        return found
    try:
        return read_values(table, path, found)
    except CmrError as error:
        return error


def _read_row(table: Table, path: str, found: pa.Table | CmrError) -> Row | CmrError:
    values = _read(table, path, found)
    return values if isinstance(values, CmrError) else as_row(table, values)


def _recall(storage: Storage, table: Table) -> None:
    """Look up, once, what earlier processes have read of files that are the same."""
    root = storage.root
    if (root, table.name) in _RECALLED:
        return
    _RECALLED.add((root, table.name))
    stem = _stem(table)
    for data in kept_files.read(stem, kept_files.there(root, stem), _KIND):
        # What another layout has under the same name is none of ours.
        with contextlib.suppress(*_UNLIKE):
            for path, (state, values) in json.loads(data).items():
                if tuple(state) == _state(storage.path(path)):
                    name = row_name(table, as_row(table, values))
                    if catalogue_path(table, name) == path and isinstance(values["files"], list):
                        _SOUND[root, path] = _Sound(tuple(state), values)


def _remember(root: str, table: Table, paths: Sequence[str]) -> None:
    """Keep the rows for later processes, where this one had to read so many that it is worth it."""
    if (root, table.name) in _REMEMBERED:
        return
    kept = {path: _SOUND[root, path] for path in paths if (root, path) in _SOUND}
    if sum(one.is_new for one in kept.values()) < _WORTH:
        return
    _REMEMBERED.add((root, table.name))
    stem = _stem(table)
    before = kept_files.there(root, stem)
    data = json.dumps({path: [one.state, one.values] for path, one in kept.items()})
    written = kept_files.keep(root, stem, data.encode(), _KIND)
    for old in before:
        if written is not None and old != written:
            with contextlib.suppress(OSError):
                old.unlink()


def _stem(table: Table) -> str:
    """What kept rows depend on, beside their files: who checked them, by which columns."""
    fields = [[field.name, str(field.type)] for field in table.schema]
    who = identity(fields=fields, version=__version__, layout=_LAYOUT)
    return f"{table.name}-{who}"
