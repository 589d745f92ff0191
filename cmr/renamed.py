"""Names that earlier versions gave to dimension methods, which are read, and count as the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# `lift` is the measure over chance alone.
_NOW = {"lift": "expand"}
_THEN = {now: then for then, now in _NOW.items()}
# Where they stand in a catalogue row, and in what identities hash.
_COLUMN = "dim_method"
_KEYS = {_COLUMN, "method"}


def method_now(name: str) -> str:
    """A dimension method's name, where `name` may be that of an earlier version."""
    return _NOW.get(name, name)


def row_now(row: dict[str, Any]) -> dict[str, Any]:
    """A catalogue row with the dimension method's present name."""
    name = row.get(_COLUMN)
    return {**row, _COLUMN: _NOW[name]} if name in _NOW else row


def as_hashed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that an identity hashes, by their first names, so that ids stay what they are."""
    return {
        key: _THEN.get(value, value) if key in _KEYS else value for key, value in values.items()
    }
