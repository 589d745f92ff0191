"""Evaluate: count ranks for every representation, and commit each run as it is finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cmr.pipeline.bounds import check_memory
from cmr.pipeline.derive import Deriver, Wanted
from cmr.pipeline.job import Counter, Job, make_plan_for
from cmr.pipeline.progressbar import ProgressBar
from cmr.pipeline.request import (
    Request,
    Subject,
    check_request,
    find_dataset,
    find_model,
    load_subject,
)
from cmr.pipeline.run_rows import run_identity
from cmr.pipeline.scoring import Case
from cmr.pipeline.search import searches
from cmr.pipeline.wanted import Task, tasks
from cmr.precision import FP32
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.store import Warehouse

Row = dict[str, Any]


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation did: all its runs, and those that were scored now."""

    dataset: str
    model: str
    run_ids: list[str]
    scored: list[str]
    seconds: float


def explain(root: str, request: Request) -> list[Row]:
    """How each representation would be scored, a row each; nothing is written."""
    from cmr.pipeline.explained import explained

    subject, _, every = _prepare(Warehouse.open(root), request)
    rows = []
    for task in every:
        one = task.wanted
        for search in task.searches:
            # Queries that stay floats are multiplied as floats.
            precision = FP32 if search.asymmetric else one.precision
            sizes = request.pool_sizes
            plan = make_plan_for(request, subject, precision, one.dim, sizes, request.draws)
            rows.append(explained(one, search, plan))
    return rows


def _prepare(
    warehouse: Warehouse, request: Request, stored_only: bool = False
) -> tuple[Subject, Deriver, list[Task]]:
    """Check a request against the warehouse: its data set, and what it asks to be derived."""
    ways = searches(request)
    data = find_dataset(warehouse, request.dataset)
    model = find_model(warehouse, data, request.model)
    subject = load_subject(warehouse, data, request)
    check_request(request, subject)
    deriver = Deriver(warehouse, data, model, subject.ids, stored_only, check=request.force)
    todo = tasks(deriver, request, ways)
    check_memory(request, subject, [task.wanted for task in todo], ways, deriver.native_dims[-1])
    return subject, deriver, todo


def evaluate(
    root: str, request: Request, bar: ProgressBar, count: Counter | None = None
) -> Evaluated:
    """Answer a request; finished runs are not scored again unless it says `force`.

    `count`: counts a representation elsewhere, or in parts; without it that is done here.
    Raises CmrError for what does not exist or cannot be measured, before anything is written.
    """
    clock = time.perf_counter()
    job, cases, model = begin(root, request, bar)
    job.count = count
    subject = job.subject
    todo = [case for case in cases if job.unscored(case)]
    cells = len(subject.ids[TEXT]) * len(subject.ids[VISUAL])
    # One pass of torch's serves both directions.
    passes = [1 if case.search.one_pass else len(job.unscored(case)) for case in todo]
    scored: list[str] = []
    with bar("scoring", cells * sum(passes), "scores") as advance:
        for case in cases:
            scored += job.run(case, advance)
    run_ids = [
        run_identity(request, subject, case, name) for case in cases for name in job.asked(case)
    ]
    return Evaluated(subject.row["dataset"], model, run_ids, scored, time.perf_counter() - clock)


def begin(
    root: str, request: Request, bar: ProgressBar, stored_only: bool = False
) -> tuple[Job, list[Case], str]:
    """Check a request and derive what it asks for; returns the cases and the model.

    With `stored_only` nothing is written: what is not derived yet raises NotStoredError.
    """
    warehouse = Warehouse.open(root)
    subject, deriver, every = _prepare(warehouse, request, stored_only)
    with bar("representations", len(every), "sets") as advance:
        cases = list(_cases(request, subject, deriver, every, advance))
    return Job(warehouse, request, subject, bar), cases, deriver.model


def _cases(
    request: Request,
    subject: Subject,
    deriver: Deriver,
    every: list[Task],
    advance: Callable[[int], None],
) -> Iterator[Case]:
    """Every representation, derived, with every way of searching it."""
    directions = tuple(subject.judged)
    for task in every:
        one = task.wanted
        made = deriver.derive(one, request.seed, directions, task.asymmetric)
        for search in task.searches:
            fine = None
            if search.rescore is not None:
                finer = Wanted(one.dim, one.dim_method, search.rescore)
                (fine,) = deriver.derive(finer, request.seed, directions)
            for representation in made:
                yield Case(representation, search, fine)
        advance(1)
