"""Anchors: files without rows that show a table's columns before it has any."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache

import pyarrow.parquet as pq

from cmr.errors import CmrError
from cmr.warehouse.layout import ANCHORED, anchor_path
from cmr.warehouse.marker import is_anchor
from cmr.warehouse.schemas import Table
from cmr.warehouse.storage import Storage
from cmr.warehouse.store import tell

_BY_NAME = {table.name: table for table in ANCHORED}


def anchor(storage: Storage, name: str) -> str:
    """A table's anchor as DuckDB names it: one of this process, whose columns are those of now.

    The warehouse's own, for other readers, is told of where it is damaged. A table that the
    warehouse is older than has none.
    """
    table = _BY_NAME[name]
    path = anchor_path(table)
    if storage.is_local and storage.exists(path) and not is_anchor(storage, table):
        tell(CmrError(f"{storage.path(path)} is damaged; `cmr ingest` makes it again"))
    return _own(table)


@cache
def folder() -> str:
    """Where this process's own anchors are, which a query must be able to read."""
    made = tempfile.mkdtemp(prefix="cmr-anchors-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def _own(table: Table) -> str:
    """An anchor in a folder of this process, in partition folders of the same names."""
    path = os.path.join(folder(), anchor_path(table))
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        pq.write_table(table.schema.empty_table(), path)
    return path
