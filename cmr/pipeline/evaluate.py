"""Evaluate: count ranks for every representation, and commit each run as it is finished."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from cmr.pipeline.bounds import check_memory
from cmr.pipeline.derive import Deriver
from cmr.pipeline.job import Counter, Job, make_plan_for
from cmr.pipeline.judged_data import (
    Subject,
    check_request,
    find_dataset,
    find_model,
    load_subject,
)
from cmr.pipeline.progressbar import ProgressBar
from cmr.pipeline.request import Request
from cmr.pipeline.scoring import Case
from cmr.pipeline.search import searches
from cmr.pipeline.wanted import Asked, asked_for, cases
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
    for one, ways in every:
        for search in ways:
            # Queries that stay floats are multiplied as floats.
            precision = "fp32" if search.asymmetric else one.precision
            sizes = request.pool_sizes
            plan = make_plan_for(request, subject, precision, one.dim, sizes, request.draws)
            rows.append(explained(one, search, plan))
    return rows


def _prepare(
    warehouse: Warehouse, request: Request, stored_only: bool = False
) -> tuple[Subject, Deriver, list[Asked]]:
    """Check a request against the warehouse: its data set, and what it asks to be derived."""
    ways = searches(request)
    data = find_dataset(warehouse, request.dataset)
    model = find_model(warehouse, data, request.model)
    subject = load_subject(warehouse, data, request)
    check_request(request, subject)
    deriver = Deriver(warehouse, data, model, subject.ids, stored_only, check=request.force)
    every = asked_for(deriver, request, ways)
    check_memory(request, subject, [one for one, _ in every], ways, deriver.native_dims[-1])
    return subject, deriver, every


def evaluate(
    root: str, request: Request, bar: ProgressBar, count: Counter | None = None
) -> Evaluated:
    """Answer a request; finished runs are not scored again unless it says `force`.

    `count`: counts a representation elsewhere, or in parts; without it that is done here.
    Raises CmrError for what does not exist or cannot be measured, before anything is written.
    """
    clock = time.perf_counter()
    job = begin(root, request, bar)
    job.count = count
    subject = job.subject
    todo = [case for case in job.cases if job.unscored(case)]
    cells = len(subject.ids[TEXT]) * len(subject.ids[VISUAL])
    # One pass of torch's serves both directions.
    passes = [1 if case.search.one_pass else len(job.unscored(case)) for case in todo]
    scored: list[str] = []
    with bar("scoring", cells * sum(passes), "scores") as advance:
        for case in job.cases:
            scored += job.run(case, advance)
    seconds = time.perf_counter() - clock
    return Evaluated(subject.row["dataset"], job.model, job.run_ids(), scored, seconds)


def begin(root: str, request: Request, bar: ProgressBar, stored_only: bool = False) -> Job:
    """Check a request and derive what it asks for; the job knows its cases.

    With `stored_only` nothing is written: what is not derived yet raises NotStoredError.
    """
    warehouse = Warehouse.open(root)
    subject, deriver, every = _prepare(warehouse, request, stored_only)
    directions = tuple(subject.judged)
    found: list[Case] = []
    with bar("representations", len(every), "sets") as advance:
        for asked in every:
            found += cases(deriver, asked, request.seed, directions)
            advance(1)
    return Job(warehouse, request, subject, deriver.model, found, bar)
