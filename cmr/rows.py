"""The type of a row."""

from __future__ import annotations

from typing import Any

# A row of a table or of an answer: its values by column.
Row = dict[str, Any]
