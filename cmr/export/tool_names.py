"""Measures of runs over the whole gallery, under other tools' names."""

from __future__ import annotations

from cmr.api.metrics import measured
from cmr.export.format import Asked

Figures = dict[tuple[str, int | None], float]


def figures(asked: Asked, run_ids: list[str]) -> dict[str, Figures]:
    """Per run, {(measure, K): value} of the protocol full, at every K of the run.

    Raises CmrError for runs that were not evaluated with that protocol.
    """
    table = measured(asked.warehouse, run_ids, {}, "full", None, None, None, asked.bar)
    found: dict[str, Figures] = {run_id: {} for run_id in run_ids}
    for row in table.select(["run_id", "measure", "k", "value"]).to_pylist():
        found[row["run_id"]][row["measure"], row["k"]] = row["value"]
    return found
