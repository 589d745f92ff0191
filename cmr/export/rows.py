"""Batches of a query's rows as the bytes of a table format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa

from cmr.export.format import Asked

_PLAIN = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_decimal,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_timestamp,
    pa.types.is_date,
    pa.types.is_time,
)


def reader(asked: Asked) -> pa.RecordBatchReader:
    """What is asked for as a stream, with a bar; never whole in memory."""
    from cmr.api.query import stream_query
    from cmr.views import connect

    con = connect(asked.warehouse.root)
    return stream_query(con, asked.query, asked.warehouse, asked.bar, sandbox=asked.sandbox)


def flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    """What CSV has no form for as text: nested values as JSON, bytes as hex, intervals."""
    columns = [
        column
        if any(test(column.type) for test in _PLAIN)
        else pa.array([_as_text(value) for value in column.to_pylist()], pa.string())
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def json_rows(batch: pa.RecordBatch) -> Iterator[str]:
    """Each row as a JSON object."""
    for row in batch.to_pylist():
        values = {name: json_value(value) for name, value in row.items()}
        yield json.dumps(values, ensure_ascii=False, allow_nan=False)


def json_value(value: Any) -> Any:
    """A value that JSON has: no NaN, times in ISO form, bytes as hex."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [json_value(one) for one in value]
    if isinstance(value, dict):
        return {str(key): json_value(one) for key, one in value.items()}
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _as_text(value: Any) -> str | None:
    plain = json_value(value)
    return plain if plain is None or isinstance(plain, str) else json.dumps(plain)
