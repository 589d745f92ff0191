"""Keeping each row's best cells while tiles of scores go by."""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.score.compiled import compiled
from cmr.score.judgments import Indices

Values = npt.NDArray[np.float64]


@compiled(nogil=True)
def keep_best(values: npt.NDArray[Any], first: int, best: Values, where: Indices) -> None:
    """Add a tile to each row's best cells so far.

    `values`: (rows, columns), of the columns from `first` on, which must come in order. `best` and
    `where`: (rows, depth) float64 and ordinals, each row a heap with its worst cell first, -inf and
    -1 at the beginning. Of equal cells the later one is worse, so it does not replace an earlier.
    """
    for row in range(len(values)):
        least = best[row, 0]
        for column in range(values.shape[1]):
            if values[row, column] > least:
                _replace_worst(best[row], where[row], values[row, column], first + column)
                least = best[row, 0]


@compiled()
def _replace_worst(best: Values, where: Indices, value: float, ordinal: int) -> None:
    """Put a cell in the place of the worst, and let it sink below all that are worse than it."""
    at, depth = 0, len(best)
    while 2 * at + 1 < depth:
        child = 2 * at + 1
        if child + 1 < depth and _worse(best, where, child + 1, best[child], where[child]):
            child += 1
        if not _worse(best, where, child, value, ordinal):
            break
        best[at], where[at] = best[child], where[child]
        at = child
    best[at], where[at] = value, ordinal


@compiled()
def _worse(best: Values, where: Indices, at: int, value: float, ordinal: int) -> bool:
    return bool(best[at] < value or (best[at] == value and where[at] > ordinal))
