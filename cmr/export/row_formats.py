"""Batches of a query's rows as the bytes of a table format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cmr.api.values import beyond, python_values
from cmr.errors import CmrError
from cmr.export.format import Asked

_PLAIN = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_string,
    pa.types.is_large_string,
)


def reader(asked: Asked) -> pa.RecordBatchReader:
    """The query's rows as a stream, with a bar; never whole in memory."""
    from cmr.api.query import stream_query
    from cmr.views import connect

    con = connect(asked.warehouse.root, "")
    return stream_query(con, asked.query, asked.warehouse, asked.bar, sandbox=asked.sandbox)


def in_bounds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, checked: CmrError names a column with an integer longer than its type's digits.

    DuckDB returns HUGEINT as a decimal of 38 digits, but the largest values have 39.
    """
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_decimal(field.type) and field.type.scale == 0:
            ends = [end for end in pc.min_max(column).as_py().values() if end is not None]
            if any(abs(end) >= 10**field.type.precision for end in ends):
                digits = f"it has a value of more than {field.type.precision} digits"
                raise unwritable(field.name, "HUGEINT", digits)
    return batch


def unwritable(name: str, kind: object, reason: str) -> CmrError:
    """The error for a column that a format cannot hold."""
    return CmrError(
        f"the column {name} of type {kind} cannot be written: {reason}; cast it, for instance to "
        "VARCHAR"
    )


def flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Convert to text what CSV lacks: nested values to JSON, bytes to hex, unusual moments."""
    columns = [
        column if _fits(column) else pa.array(map(_cell, python_values(column)), pa.string())
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def json_rows(batch: pa.RecordBatch) -> Iterator[str]:
    """Each row as a JSON object."""
    names = [json.dumps(name, ensure_ascii=False) for name in batch.schema.names]
    columns = [python_values(column) for column in batch.columns]
    for at in range(batch.num_rows):
        fields = zip(names, columns, strict=True)
        yield "{" + ", ".join(f"{name}: {_json(column[at])}" for name, column in fields) + "}"


def _fits(column: pa.Array) -> bool:
    """Whether CSV's writer can represent every value of a column."""
    kind = column.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return not pc.any(beyond(column)).as_py()
    return any(test(kind) for test in _PLAIN)


def _json(value: Any) -> str:
    """A value in JSON: no NaN, times in ISO form, bytes as hex, numbers of any length."""
    if isinstance(value, list):
        return f"[{', '.join(map(_json, value))}]"
    if isinstance(value, dict):
        fields = ((_cell(key) or "null", one) for key, one in value.items())
        named = (f"{json.dumps(name, ensure_ascii=False)}: {_json(one)}" for name, one in fields)
        return f"{{{', '.join(named)}}}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float) and value - value != 0:
        return "null"
    if value is None or isinstance(value, str | int | float):
        return json.dumps(value, ensure_ascii=False)
    plain = value.hex() if isinstance(value, bytes) else value.isoformat()
    return json.dumps(plain)


def _cell(value: Any) -> str | None:
    """A value as the text of a cell: as in JSON, but text has no quotes."""
    if value is None or isinstance(value, str):
        return value
    plain = _json(value)
    return str(json.loads(plain)) if plain.startswith('"') else plain
