"""Whether what is asked of a data set can be measured on it, and which pools its galleries hold."""

from __future__ import annotations

import warnings
from dataclasses import replace

from cmr.errors import CmrError, LeftOutWarning
from cmr.pipeline.judged_data import JudgedData
from cmr.pipeline.request import GROWN, POOL_SIZES, Request
from cmr.protocols import is_whole
from cmr.score.judgments import LARGEST_POOL
from cmr.warehouse.distractors import distractors_of


def fitted(request: Request, data: JudgedData) -> Request:
    """The request with the published pool sizes that fit the data, where it names none.

    A sentence says which do not, and that pools are left out where none does. Raises CmrError where
    only pools are asked for.
    """
    if request.candidates or not request.has_pools:
        return request
    least, most, _ = _bounds(data)
    sizes = tuple(size for size in POOL_SIZES if least <= size <= most)
    if sizes == POOL_SIZES:
        return replace(request, candidates=sizes)
    lost = ", ".join(str(size) for size in POOL_SIZES if size not in sizes)
    holds = f"{data.row['dataset']}: pools hold {least} to {most} items"
    if sizes:
        said = f"{holds}, so C = {lost} of the default are left out"
        request = replace(request, candidates=sizes)
    elif whole := [name for name in request.protocols if is_whole(name)]:
        said = f"{holds}, so only whole galleries are ranked, none of C = {lost}"
        request = replace(request, protocols=whole)
    else:
        raise CmrError(f"{holds}, which none of the default C = {lost} fits; give --candidates")
    warnings.warn(said, LeftOutWarning, stacklevel=2)
    return request


def further_sizes(request: Request, data: JudgedData) -> JudgedData:
    """The data with the C of GROWN up to the largest gallery, if a request leaves C open.

    Only of data with distractors: there larger galleries are what is asked about.
    """
    if request.candidates or "expected" not in request.protocols:
        return data
    if not any(distractors_of(data.row).values()):
        return data
    most = max(judged.gallery for judged in data.judged.values())
    return replace(data, further=tuple(size for size in GROWN if size <= most))


def _bounds(data: JudgedData) -> tuple[int, int, str]:
    """The fewest and the most items of a pool that all directions can have, and what to do."""
    least = max(int(judged.relevants.max()) for judged in data.judged.values())
    most = min(judged.gallery for judged in data.judged.values())
    fitting = (
        f"give --candidates sizes from {least} to {most}, or --protocols "
        + ("grouped" if data.is_grouped else "full")
        if least <= most
        else "no size fits both: give --protocols full, or one of --directions"
    )
    return least, most, fitting


def check_request(request: Request, data: JudgedData) -> None:
    """Raise CmrError for what cannot be measured on this data; nothing is clamped."""
    if request.folds == 1:
        raise CmrError("--folds 1 leaves nothing to learn from; give 2 or more, or 0 for none")
    if request.folds is not None and request.fit_on is not None:
        raise CmrError("--folds is for what is learnt from the scored data, --fit-on for another")
    _, _, fitting = _bounds(data)
    for direction, judged in data.judged.items():
        many = int(judged.relevants.max())
        for size in request.candidates if request.has_pools else ():
            if size > judged.gallery:
                raise CmrError(
                    f"C = {size} is more than the gallery of {judged.gallery} "
                    f"{'item' if judged.gallery == 1 else 'items'} ({direction}); {fitting}"
                )
            if size < many:
                raise CmrError(
                    f"C = {size} cannot hold the {many} relevant items of a query ({direction}); "
                    f"{fitting}"
                )
    if request.pool_sizes and request.pool_sizes[-1] > LARGEST_POOL:
        raise CmrError(
            f"sampled pools hold at most {LARGEST_POOL} candidates; use --protocols expected"
        )
