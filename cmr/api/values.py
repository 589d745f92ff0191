"""DuckDB's types in Arrow, and Arrow's values in Python.

Arrow has no type for some of DuckDB's, and DuckDB passes those on truncated (UHUGEINT, the offset
of a TIME WITH TIME ZONE) or as bytes of its own (BIT, BIGNUM, GEOMETRY, VARIANT). Python's dates
end with the year 9999, its times before 24:00. Whatever would be lost becomes DuckDB's text
instead.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.sqltypes import DuckDBPyType

# What is read instead of each of these DuckDB types. TIMESTAMP_S and _MS can hold infinity, which
# Parquet's milliseconds cannot.
_TEXT = "VARCHAR"
_IN_ARROW = {
    "uhugeint": _TEXT, "bignum": _TEXT, "bit": _TEXT, "interval": _TEXT, "geometry": _TEXT,
    "time with time zone": _TEXT, "variant": "JSON",
    "timestamp_s": "TIMESTAMP", "timestamp_ms": "TIMESTAMP",
}  # fmt: skip
_IN_PYTHON = _IN_ARROW | dict.fromkeys(
    ("date", "time", "time_ns", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns",
     "timestamp with time zone", "timestamptz_ns"), _TEXT,
)  # fmt: skip
_NESTED = ("list", "array", "struct", "tuple", "map", "union")
# The first and last second of Python's datetime, and the first and last day of its date.
_SECONDS = (-62_135_596_800, 253_402_300_799)
_DAYS = (-719_162, 2_932_896)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d) (.*?)([+-]\d\d)?")


def fits_arrow(kinds: Sequence[DuckDBPyType]) -> bool:
    """Whether Arrow has every one of these types, so that `in_arrow` changes nothing."""
    return all(_sql(kind, _IN_ARROW) == _sql(kind, {}) for kind in kinds)


def in_arrow(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """The relation with columns of types that Arrow lacks as text, nested ones included."""
    if fits_arrow(relation.types):
        return relation
    wanted = [_sql(kind, _IN_ARROW) for kind in relation.types]
    # By position: two columns may have the same name.
    columns = [
        f"cast(#{at} as {kind}) as {_quoted(name)}"
        for at, (kind, name) in enumerate(zip(wanted, relation.columns, strict=True), 1)
    ]
    return relation.project(", ".join(columns))


def python_values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """A column's values: maps as dicts; nanoseconds and moments outside Python's range as text."""
    if isinstance(column, pa.ChunkedArray):
        return [value for chunk in column.chunks for value in python_values(chunk)]
    kind = column.type
    if not _plain(kind):
        if any(_always_text(one) for one in _leaves(kind)):
            return _by_duckdb(column)
        try:
            return list(column.to_pylist(maps_as_pydicts="lossy"))
        # A moment outside Python's range, or a map whose keys are lists.
        except (OverflowError, ValueError, TypeError):
            return _by_duckdb(column)
    if not _has_moments(kind):
        return list(column.to_pylist())
    # Importing it takes longer than running a small query, and most have no moments.
    import pyarrow.compute as pc

    lost = beyond(column)
    if not pc.any(lost).as_py():
        return list(column.to_pylist())
    values = list(pc.if_else(lost, pa.scalar(None, kind), column).to_pylist())
    places = pc.indices_nonzero(lost).to_pylist()
    for place, text in zip(places, _by_duckdb(column.take(places)), strict=True):
        values[place] = _iso(text)
    return values


def beyond(column: pa.Array) -> pa.Array:
    """Which of a column's moments are outside Python's range; none in other columns."""
    import pyarrow.compute as pc

    kind = column.type
    if _always_text(kind):
        return pc.is_valid(column)
    if pa.types.is_date32(kind):
        low, high = _DAYS
        numbers = column.view(pa.int32())
    elif pa.types.is_timestamp(kind):
        low, high = (end * _PER_SECOND[kind.unit] for end in _SECONDS)
        high += _PER_SECOND[kind.unit] - 1
        numbers = column.view(pa.int64())
    else:
        return pa.repeat(pa.scalar(False), len(column))
    outside = pc.or_(pc.less(numbers, low), pc.greater(numbers, high))
    return pc.fill_null(outside, False)


def _always_text(kind: pa.DataType) -> bool:
    """Whether a type is a time (24:00 is one in SQL) or has nanoseconds."""
    return bool(pa.types.is_time(kind) or (pa.types.is_timestamp(kind) and kind.unit == "ns"))


def _has_moments(kind: pa.DataType) -> bool:
    """Whether a plain type may hold values outside Python's range."""
    return bool(pa.types.is_date32(kind) or pa.types.is_timestamp(kind) or _always_text(kind))


def _plain(kind: pa.DataType) -> bool:
    return not pa.types.is_nested(kind)


def _leaves(kind: pa.DataType) -> Iterator[pa.DataType]:
    if _plain(kind):
        yield kind
    elif pa.types.is_map(kind):
        yield from _leaves(kind.key_type)
        yield from _leaves(kind.item_type)
    else:
        for place in range(kind.num_fields):
            yield from _leaves(kind.field(place).type)


def _by_duckdb(column: pa.Array) -> list[Any]:
    """The values, those that Python lacks as DuckDB's text."""
    con = _converter().cursor()
    zone = next((one.tz for one in _leaves(column.type) if pa.types.is_timestamp(one)), None)
    con.execute(f"set TimeZone = '{zone or 'UTC'}'")
    relation = con.from_arrow(pa.table({"c": column}))
    kind = _sql(relation.types[0], _IN_PYTHON, keys=True)
    found = relation.project(f"cast(c as {kind}) as c").to_arrow_table()
    return list(found["c"].to_pylist(maps_as_pydicts="lossy"))


@functools.cache
def _converter() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:")


def _iso(text: str) -> str:
    """DuckDB's text of a moment as ISO 8601, if its year has four digits."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return text
    day, time, zone = found.groups()
    return f"{day}T{time}" + (f"{zone}:00" if zone else "")


def _sql(kind: Any, instead: Mapping[str, str], keys: bool = False) -> str:
    """A DuckDB type as SQL, with some types replaced; `keys`: nested keys of maps become text."""
    name = kind.id
    if name in instead:
        return instead[name]
    if name not in _NESTED or not kind.children:
        return str(kind)
    parts = [(label, one) for label, one in kind.children if label != "size"]
    # The first child of a union is its tag.
    inner = [_sql(one, instead, keys) for _, one in parts[name == "union" :]]
    if name == "list":
        return f"{inner[0]}[]"
    if name == "array":
        return f"{inner[0]}[{dict(kind.children)['size']}]"
    if name == "tuple":
        return f"TUPLE({', '.join(inner)})"
    if name == "map":
        key = _TEXT if keys and parts[0][1].id in _NESTED else inner[0]
        return f"MAP({key}, {inner[1]})"
    labels = [_quoted(label) for label, _ in parts[name == "union" :]]
    fields = ", ".join(f"{label} {one}" for label, one in zip(labels, inner, strict=True))
    return f"{name.upper()}({fields})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
