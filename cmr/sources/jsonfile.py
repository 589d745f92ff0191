"""JSON files of strangers."""

from __future__ import annotations

import json
from typing import Any

from cmr.errors import CmrError
from cmr.sources.text import read_text


def load_json(path: str) -> Any:
    """A JSON file's content. Raises CmrError, naming it, if it is missing or no JSON."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise CmrError(f"{path} is not a readable JSON file: {error}") from None
