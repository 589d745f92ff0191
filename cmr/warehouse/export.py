"""Parquet outside the warehouse: the same writer for a query's result."""

from __future__ import annotations

from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq


def write_parquet(table: pa.Table, out: IO[bytes]) -> None:
    """Write a table to an open binary file."""
    pq.write_table(table, out, compression="zstd")
