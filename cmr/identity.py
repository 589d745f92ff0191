"""Identity is content: short hashes of settings and of inputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from cmr.plain import open_plain


def identity(**settings: Any) -> str:
    """A 16-digit hash of settings, independent of their order."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_hash(path: str) -> str:
    """SHA-256 of a plain file's bytes, as 64 hexadecimal digits. Raises OSError."""
    with open_plain(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def array_hash(array: np.ndarray) -> str:
    """SHA-256 of an array's dtype, shape and values."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


def table_hash(tables: Iterable[pa.Table]) -> str:
    """SHA-256 of rows in order, independent of chunks and of Arrow's buffer layout."""
    digest = hashlib.sha256()
    for table in tables:
        for name in table.column_names:
            digest.update(f"\x00{name}\x01{table.num_rows}\x01".encode())
            values = table.column(name).to_pylist()
            digest.update(json.dumps(values, ensure_ascii=True, default=str).encode())
    return digest.hexdigest()


def kept_name(stem: str, data: bytes, kind: str = "parquet") -> str:
    """The name of a file that can be recreated: `stem`, with what it is made from, and its content.

    A file whose name does not match its content belongs to something else, or is damaged.
    """
    return f"{stem}-{hashlib.sha256(data).hexdigest()[:32]}.{kind}"
