"""Anchors: files without rows that define a table's columns before it has any rows."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache

import pyarrow.parquet as pq

from cmr import caches
from cmr.errors import CmrError
from cmr.warehouse.layout import ANCHORED, anchor_path
from cmr.warehouse.marker import is_anchor
from cmr.warehouse.schemas import Table
from cmr.warehouse.storage import Storage
from cmr.warehouse.store import tell

_BY_NAME = {table.name: table for table in ANCHORED}


def anchor(storage: Storage, name: str) -> str:
    """The path of a table's anchor for DuckDB: this process's own, with the current columns.

    Warns if the warehouse's own anchor, which other readers use, is damaged. It may be missing if
    the warehouse is older than the table.
    """
    table = _BY_NAME[name]
    path = anchor_path(table)
    if storage.is_local and storage.exists(path) and not is_anchor(storage, table):
        tell(CmrError(f"{storage.path(path)} is damaged; `cmr ingest` makes it again"))
    return _own(table)


@cache
def folder() -> str:
    """The folder of this process's own anchors, which a query must be able to read."""
    made = caches.anchors()
    if made:
        os.mkdir(made, mode=0o700)
    else:
        made = tempfile.mkdtemp(prefix="cmr-anchors-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def _own(table: Table) -> str:
    """An anchor in a folder of this process, below partition folders with the same names."""
    path = os.path.join(folder(), anchor_path(table))
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        pq.write_table(table.schema.empty_table(), path)
    return path
