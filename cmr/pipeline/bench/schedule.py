"""From contenders to tasks: what has to be measured, and what already has been."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from cmr.identity import identity
from cmr.pipeline.bench.bench_request import (
    BATCH,
    BUILD,
    ENCODE,
    FILTERS,
    LOAD,
    SINGLE,
    BenchRequest,
)
from cmr.pipeline.bench.contenders import BenchedModel, Contender, batch_size, singles
from cmr.pipeline.bench.machine import machine, versions
from cmr.pipeline.bench.measuring_task import Lane, Task
from cmr.precision import FP32, precision_of
from cmr.rows import Row
from cmr.score.search.graph_settings import Hnsw
from cmr.warehouse.store import Store

# Bytes that a process holds beside its vectors, and how many copies of these exist at the end.
PROCESS_BYTES, COPIES = 300 * 2**20, 2


@dataclass(frozen=True)
class Job:
    """A task, and the row of `benches` that each of its lanes becomes."""

    task: Task
    rows: dict[Lane, Row]
    bytes: int


class Planner:
    """Makes the jobs of one request on one machine."""

    def __init__(
        self,
        warehouse: Store,
        request: BenchRequest,
        subject: BenchedModel,
        threads: int,
        device: str,
    ) -> None:
        """`threads`, `device`: resolved for this machine."""
        self._warehouse, self._request, self._subject = warehouse, request, subject
        self.threads, self._device = threads, device
        self.data = subject.row
        self._environment = {
            "versions": json.dumps(versions(), sort_keys=True),
            "threads": threads,
            "seed": request.search.seed,
        }

    def row(self, stage: str, batch: int | None = None, **more: Any) -> Row:
        """A row of `benches`, as far as it is known before measuring.

        `batch`: the request's batch size. Figures are comparable where machine, threads, k and
        batch are the same, which `conditions` identifies; the device, processor or accelerator of
        that machine, may differ.
        """
        data = self._subject.row
        row: Row = {
            "stage": stage,
            "dataset": data["dataset"],
            "dataset_fingerprint": data["fingerprint"],
            "model": self._subject.model,
            **self._environment,
            **more,
        }
        row["machine"] = json.dumps(machine(row["device"]), sort_keys=True)
        conditions: Row = {"machine": machine("cpu"), "threads": self.threads}
        if stage != ENCODE:
            conditions |= {"k": self._request.k, "batch": batch}
        row["conditions"] = identity(**conditions)
        row["bench_id"] = identity(**row)
        return row

    def jobs(self, stage: str, found: Sequence[Contender]) -> list[Job]:
        """One job per process: contenders that search the same graph share one."""
        together: dict[str, list[Contender]] = {}
        for contender in found:
            together.setdefault(self._key(contender), []).append(contender)
        return [self._job(stage, group) for group in together.values()]

    def _key(self, contender: Contender) -> str:
        search = replace(contender.case.search, expansion_search=None)
        fine = contender.fine
        return identity(
            sets=[contender.gallery["set_id"], contender.queries["set_id"]],
            fine=None if fine is None else [one["set_id"] for one in fine],
            search=str(search),
            direction=contender.direction,
        )

    def _job(self, stage: str, group: list[Contender]) -> Job:
        first = group[0]
        search, gallery, queries = first.case.search, first.gallery, first.queries
        hnsw = None
        if search.connectivity is not None and search.expansion_add is not None:
            hnsw = Hnsw(search.connectivity, search.expansion_add)
        asking = self._subject.asking[first.direction]
        many = len(asking)
        lanes = list(self._lanes(stage, group))
        # Other libraries always compute on the processor.
        device = self._device if search.kind.by_plan else "cpu"
        task = Task(
            root=self._warehouse.root,
            stage=stage,
            label=f"{stage} of {first}" if stage == BUILD else f"{stage} searches of {first}",
            lanes=tuple(lanes),
            threads=self.threads,
            device=device,
            seed=self._request.search.seed,
            gallery=gallery,
            queries=queries,
            asking=None if many == queries["rows"] else asking,
            fine=first.fine,
            scorer=search.scorer,
            options=search.options,
            hnsw=hnsw,
            k=self._request.k,
            depth=search.depth if search.rescore is not None else self._request.k,
            batch=batch_size(self._request, many) if stage == BATCH else 0,
            singles=singles(self._request, many) if stage in (SINGLE, LOAD, FILTERS) else 0,
            window=self._request.window if stage == LOAD else 0.0,
        )
        rows = {lane: self._contender_row(task, lane, first) for lane in lanes}
        held = [gallery, *([] if first.fine is None else first.fine[:1])]
        wide = precision_of(FP32).vector_bytes
        widest = sum(int(one["rows"]) * wide(int(one["dim"])) for one in held)
        return Job(task, rows, PROCESS_BYTES + COPIES * widest)

    def _lanes(self, stage: str, group: list[Contender]) -> Iterator[Lane]:
        if stage == BUILD:
            yield Lane()
            return
        pools: tuple[int | None, ...] = (None,)
        clients: tuple[int | None, ...] = (None,)
        shares: tuple[float | None, ...] = (None,)
        if stage == SINGLE:
            pools = (None, *self._request.candidates)
        if stage == LOAD:
            clients = self._request.clients or ()
        if stage == FILTERS:
            shares = self._request.filters or ()
        for contender in group:
            for pool, many, share in product(pools, clients, shares):
                yield Lane(contender.case.search.expansion_search, pool, many, share)

    def _contender_row(self, task: Task, lane: Lane, contender: Contender) -> Row:
        case, stage, search = contender.case, task.stage, contender.case.search
        wanted = case.made.wanted
        gallery = contender.gallery
        # Only included if it differs, so that earlier measurements keep their ids.
        coded = case.made.query_precision is None
        queries = {} if coded else {"query_precision": case.made.query_precision}
        named: Row = {"scorer_options": search.said} if search.said else {}
        if search.kind.modules:
            every = versions() | search.kind.versions()
            named["versions"] = json.dumps(every, sort_keys=True)
        if lane.clients is not None:
            named |= {"clients": lane.clients, "window": task.window}
        if lane.share is not None:
            named["selectivity"] = lane.share
        sets = [gallery, *([] if contender.fine is None else contender.fine[:1])]
        planned = self.row(
            stage,
            batch_size(self._request, len(self._subject.asking[contender.direction])),
            modality=gallery["modality"],
            direction=contender.direction,
            dim=wanted.dim,
            dim_method=wanted.dim_method,
            precision=wanted.precision,
            quantizer=wanted.coded_by,
            scorer=search.scorer,
            **named,
            connectivity=search.connectivity,
            expansion_add=search.expansion_add,
            expansion_search=lane.expansion_search,
            rescore=search.rescore,
            oversample=search.oversample,
            text_set=case.made.text["set_id"],
            visual_set=case.made.visual["set_id"],
            gallery=int(gallery["rows"]),
            candidates=lane.pool or int(gallery["rows"]),
            k=None if stage == BUILD else task.k,
            singles=task.singles,
            vector_bytes=case.vector_bytes(contender.direction),
            disk_vector_bytes=sum(one["file_bytes"] / one["rows"] for one in sets),
            device=task.device,
            **queries,
        )
        # Follows from what the row has already, so it is no part of its id.
        return planned | {"reads": reads_of(contender)}

    def lacking(self, jobs: Sequence[Job], known: Callable[[Row], bool]) -> list[Job]:
        """The jobs, without lanes that have been measured already."""
        left = []
        for job in jobs:
            lanes = tuple(lane for lane in job.task.lanes if not known(job.rows[lane]))
            if lanes:
                rows = {lane: job.rows[lane] for lane in lanes}
                left.append(Job(replace(job.task, lanes=lanes), rows, job.bytes))
        return left


def reads_of(contender: Contender) -> str | None:
    """See `ScorerKind.reads`; None where the scorer does not say, or of two stages."""
    search, gallery = contender.case.search, contender.gallery
    if search.kind.reads is None or contender.fine is not None:
        return None
    size = int(gallery["rows"]) * precision_of(FP32).vector_bytes(int(gallery["dim"]))
    return search.kind.reads(dict(search.options), size)


def heats(jobs: Sequence[Job], memory: int) -> list[list[Job]]:
    """Groups of jobs, in order, whose processes fit into memory together; one alone always does."""
    found: list[list[Job]] = []
    size = 0
    for job in jobs:
        if not found or size + job.bytes > memory:
            found.append([])
            size = 0
        found[-1].append(job)
        size += job.bytes
    return found
