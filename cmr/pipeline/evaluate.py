"""Evaluate: count ranks for every representation, and commit each run as it is finished."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cmr.errors import CmrError
from cmr.pipeline.derive import Deriver, Representation
from cmr.pipeline.request import (
    Request,
    Subject,
    check_request,
    find_dataset,
    find_model,
    load_subject,
)
from cmr.pipeline.runs import describe_run, has_counts, questions, run_identity
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.layout import partition
from cmr.warehouse.schemas import HITS, RANKS, RUNS, SAMPLED_RANKS, TIMINGS, Table
from cmr.warehouse.store import Warehouse
from cmr.warehouse.vectors import StoredVectors

if TYPE_CHECKING:
    from cmr.engine.work import Work
    from cmr.score.plan import Plan
    from cmr.score.pools import Pools
    from cmr.score.tally import Counted

    # Counts a representation; returns the counts, and the run's device, plan and seconds.
    Counter = Callable[[Work, Callable[[int], None]], tuple[dict[str, Counted], dict[str, Any]]]
ProgressBar = Callable[[str, int, str], Any]
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
    _, subject, _, wanted = _prepare(Warehouse.open(root), request)
    rows = []
    for dim, method, precision in wanted:
        plan = _make_plan(request, subject, precision, dim, request.pool_sizes, request.draws)
        rows.append(
            {
                "dim": dim,
                "method": method,
                "precision": precision,
                "kernel": plan.kernel.name,
                "compared in": "float32" if plan.kernel.sure else "float32, doubts in float64",
                "tile": f"{plan.tile_rows} x {plan.tile_columns}",
                "texts held": plan.text_rows,
                "visuals held": plan.visual_rows,
                "threads": plan.threads,
                "memory": plan.memory,
                "device": plan.device,
            }
        )
    return rows


def _prepare(
    warehouse: Warehouse, request: Request
) -> tuple[Row, Subject, Deriver, list[tuple[int, str, str]]]:
    """Check a request against the warehouse: its data set, and what it asks to be derived."""
    if request.scorer != "torch":
        raise CmrError(f"unknown scorer {request.scorer!r}; there is: torch")
    data = find_dataset(warehouse, request.dataset)
    model = find_model(warehouse, data, request.model)
    subject = load_subject(warehouse, data, request)
    check_request(request, subject)
    deriver = Deriver(warehouse, data, model, subject.ids)
    return (
        data,
        subject,
        deriver,
        deriver.plan(request.dims, request.dim_methods, request.precisions),
    )


def _make_plan(
    request: Request, subject: Subject, precision: str, dim: int, sizes: list[int], draws: int
) -> Plan:
    from cmr.devices import pick_device
    from cmr.score.plan import make_plan

    return make_plan(
        precision,
        dim,
        len(subject.ids[TEXT]),
        len(subject.ids[VISUAL]),
        pick_device(request.device),
        request.memory,
        sizes[-1] if sizes else 0,
        draws,
    )


def evaluate(
    root: str, request: Request, bar: ProgressBar, count: Counter | None = None
) -> Evaluated:
    """Answer a request; finished runs are not scored again unless it says `force`.

    `count`: counts a representation elsewhere, or in parts; without it that is done here.
    Raises CmrError for what does not exist or cannot be measured, before anything is written.
    """
    clock = time.perf_counter()
    job, made, model = begin(root, request, bar)
    job.count = count
    subject, directions = job.subject, list(job.subject.judged)
    todo = [one for one in made if job.unscored(one)]
    cells = len(subject.ids[TEXT]) * len(subject.ids[VISUAL])
    scored: list[str] = []
    with bar("scoring", cells * len(todo), "scores") as advance:
        for one in made:
            scored += job.run(one, advance)
    run_ids = [run_identity(request, subject, one, name) for one in made for name in directions]
    seconds = time.perf_counter() - clock
    return Evaluated(subject.row["dataset"], model, run_ids, scored, seconds)


def begin(root: str, request: Request, bar: ProgressBar) -> tuple[Job, list[Representation], str]:
    """Check a request and derive what it asks for; returns the representations and the model."""
    warehouse = Warehouse.open(root)
    _, subject, deriver, wanted = _prepare(warehouse, request)
    with bar("representations", len(wanted), "sets") as advance:
        made = []
        for dim, method, precision in wanted:
            made.append(deriver.derive(dim, method, precision, request.seed))
            advance(1)
    return Job(warehouse, request, subject), made, deriver.model


class Job:
    """One request on one data set, representation by representation."""

    def __init__(self, warehouse: Warehouse, request: Request, subject: Subject) -> None:
        """`count` may be set to one that counts elsewhere."""
        self.subject = subject
        self.count: Counter | None = None
        self._warehouse, self._request, self._subject = warehouse, request, subject
        self._pools: Pools | None = None
        self._finished: dict[str, Row] = {}

    def unscored(self, made: Representation) -> list[str]:
        """The directions whose counts are not stored yet."""
        return [name for name in self._subject.judged if self._lacks(made, name)]

    def _lacks(self, made: Representation, direction: str) -> bool:
        run_id = self._id(made, direction)
        if run_id in self._finished:
            return False
        found = self._warehouse.find(RUNS, run_id)
        if self._request.force or found is None or not has_counts(found, self._request):
            return True
        storage = self._warehouse.storage
        for name, there in zip(
            found["files"], storage.each(storage.exists, found["files"]), strict=True
        ):
            if not there:
                raise CmrError(
                    f"the warehouse lacks {storage.path(name)}, which a finished "
                    "run names; --force makes it again"
                )
        self._finished[run_id] = found
        return False

    def _id(self, made: Representation, direction: str) -> str:
        return run_identity(self._request, self._subject, made, direction)

    def run(self, made: Representation, advance: Callable[[int], None]) -> list[str]:
        """Score and commit what is missing of one representation; returns the ids scored."""
        with contextlib.ExitStack() as claims:
            missing = self.unscored(made)
            for name in missing:
                claims.enter_context(self._warehouse.claim(self._id(made, name)))
            # Another process may have done it while this one waited for the claim.
            missing = [name for name in missing if self._lacks(made, name)]
            if missing:
                self._score(made, missing, advance)
            for name in self._subject.judged:
                if name not in missing:
                    self._add_questions(made, name)
            return [self._id(made, name) for name in missing]

    def _add_questions(self, made: Representation, direction: str) -> None:
        run_id = self._id(made, direction)
        found = self._finished.get(run_id) or self._warehouse.find(RUNS, run_id)
        asked = questions(found, self._request)
        if found and any(found[key] != asked[key] for key in asked):
            with self._warehouse.claim(run_id):
                found = self._warehouse.find(RUNS, run_id) or found
                self._warehouse.commit(RUNS, run_id, {**found, **questions(found, self._request)})

    def _score(
        self, made: Representation, missing: list[str], advance: Callable[[int], None]
    ) -> None:
        from cmr.devices import reset_peak
        from cmr.score.engine import score

        request, subject = self._request, self._subject
        started, clock = datetime.now(UTC), time.perf_counter()
        olds = {name: self._warehouse.find(RUNS, self._id(made, name)) for name in missing}
        sizes, draws = self._pool_request(olds)
        plan = _make_plan(request, subject, made.precision, made.dim, sizes, draws)
        reset_peak(plan.device)
        how: Row = {"device": plan.device, "plan": plan.describe()}
        if self.count is not None:
            counted, how = self.count(self._work(made, missing, sizes, draws), advance)
        else:
            texts = StoredVectors(self._warehouse, made.text)
            visuals = StoredVectors(self._warehouse, made.visual)
            judged = {name: subject.judged[name] for name in missing}
            counted = score(texts, visuals, judged, self._draw(sizes, draws), plan, advance)
        took: float = how.pop("seconds", time.perf_counter() - clock)
        for name in missing:
            result = counted[name]
            extra = self._hits(made, name, result, plan) if request.hits else None
            row = {
                **describe_run(request, subject, made, name),
                **questions(olds[name], request),
                "sampled_candidates": sizes,
                "draws": draws if sizes else 0,
                "hits": request.hits,
                **how,
                "started_at": started,
                "seconds": took,
            }
            self._commit(row, olds[name], result, extra, sizes, took)

    def work(self, made: Representation) -> Work | None:
        """What is to be counted of a representation; None if its runs are finished."""
        missing = self.unscored(made)
        if not missing:
            return None
        olds = {name: self._warehouse.find(RUNS, self._id(made, name)) for name in missing}
        return self._work(made, missing, *self._pool_request(olds))

    def _work(self, made: Representation, missing: list[str], sizes: list[int], draws: int) -> Work:
        from cmr.engine.work import Work

        return Work(
            root=self._warehouse.root,
            text=made.text,
            visual=made.visual,
            run_ids={name: self._id(made, name) for name in missing},
            sizes=sizes,
            draws=draws if sizes else 0,
            seed=self._request.seed,
            device=self._request.device,
            memory=self._request.memory,
            judged={name: self._subject.judged[name] for name in missing},
        )

    def _pool_request(self, olds: dict[str, Row | None]) -> tuple[list[int], int]:
        """The C and draws to sample: the request's, and those the runs had before."""
        sizes, draws = set(self._request.pool_sizes), self._request.draws
        for old in olds.values():
            if old is not None:
                sizes |= set(old["sampled_candidates"])
                draws = max(draws, old["draws"])
        return sorted(sizes), draws

    def _draw(self, sizes: list[int], draws: int) -> Pools | None:
        """The pools, which one evaluation keeps for all its representations."""
        from cmr.score.pools import Pools

        if not sizes:
            return None
        if self._pools is None or self._pools.sizes.tolist() != sizes or self._pools.draws != draws:
            self._pools = Pools(sizes, draws, self._request.seed)
        return self._pools

    def _hits(
        self, made: Representation, direction: str, counted: Counted, plan: Plan
    ) -> Iterable[pa.Table]:
        from cmr.score.hits import top_hits
        from cmr.score.rows import hit_tables

        sides = [StoredVectors(self._warehouse, row) for row in (made.text, made.visual)]
        queries, items = sides if direction == "t2v" else sides[::-1]
        found, scores = top_hits(queries, items, self._request.hits, plan)
        return hit_tables(counted, self._names(direction), found, scores)

    def _names(self, direction: str) -> Any:
        from cmr.score.rows import Names

        query, item = (TEXT, VISUAL) if direction == "t2v" else (VISUAL, TEXT)
        ids = self._subject.ids
        order = self._subject.judged[direction].order
        return Names(ids[query], ids[item], self._subject.relevance[direction][order])

    def _commit(
        self,
        row: Row,
        old: Row | None,
        counted: Counted,
        hits: Iterable[pa.Table] | None,
        sizes: list[int],
        took: float,
    ) -> None:
        """Write a run's files, then its catalogue row, then drop the files of the row before."""
        from cmr.score.rows import rank_tables, sampled_tables

        keys = {"run_id": row["run_id"]}
        before = list(old["files"]) if old else []
        names = self._names(row["direction"])
        clock = time.perf_counter()
        parts: list[tuple[Table, Iterable[pa.Table]]] = [(RANKS, rank_tables(counted, names))]
        if sizes:
            parts.append((SAMPLED_RANKS, sampled_tables(counted, names, sizes)))
        if hits is not None:
            parts.append((HITS, hits))
        for table in (RANKS, SAMPLED_RANKS, HITS, TIMINGS):
            self._warehouse.sweep(partition(table.name, keys), before)
        files = [self._warehouse.write(table, keys, data) for table, data in parts]
        stages = {"score": took, "write": time.perf_counter() - clock}
        timings = _timings(row, stages)
        files.append(self._warehouse.write(TIMINGS, keys, [timings]))
        self._warehouse.commit(RUNS, row["run_id"], {**row, "files": files})
        for name in before:
            self._warehouse.storage.delete(name)


def _timings(row: Row, stages: dict[str, float]) -> pa.Table:
    """Rows of `timings`. A scoring pass serves both directions; its time stands in each."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    from cmr.devices import peak_bytes

    rows = [
        {
            "stage": stage,
            "candidates": row["gallery"],
            "batch": row["queries"],
            "repeat": 0,
            "seconds": seconds,
            "queries": row["queries"],
            "peak_rss_bytes": peak if sys.platform == "darwin" else peak * 1024,
            "peak_device_bytes": peak_bytes(row["device"]),
            "vector_bytes": row["vector_bytes"],
        }
        for stage, seconds in stages.items()
    ]
    return pa.Table.from_pylist(rows, schema=TIMINGS.schema)
