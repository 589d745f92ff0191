"""How a representation would be scored, in words, without scoring it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from cmr.pipeline.fits import Wanted
from cmr.pipeline.search import Search
from cmr.rows import Row
from cmr.score.at_once import DESCRIBED

if TYPE_CHECKING:
    from cmr.score.plan import Plan


def explained(
    wanted: Wanted, search: Search, plan: Plan, screen: Row | None = None
) -> dict[str, Any]:
    """One row of `cmr evaluate --explain`. `screen`: what screening came to before, if it did."""
    exact = "float32" if plan.kernel.sure else "float32, doubts in float64"
    kind = search.kind
    library = kind.library or search.scorer
    computed = search.scorer if kind.kernel is None else kind.kernel(wanted.multiplied)
    # What another package's search finds is scored by the plan.
    by_torch, scored = kind.by_plan, kind.by_plan or kind.library == ""
    return _asked(wanted, search) | {
        "kernel": plan.kernel.name if by_torch else computed,
        "counted by": plan.counting if by_torch else library,
        "screened by": _screened(screen, plan) if by_torch and plan.kernel.screened else None,
        "compared in": exact if scored else f"float32, as {library} says",
        "ranks": "all" if search.length is None else f"of {search.length}",
        "first stage": _first_stage(search),
        "second stage": search.rescore,
        "tile": f"{plan.tile_rows} x {plan.tile_columns}" if by_torch else None,
        "texts held": plan.text_rows,
        "visuals held": plan.visual_rows,
        "threads": plan.threads,
        "memory": plan.memory,
        "device": plan.device if by_torch else "cpu",
    }


def explained_at_once(wanted: Wanted, search: Search) -> dict[str, Any]:
    """The same of what is so small that it has no plan; see `cmr.score.at_once`."""
    plan = json.loads(DESCRIBED)
    return _asked(wanted, search) | {
        "kernel": plan["kernel"],
        "counted by": plan["counting"],
        "screened by": None,
        "compared in": plan["kernel"],
        "ranks": "all",
        "first stage": _first_stage(search),
        "second stage": None,
        "tile": None,
        "texts held": None,
        "visuals held": None,
        "threads": None,
        "memory": None,
        "device": "cpu",
    }


def _asked(wanted: Wanted, search: Search) -> dict[str, Any]:
    return {
        "dim": wanted.dim,
        "method": wanted.dim_method,
        "precision": wanted.precision,
        "quantizer": wanted.coded_by,
        "search": str(search),
    }


def screen_before(runs: Iterable[Row], wanted: Wanted) -> Row | None:
    """What screening came to when such a representation was last scored, as in `runs`."""
    alike = {
        "dim": wanted.dim,
        "dim_method": wanted.dim_method,
        "precision": wanted.precision,
        "quantizer": wanted.coded_by,
    }
    found = [
        (run["started_at"], json.loads(run["plan"])["screen"])
        for run in runs
        if alike.items() <= run.items() and '"screen"' in (run["plan"] or "")
    ]
    return max(found, key=itemgetter(0))[1] if found else None


def _screened(screen: Row | None, plan: Plan) -> str:
    if screen is None or screen["by"] != plan.screened.by:
        return f"{plan.screened.by} codes"
    bound, settled = screen["bound"], screen["settled"]
    return f"{plan.screened.by} codes, ±{bound:.4f}; {settled:.2%} settled"


def _first_stage(search: Search) -> str:
    if search.length is None:
        return "every rank"
    return f"top {search.depth}"
