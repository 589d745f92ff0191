"""What a request's dimensions and precisions mean on one model's vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cmr.pipeline.derive import Deriver, Wanted
from cmr.pipeline.request import Request
from cmr.pipeline.search import Search, check_rescore
from cmr.precision import EVALUATED, FP32
from cmr.represent.dim_methods import NATIVE
from cmr.score.search.scorer_kinds import TORCH, scorer_kind

# The published grid; its precisions are `EVALUATED`.
DIMS = (256, 512, 1024)


@dataclass(frozen=True)
class Task:
    """A representation with the ways of searching it; `asymmetric`: its queries stay fp32."""

    wanted: Wanted
    searches: tuple[Search, ...]
    asymmetric: bool


def tasks(
    deriver: Deriver,
    request: Request,
    searches: Sequence[Search],
    precisions: Sequence[str] = EVALUATED,
) -> list[Task]:
    """Everything that a request asks for; what it leaves open is the published grid.

    With open dimensions or precisions the native vectors as fp32 come too, for they are what all
    else is held against: ranked as a whole, in one stage. `precisions`: where none are asked for.
    Raises CmrError for what does not exist, or cannot be searched so.
    """
    every = deriver.plan(
        request.dims or DIMS,
        request.dim_methods,
        request.precisions or precisions,
        request.quantizers,
    )
    found = [Task(one, tuple(searches), request.asymmetric) for one in every]
    for search in searches:
        for one in every:
            check_rescore(search, one.precision)
    if not (request.dims and request.precisions):
        native = Wanted(deriver.native_dims[-1], NATIVE, FP32)
        exact = request.scorer if scorer_kind(request.scorer).ranks_all else TORCH
        baseline = Task(native, (Search(exact),), asymmetric=False)
        ranked = any(search.length is None for search in searches)
        if not (ranked and native in every):
            found.append(baseline)
    return found
