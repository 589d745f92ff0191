"""What the figures and lists of exported runs were learnt from."""

from __future__ import annotations

from cmr.answers import fetch, quoted
from cmr.export.format import Asked
from cmr.views import connect

IN_SAMPLE = "in-sample"


def fits(asked: Asked) -> dict[str, str]:
    """The column `fit` of the view `runs`, by run: none, in-sample or held out."""
    ids = ", ".join(quoted(row["run_id"]) for row in asked.runs)
    query = f"select run_id, fit from runs where run_id in ({ids})"
    rows = fetch(connect(asked.warehouse.root, query), query).to_pylist()
    return {row["run_id"]: row["fit"] for row in rows}


def tell_fit(asked: Asked) -> None:
    """Say it of runs whose basis or quantiser has seen what they are scored on."""
    seen = [run_id for run_id, fit in fits(asked).items() if fit == IN_SAMPLE]
    if seen:
        which = seen[0] if len(seen) == 1 else f"{seen[0]} and {len(seen) - 1} more"
        asked.say(
            f"run {which}: in-sample, as `metrics` is: learnt from what is scored; "
            '`cmr sql "from earned_metrics"` has the held-out figures'
        )
