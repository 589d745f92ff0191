"""JSON files of strangers."""

from __future__ import annotations

import json
from typing import Any

from cmr.errors import CmrError


def load_json(path: str) -> Any:
    """A JSON file's content. Raises CmrError, naming it, if it is missing or no JSON."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        raise CmrError(f"there is no file {path}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CmrError(f"{path} is not a readable JSON file: {error}") from None
