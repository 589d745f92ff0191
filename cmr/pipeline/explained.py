"""How a representation would be scored, in words, without scoring it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cmr.pipeline.fits import Wanted
from cmr.pipeline.search import Search

if TYPE_CHECKING:
    from cmr.score.plan import Plan


def explained(wanted: Wanted, search: Search, plan: Plan) -> dict[str, Any]:
    """One row of `cmr evaluate --explain`."""
    exact = "float32" if plan.kernel.sure else "float32, doubts in float64"
    kind = search.kind
    library = kind.library or search.scorer
    computed = search.scorer if kind.kernel is None else kind.kernel(wanted.multiplied)
    # What another package's search finds is scored by the plan.
    by_torch, scored = kind.by_plan, kind.by_plan or kind.library == ""
    row: dict[str, Any] = {
        "dim": wanted.dim,
        "method": wanted.dim_method,
        "precision": wanted.precision,
        "quantizer": wanted.coded_by,
        "search": str(search),
        "kernel": plan.kernel.name if by_torch else computed,
        "counted by": plan.counting if by_torch else library,
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
    return row


def _first_stage(search: Search) -> str:
    if search.length is None:
        return "every rank"
    return f"top {search.depth}"
