"""What a running ingest has encoded so far: small Parquet files, each complete in itself."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from cmr.encode.batches import Frames
from cmr.represent.unit_vectors import Floats
from cmr.warehouse.store import Store

_LIST = pa.list_(pa.float32())
_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("vector", _LIST),
        ("duration", pa.float64()),
        ("frames", pa.list_(_LIST)),
        ("times", pa.list_(pa.float64())),
    ]
)
EncodedContent = tuple[str, Floats, float | None, Frames | None]


def write_encoded(warehouse: Store, folder: str, rows: Iterable[EncodedContent]) -> str:
    """Write content keys, vectors and, for clips, lengths and kept frames; returns the file."""
    found: list[dict[str, Any]] = [
        {
            "key": key,
            "vector": vector,
            "duration": duration,
            "frames": None if frames is None else list(frames.vectors),
            "times": None if frames is None else frames.times,
        }
        for key, vector, duration, frames in rows
    ]
    name = f"{folder}/{secrets.token_hex(8)}.parquet"
    warehouse.storage.write(name, _SCHEMA, [pa.Table.from_pylist(found, schema=_SCHEMA)])
    return name
