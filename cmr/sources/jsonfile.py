"""JSON files from users, which may contain anything."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from cmr.errors import CmrError
from cmr.sources.text import read_text


def loads(text: str) -> Any:
    """Parse JSON text. Raises ValueError, also for an object with a repeated key."""
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (again, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"an object has the key {again!r} twice")
    return found


def load_json(path: str) -> Any:
    """A JSON file's content. Raises CmrError, naming it, if it is missing or not JSON."""
    try:
        return loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise CmrError(f"{path} is not a readable JSON file: {error}") from None
