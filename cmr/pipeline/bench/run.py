"""Bench: measure what is missing, stage by stage, and commit each race when it finishes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from cmr.errors import CmrError
from cmr.pipeline.bench.bench_request import ENCODE, FILTERS, LOAD, STAGES, BenchRequest
from cmr.pipeline.bench.contenders import Contender, contenders
from cmr.pipeline.bench.encoders import encoding_jobs
from cmr.pipeline.bench.machine import cores
from cmr.pipeline.bench.measuring_task import Failed
from cmr.pipeline.bench.schedule import Job, Planner, heats
from cmr.pipeline.bench.stored_benches import is_measured, keep
from cmr.pipeline.bench.turns import race
from cmr.progressbar import ProgressBar
from cmr.warehouse.store import Store

# Share of the machine's memory that the processes of one race may take together.
SHARE = 0.5


@dataclass
class Benched:
    """What was measured: the ids of everything requested, and of what was measured now.

    `kept`: how many existed already. `notes`: what was left out, a sentence each. `failed`: what
    failed, likewise.
    """

    dataset: str
    model: str
    bench_ids: list[str] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    races: int = 0
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def kept(self) -> int:
        """How many were measured before."""
        return len(self.bench_ids) - len(self.measured)


def bench(root: str, request: BenchRequest, bar: ProgressBar) -> Benched:
    """Measure; existing measurements are not repeated unless the request says `force`.

    Raises CmrError for what does not exist or cannot be measured, before measuring anything.
    """
    from cmr.devices import pick_device

    clock = time.perf_counter()
    check(request)
    warehouse = Store.open(root)
    if not warehouse.writable():
        raise CmrError(f"the warehouse at {warehouse.root} is read-only")
    device = pick_device(request.search.device)
    subject, found = contenders(warehouse, request, bar)
    planner = Planner(warehouse, request, subject, request.threads or cores(), device)
    done = Benched(subject.row["dataset"], subject.model)
    for stage in [name for name in STAGES if name in request.stages]:
        if stage == ENCODE:
            jobs, notes = encoding_jobs(planner, warehouse, request, subject, device)
            done.notes += notes
        else:
            able = [one for one in found if stage != FILTERS or one.filters]
            jobs = planner.jobs(stage, able)
            if stage == FILTERS and request.filters:
                done.notes += without_filters(found)
        done.bench_ids += [row["bench_id"] for job in jobs for row in job.rows.values()]
        left = planner.lacking(
            jobs, lambda row: not request.force and is_measured(warehouse, row, request.repeats)
        )
        _measure(warehouse, request, stage, left, bar, done)
    done.seconds = time.perf_counter() - clock
    return done


def _measure(
    warehouse: Store,
    request: BenchRequest,
    stage: str,
    jobs: Sequence[Job],
    bar: ProgressBar,
    done: Benched,
) -> None:
    """Race the jobs of one stage, in as many groups as memory requires."""
    groups = heats(jobs, _memory(request))
    turns = sum(len(job.task.lanes) for job in jobs) * request.repeats
    with bar(stage, turns, "turns") as advance:
        for group in groups:
            name = secrets.token_hex(4)
            for job, result in zip(
                group, race([job.task for job in group], request.repeats, advance), strict=True
            ):
                if isinstance(result, Failed):
                    done.failed.append(result.reason)
                    done.bench_ids = [
                        one
                        for one in done.bench_ids
                        if one not in {row["bench_id"] for row in job.rows.values()}
                    ]
                    continue
                keep(warehouse, job, result, name)
                done.measured += [row["bench_id"] for row in job.rows.values()]
    if len(groups) > 1:
        done.notes.append(
            f"the contenders of {stage} do not fit into memory together, so they were measured "
            f"in {len(groups)} groups; --memory allows more"
        )
    done.races += len(groups)


def without_filters(found: Sequence[Contender]) -> list[str]:
    """A sentence on those that have no filter, if there are any."""
    names = list(dict.fromkeys(one.case.search.scorer for one in found if not one.filters))
    if not names:
        return []
    have = "has no filter and is" if len(names) == 1 else "have no filters and are"
    return [f"{', '.join(names)} {have} not measured with any"]


def _memory(request: BenchRequest) -> int:
    from cmr.memory import total

    given = request.search.memory
    return int(total() * SHARE) if given is None else given


def check(request: BenchRequest) -> None:
    """Raise CmrError for settings with which nothing can be measured."""
    if request.threads > cores():
        raise CmrError(f"--threads {request.threads} is more than the {cores()} cores there are")
    asked = ((LOAD, request.clients, "1,4,16"), (FILTERS, request.filters, ".5,.1,.01"))
    for stage, given, example in asked:
        if given and stage not in request.stages:
            raise CmrError(f"--{stage} is of the stage {stage}, which --stages does not name")
        if not given and stage in request.stages and set(request.stages) != set(STAGES):
            raise CmrError(f"the stage {stage} needs --{stage}, such as --{stage} {example}")
