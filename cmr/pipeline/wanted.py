"""What a request's dimensions and precisions mean on one model's vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cmr.pipeline.case import Case
from cmr.pipeline.derive import Deriver
from cmr.pipeline.fits import Wanted
from cmr.pipeline.request import Request
from cmr.pipeline.search import Search, check_rescore, check_scorer
from cmr.precision import EVALUATED, FP32
from cmr.represent.dim_methods import NATIVE, TRUNCATE
from cmr.score.search.scorer_kinds import TORCH, scorer_kind

# The published grid; its precisions are `EVALUATED`.
DIMS = (256, 512, 1024)


# A representation with each way of searching it.
WantedSearches = tuple[Wanted, tuple[Search, ...]]


def asked_for(
    deriver: Deriver,
    request: Request,
    searches: Sequence[Search],
    precisions: Sequence[str] = EVALUATED,
) -> list[WantedSearches]:
    """Everything that a request asks for; what it leaves open follows the published grid.

    An engine that codes vectors itself is given fp32 where no precisions are asked for.
    Open dimensions include the native one, at every precision. With open dimensions or precisions
    the native vectors as fp32 come too, for they are what all else is held against: ranked as a
    whole, in one stage. `precisions`: where none are asked for.
    Raises CmrError for what does not exist, or cannot be searched so.
    """
    if any(search.kind.codes_itself for search in searches):
        precisions = [FP32]
    native = deriver.native_dims[-1]
    # A model that was trained to be truncated says to which dimensions.
    declared = () if request.dims else deriver.declared_dims
    every = deriver.plan(
        request.dims or tuple(sorted({*(declared or DIMS), native})),
        request.dim_methods or ((TRUNCATE,) if declared else ()),
        request.precisions or precisions,
        request.quantizers,
    )
    found = [(one, tuple(searches)) for one in every]
    for search in searches:
        for one in every:
            check_rescore(search, one.precision)
            check_scorer(search, one.precision)
    if not (request.dims and request.precisions):
        base = Wanted(native, NATIVE, FP32)
        exact = request.scorer if scorer_kind(request.scorer).ranks_all else TORCH
        ranked = any(search.length is None for search in searches)
        if not (ranked and base in every):
            found.append((base, (Search(exact),)))
    return found


def cases(
    deriver: Deriver, asked: WantedSearches, seed: int, directions: Sequence[str]
) -> Iterator[Case]:
    """A representation, derived if it is not stored, with each way of searching it.

    What the second stages need is derived as well.
    """
    wanted, searches = asked
    asymmetric = any(search.asymmetric for search in searches)
    for made in deriver.derive(wanted, seed, directions, asymmetric):
        for search in searches:
            fine = None
            if search.rescore is not None:
                finer = Wanted(wanted.dim, wanted.dim_method, search.rescore)
                (fine,) = deriver.derive(finer, seed, directions)
            taught = made.directions if search.learns else ()
            teaching = {name: deriver.teaching(made, seed, name) for name in taught}
            yield Case(made, search, fine, teaching=teaching)
