"""JSON files of strangers."""

from __future__ import annotations

import json
from typing import Any

from cmr.errors import CmrError
from cmr.sources.files import read_file


def load_json(path: str) -> Any:
    """A JSON file's content. Raises CmrError, naming it, if it is missing or no JSON."""
    try:
        return json.loads(read_file(path).decode("utf-8"))
    except FileNotFoundError:
        raise CmrError(f"there is no file {path}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CmrError(f"{path} is not a readable JSON file: {error}") from None
