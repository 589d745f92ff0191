"""Partial counts: the Parquet files of finished tasks, and the thresholds they count against.

A task's file is written first and its row in `tasks` last, with the file's hash; if a file is
missing or damaged, its task counts as not done. Everything is removed once the runs are committed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cmr.errors import CmrError
from cmr.rows import Row
from cmr.warehouse.schemas import PARTIAL_COUNTS, TASKS, THRESHOLDS, Table
from cmr.warehouse.store import Store

Values = dict[str, npt.NDArray[np.float64]]
_DIGEST = b"cmr_digest"


def write_partial(
    warehouse: Store, table: Table, key: str, parts: Iterable[pa.Table]
) -> tuple[str, str]:
    """Write a task's counts or hits; returns the file and its SHA-256."""
    name = warehouse.write(table, {"key": key}, parts)
    return name, warehouse.storage.checksum(name)


def read_partial(warehouse: Store, row: Row) -> list[pa.Table] | None:
    """A finished task's counts, and its hits if it has any.

    None if a file is missing or damaged.
    """
    parts = []
    for name, digest in zip(row["files"], row["hashes"], strict=True):
        try:
            data = warehouse.storage.read_bytes(name)
        except FileNotFoundError:
            return None
        if hashlib.sha256(data).hexdigest() != digest:
            return None
        parts.append(pq.ParquetFile(pa.BufferReader(data)).read())
    return parts


def finished(warehouse: Store, key: str) -> dict[tuple[int, int], Row]:
    """Rows of `tasks` of one representation, by (shards, shard)."""
    rows = {}
    for row in warehouse.catalogue_of(TASKS, f"{key}-"):
        rows[row["shards"], row["shard"]] = row
    return rows


def drop(warehouse: Store, key: str, thresholds: str) -> None:
    """Remove all partial counts of a representation, their rows first, and its thresholds."""
    rows = list(finished(warehouse, key).values())
    for row in rows:
        warehouse.remove(TASKS, row["task"])
    storage = warehouse.storage
    storage.each(storage.delete, [name for row in rows for name in row["files"]])
    storage.delete(_thresholds(thresholds))
    if storage.is_local:
        for name in storage.listing(f"{PARTIAL_COUNTS.name}/key={key}"):
            storage.delete(name)


def _thresholds(key: str) -> str:
    return f"{THRESHOLDS.name}/{key}.parquet"


def read_thresholds(warehouse: Store, key: str, lengths: Mapping[str, int]) -> Values | None:
    """Every pair's value by direction; None if they are not stored or are damaged."""
    try:
        table = warehouse.storage.read(_thresholds(key))
        values = np.asarray(table["value"].to_numpy(), dtype=np.float64)
        names = np.asarray(table["direction"].to_pylist())
    except (CmrError, KeyError):
        return None
    found = {name: values[names == name] for name in lengths}
    if {name: len(array) for name, array in found.items()} != dict(lengths):
        return None
    if (table.schema.metadata or {}).get(_DIGEST) != _digest(key, found):
        return None
    return found


def write_thresholds(warehouse: Store, key: str, values: Values) -> None:
    """Store every pair's value by direction."""
    schema = THRESHOLDS.schema.with_metadata({_DIGEST: _digest(key, values)})
    tables = [
        pa.table({"direction": [name] * len(array), "value": array}, schema=schema)
        for name, array in values.items()
    ]
    warehouse.storage.write(_thresholds(key), schema, tables, compression="zstd")


def _digest(key: str, values: Values) -> bytes:
    """Checksum of the values and of what they belong to; no row has one of their file."""
    digest = hashlib.sha256(key.encode())
    for name, array in sorted(values.items()):
        digest.update(f" {name} {len(array)} ".encode())
        digest.update(np.ascontiguousarray(array, np.float64).tobytes())
    return digest.hexdigest().encode()
