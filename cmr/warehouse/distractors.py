"""How many items of a data set are distractors: they are in a gallery and never ask."""

from __future__ import annotations

import json

from cmr.rows import Row
from cmr.warehouse.schemas import MODALITIES


def distractors_of(row: Row) -> dict[str, int]:
    """By side, how many of its last items are distractors. `row`: of `datasets`."""
    told = json.loads(row["settings"] or "{}").get("distractors") or {}
    return {side: int(told.get(side, 0)) for side in MODALITIES}
