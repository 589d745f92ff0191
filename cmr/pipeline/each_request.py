"""One request per data set and model: what a command names, or all that there are."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from cmr.errors import CmrError, LeftOutWarning
from cmr.pipeline.evaluate import Evaluated, check
from cmr.pipeline.judged_data import find_dataset, find_model
from cmr.pipeline.request import DEFAULT_QRELS, Request
from cmr.protocols import GROUPED, GROUPED_WAY
from cmr.warehouse.current import current_sets
from cmr.warehouse.schemas import DATASETS, QRELS_SETS
from cmr.warehouse.store import Store

R = TypeVar("R", bound=Request)


def each_request(warehouse: Store, request: R) -> list[R]:
    """`each_model`, checked against the warehouse: nothing has been written yet.

    Raises CmrError for what does not exist or cannot be measured.
    """
    every = each_model(warehouse, request)
    if len(every) > 1:
        for one in every:
            try:
                check(warehouse, one)
            except CmrError as error:
                raise CmrError(f"{one.model[0]} on {one.dataset[0]}: {error}") from None
    return every


def each_model(warehouse: Store, request: R) -> list[R]:
    """A request for each model of each data set, by name, captions singly and grouped apart.

    Where none are named, all data sets that have vectors, with all their models; a data set to
    learn from is not scored then, nor one without the judgments that are asked for. Raises CmrError
    for what does not exist.
    """
    known = current_sets(warehouse)
    request = replace(
        request,
        dataset=_whole(request.dataset, {row["dataset"] for row in known}),
        model=_whole(request.model, {row["model"] for row in known}),
    )
    every = [
        # A text would be split at its commas.
        replace(one, dataset=(dataset,), model=(model,))
        for dataset in request.dataset or _datasets(warehouse, request)
        for model in _models(warehouse, request, dataset)
        for one in by_protocol(request)
    ]
    if request.hits and any(one.is_grouped for one in every):
        said = "--hits is of captions ranked singly: runs of grouped captions store no lists"
        warnings.warn(said, LeftOutWarning, stacklevel=2)
    if not every:
        # It says what there is.
        data = find_dataset(warehouse, None)
        find_model(warehouse, data, None)
    return every


def by_protocol(request: R) -> list[R]:
    """What ranks captions singly, then what ranks visuals by the best of their captions.

    Raises CmrError where the second is asked for but v2t is not.
    """
    grouped = tuple(name for name in request.protocols if name in GROUPED)
    single = tuple(name for name in request.protocols if name not in GROUPED)
    if not grouped:
        return [request]
    if request.directions and GROUPED_WAY not in request.directions:
        raise CmrError(
            f"--protocols {','.join(grouped)} is of {GROUPED_WAY} alone, where captions are what "
            "is searched; add it to --directions"
        )
    if request.hits and not single:
        raise CmrError(
            f"--hits {request.hits} stores lists of captions, which --protocols "
            f"{','.join(grouped)} does not rank; add full, or leave --hits out"
        )
    # The top of a list would be captions.
    apart = replace(request, protocols=grouped, directions=(GROUPED_WAY,), hits=0)
    return [*([replace(request, protocols=single)] if single else []), apart]


def evaluate_each(
    root: str, request: Request, run: Callable[[Request], Evaluated]
) -> list[Evaluated]:
    """Answer a request for each data set and model in turn, by `run`."""
    return [run(one) for one in each_request(Store.open(root), request)]


def together(done: Sequence[Evaluated]) -> Evaluated:
    """Several evaluations as one: names with commas, and all their runs."""
    if len(done) == 1:
        return done[0]
    return Evaluated(
        dataset=", ".join(dict.fromkeys(one.dataset for one in done)),
        model=", ".join(dict.fromkeys(one.model for one in done)),
        run_ids=[run_id for one in done for run_id in one.run_ids],
        scored=[run_id for one in done for run_id in one.scored],
        seconds=sum(one.seconds for one in done),
        shown=[pair for one in done for pair in one.shown],
    )


def _whole(given: Sequence[str], known: set[str]) -> tuple[str, ...]:
    """Names with the commas that some have: neighbours are one name where there is no other."""
    found: list[str] = []
    at = 0
    while at < len(given):
        ends = [end for end in range(len(given), at, -1) if ",".join(given[at:end]) in known]
        end = ends[0] if ends and given[at] not in known else at + 1
        found.append(",".join(given[at:end]))
        at = end
    return tuple(found)


def _datasets(warehouse: Store, request: Request) -> list[str]:
    """All data sets that can be scored; a sentence for each that lacks vectors."""
    names = sorted(row["dataset"] for row in warehouse.catalogue(DATASETS))
    if len(names) < 2:
        # It is as if it were named: what it lacks is an error.
        return names
    coded = {row["dataset"] for row in current_sets(warehouse)}
    if request.qrels != DEFAULT_QRELS:
        judged = {
            row["dataset"]
            for row in warehouse.catalogue(QRELS_SETS)
            if row["qrels"] == request.qrels
        }
        names = [name for name in names if name in judged]
    for name in names:
        if name not in coded:
            said = f"{name!r} has no vectors of its current items, and is left out"
            warnings.warn(said, LeftOutWarning, stacklevel=2)
    return [name for name in names if name in coded and name != request.fit_on]


def _models(warehouse: Store, request: Request, dataset: str) -> list[str]:
    """The models of a data set that are asked for.

    Where several data sets are looked through, each has to have only one of those that are named.
    """
    data = find_dataset(warehouse, dataset)
    there = sorted({row["model"] for row in current_sets(warehouse) if row["dataset"] == dataset})
    if not request.model:
        return there or [find_model(warehouse, data, None)]
    if not request.dataset:
        known = {row["model"] for row in current_sets(warehouse)}
        if set(request.model) <= known:
            return [name for name in request.model if name in there]
    return [find_model(warehouse, data, name) for name in request.model]
