"""Evaluate: count ranks for every representation, and commit each run when it is finished."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field

from cmr.errors import LeftOutWarning
from cmr.pipeline.bounds import check_memory
from cmr.pipeline.case import Case
from cmr.pipeline.derive import Deriver
from cmr.pipeline.evaluation import Counter, Evaluation, counted_at_once, make_plan_for
from cmr.pipeline.judged_data import (
    JudgedData,
    find_dataset,
    find_model,
    load_judged_data,
    sole,
)
from cmr.pipeline.pool_checks import check_request, fitted, further_sizes
from cmr.pipeline.request import Request
from cmr.pipeline.search import searches
from cmr.pipeline.wanted import WantedSearches, asked_for, cases
from cmr.precision import FP32
from cmr.progressbar import ProgressBar
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation did: all its runs, and those scored this time.

    `shown`: what was asked of which runs: their ids, and the request with what it left open.
    """

    dataset: str
    model: str
    run_ids: list[str]
    scored: list[str]
    seconds: float
    shown: list[tuple[list[str], Request]] = field(default_factory=list, repr=False)


def explain(root: str, request: Request) -> list[Row]:
    """How each representation would be scored, a row each; nothing is written."""
    from cmr.pipeline.explained import explained, explained_at_once, screen_before

    warehouse = Store.open(root)
    request, data, deriver, every = _prepare(warehouse, request)
    alike = {"dataset": data.row["dataset"], "model": deriver.model}
    runs = [row for row in warehouse.catalogue(RUNS) if alike.items() <= row.items()]
    rows = []
    for one, ways in every:
        for search in ways:
            # Queries that stay floats are multiplied as floats; so are codes with a centre.
            precision = FP32 if search.asymmetric else one.multiplied
            sizes = request.pool_sizes
            if counted_at_once(request, data, search, one.dim, request.draws if sizes else 0):
                rows.append(explained_at_once(one, search))
                continue
            plan = make_plan_for(request, data, precision, one.dim, sizes, request.draws)
            rows.append(explained(one, search, plan, screen_before(runs, one)))
    return rows


def check(warehouse: Store, request: Request) -> None:
    """Raise CmrError for what does not exist or cannot be measured; nothing is written."""
    with warnings.catch_warnings():
        # It is said when the request is answered.
        warnings.simplefilter("ignore", LeftOutWarning)
        _prepare(warehouse, request)


def _prepare(
    warehouse: Store, request: Request, stored_only: bool = False
) -> tuple[Request, JudgedData, Deriver, list[WantedSearches]]:
    """Check a request against the warehouse.

    Returns it with what it left open, its data set and what has to be derived.
    """
    ways = searches(request)
    row = find_dataset(warehouse, sole(request.dataset, "--dataset"))
    model = find_model(warehouse, row, sole(request.model, "--model"))
    data = further_sizes(request, load_judged_data(warehouse, row, request))
    request = fitted(request, data)
    check_request(request, data)
    deriver = Deriver(
        warehouse, row, model, data.ids, stored_only, check=request.force, fit_on=request.fit_on
    )
    every = asked_for(deriver, request, ways)
    check_memory(request, data, [one for one, _ in every], ways, deriver.native_dims[-1])
    return request, data, deriver, every


def evaluate(
    root: str, request: Request, bar: ProgressBar, count: Counter | None = None
) -> Evaluated:
    """Answer a request on one data set and model; see `cmr.pipeline.each_request` for several.

    Finished runs are not scored again unless it says `force`.

    `count`: counts a representation elsewhere, or in parts; by default it is counted here. Raises
    CmrError for what does not exist or cannot be measured, before anything is written.
    """
    clock = time.perf_counter()
    if count is not None:
        request.check_parts()
    evaluation = begin(root, request, bar)
    evaluation.count = count
    data = evaluation.data
    todo = [case for case in evaluation.cases if evaluation.unscored(case)]
    cells = len(data.ids[TEXT]) * len(data.ids[VISUAL])
    passes = [evaluation.passes(case) for case in todo]
    scored: list[str] = []
    with bar("scoring", cells * sum(passes), "scores") as advance:
        for case in evaluation.cases:
            scored += evaluation.run(case, advance)
    seconds = time.perf_counter() - clock
    run_ids = evaluation.run_ids()
    return Evaluated(
        data.row["dataset"],
        evaluation.model,
        run_ids,
        scored,
        seconds,
        [(run_ids, evaluation.request)],
    )


def begin(root: str, request: Request, bar: ProgressBar, stored_only: bool = False) -> Evaluation:
    """Check a request and derive what it needs; returns the evaluation, which has the cases.

    With `stored_only` nothing is written: what is not derived yet raises NotStoredError.
    """
    warehouse = Store.open(root)
    request, data, deriver, every = _prepare(warehouse, request, stored_only)
    directions = tuple(data.judged)
    found: list[Case] = []
    with bar("deriving representations", len(every), "sets") as advance:
        for asked in every:
            found += cases(deriver, asked, request.seed, directions)
            advance(1)
    return Evaluation(warehouse, request, data, deriver, found, bar)
