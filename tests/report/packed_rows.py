"""The rows that a page holds, as they were before they were packed."""

from __future__ import annotations

import json


def unpacked(text):
    """Rows as they were before they were packed by column."""
    packed = json.loads(text)
    columns = [
        one if isinstance(one, list) else [one["of"][at] for at in one["at"]]
        for one in packed["columns"]
    ]
    return [dict(zip(packed["names"], row, strict=True)) for row in zip(*columns, strict=True)]
