"""One palette for the whole page: a dimension's hue, a precision's dashes and marker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cmr.precision import PRECISIONS
from cmr.rows import Row

HUES = [f"var(--hue-{number})" for number in range(1, 9)]
STEPS = [f"var(--step-{number})" for number in range(1, 7)]
_DASHES = (
    [1, 0], [6, 3], [10, 3], [12, 2, 2, 2], [4, 1], [2, 2], [8, 3, 2, 3], [1, 3],
)  # fmt: skip
_SHAPES = (
    "circle", "square", "cross", "triangle-left", "triangle-right", "diamond", "triangle-up",
    "triangle-down",
)  # fmt: skip


def width(row: Row) -> str:
    """A dimension and how it was reached, such as `512 pca`."""
    return f"{row['dim']} {row['dim_method']}"


def looks(runs: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """How every chart of a part draws a dimension or a precision: hue, dash and shape by name.

    `runs`: all of the part, so that no chart of fewer gives a dimension another hue.
    """
    widths = sorted({(run["dim"] or 0, width(run)) for run in runs})
    found: dict[str, dict[str, Any]] = {
        name: {"hue": hue(place)} for place, (_dim, name) in enumerate(widths)
    }
    precisions = {run["precision"] for run in runs}
    for place, name in enumerate(PRECISIONS):
        if name in precisions:
            found[name] = {
                "dash": _DASHES[place % len(_DASHES)], "shape": _SHAPES[place % len(_SHAPES)]
            }  # fmt: skip
    return found


def shapes() -> dict[str, str]:
    """The marker of every precision."""
    return {name: _SHAPES[place % len(_SHAPES)] for place, name in enumerate(PRECISIONS)}


def hue(place: int) -> str:
    """The hue of the thing in this place, from 0; there are eight."""
    return HUES[place % len(HUES)]
