"""The tasks of the engine `ray`. Ray does the scheduling, retries and spilling.

One task computes a representation's thresholds; then one task per block counts it. What is already
stored is not counted again, so a stopped run resumes.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cmr.engine.grid import GPU_RATE, TaskPart, choose, core_rate
from cmr.engine.merge import blocks_to_do
from cmr.engine.ray_board import Board, State
from cmr.engine.shared_work import Work
from cmr.errors import CmrError
from cmr.score.judgments import Judged
from cmr.score.pair_scores import Values
from cmr.warehouse.partials import finished
from cmr.warehouse.store import Store

# How often Ray retries a task whose worker or node was lost, or that raised an error.
RETRIES = 4
# How often everything that is still missing, or was found damaged, is counted again.
ROUNDS = 3
# Share of a machine's memory for all of its tasks together.
SHARE = 0.5
POLL = 0.5


def run(ray: Any, works: Sequence[Work], shards: int | None, show: Any) -> dict[str, int]:
    """Count what is missing of each representation; returns the number of shards, by work's key.

    `show(state)` is called with the progress. Raises CmrError that names a failed task and its log.
    """
    cuts = {work.key: shards or _shards(ray, work) for work in works}
    for _ in range(ROUNDS):
        todo = [(work, *blocks_to_do(work, cuts[work.key])) for work in works]
        if not any(blocks for _, _, blocks in todo):
            return cuts
        _round(ray, todo, show)
    left = sum(len(blocks_to_do(work, cuts[work.key])[1]) for work in works)
    if left:
        raise CmrError(f"{left} tasks' counts are damaged each time they are written")
    return cuts


def _shards(ray: Any, work: Work) -> int:
    """How many tasks: as many as it was begun with, else so that all slots stay busy to the end."""
    begun = finished(Store.open(work.root), work.key)
    if begun:
        counts = [many for many, _ in begun]
        return max(set(counts), key=counts.count)
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0)) if work.device != "cpu" else 0
    slots = gpus or max(1, int(resources.get("CPU", 1)))
    rate = GPU_RATE if gpus else core_rate(work.multiplied)
    return choose(work.text["rows"], work.visual["rows"], work.text["dim"], slots, rate)


def _round(
    ray: Any, todo: Sequence[tuple[Work, list[dict[str, Any]], list[TaskPart]]], show: Any
) -> None:
    """Submit every missing block, and wait for all of them."""
    gpus = 1 if ray.cluster_resources().get("GPU") and todo[0][0].device != "cpu" else 0
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=True
    )
    board = (
        ray.remote(Board)
        .options(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)
        .remote()
    )
    options = {"num_cpus": 1, "num_gpus": gpus, "max_retries": RETRIES, "retry_exceptions": True}
    prepare = ray.remote(_thresholds).options(**options)
    count = ray.remote(_count).options(**options)
    state = State()
    waiting: dict[Any, str] = {}
    for work, done, blocks in todo:
        state.total += len(done) + len(blocks)
        state.done += len(done)
        state.cells += sum(block.cells for block in blocks)
        if blocks:
            shared = ray.put(work)
            values = prepare.remote(shared, board)
            for block in blocks:
                name = f"{work.title}, shard {block.shard} of {block.shards}"
                waiting[count.remote(shared, values, block, name, board, gpus)] = name
    try:
        _wait(ray, waiting, board, state, show)
    finally:
        for reference in waiting:
            with contextlib.suppress(Exception):
                ray.cancel(reference)


def _wait(ray: Any, waiting: dict[Any, str], board: Any, state: State, show: Any) -> None:
    look = board.look.remote()
    while waiting:
        ready, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=POLL)
        for reference in ready:
            name = waiting.pop(reference)
            try:
                ray.get(reference)
            except ray.exceptions.RayError as error:
                state.failed += 1
                show(state)
                raise CmrError(_reason(ray, name, error, board)) from None
            state.done += 1
        if ray.wait([look], timeout=0)[0]:
            with contextlib.suppress(ray.exceptions.RayError):
                state.counted, state.running, state.retries, state.logs = ray.get(look)
            look = board.look.remote()
        show(state)
    with contextlib.suppress(ray.exceptions.RayError):
        state.counted, state.running, state.retries, state.logs = ray.get(look, timeout=5)
    show(state)


def _reason(ray: Any, name: str, error: Exception, board: Any) -> str:
    """Which task failed, why, and where its log is."""
    cause: BaseException = getattr(error, "cause", None) or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    said = lines[0] if lines else type(cause).__name__
    try:
        logs = ray.get(board.look.remote(), timeout=5)[3]
        # A task that never began failed because of the thresholds that it depends on.
        log = logs.get(name) or logs.get(name.rpartition(", shard ")[0])
    except ray.exceptions.RayError:
        log = None
    where = f"; its log is {log}" if log else ""
    return f"the task {name} failed {RETRIES + 1} times: {said}{where}"


def _log() -> str:
    """This worker's log, on its machine."""
    path = os.path.realpath("/proc/self/fd/2")
    return f"{platform.node()}:{path}" if os.path.isabs(path) else platform.node()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Write an error's traceback to the worker's log, before Ray removes it."""
    try:
        yield
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        raise


def _here(work: Work, gpus: int) -> Work:
    """The work adapted to a task on this machine, with its share of cores and memory.

    Arrays from Ray's store are copied: they are read-only, and numba would compile again for them.
    """
    import numba
    import torch

    from cmr.memory import total

    torch.set_num_threads(1)
    numba.set_num_threads(1)
    judged = {
        name: Judged(
            np.array(one.query),
            np.array(one.item),
            np.array(one.start),
            np.array(one.order),
            one.gallery,
        )
        for name, one in work.judged.items()
    }
    memory = work.memory
    if memory is None and not gpus:
        memory = int(total() * SHARE / (os.cpu_count() or 1))
    device = work.device if gpus else "cpu"
    return replace(work, judged=judged, memory=memory, device=device)


def _thresholds(work: Work, board: Any) -> dict[str, Values]:
    from cmr.engine.shared_work import thresholds

    board.begin.remote(work.title, _log())
    with _told():
        found = thresholds(_here(work, 0))
    board.end.remote(work.title, 0)
    return found


def _count(
    work: Work, values: Mapping[str, Values], block: TaskPart, name: str, board: Any, gpus: int
) -> None:
    from cmr.engine.count_task import count_block

    board.begin.remote(name, _log())
    seen, told = 0, time.monotonic()

    def advance(cells: int) -> None:
        nonlocal seen, told
        seen += cells
        if time.monotonic() - told > POLL:
            board.advance.remote(name, seen)
            told = time.monotonic()

    with _told():
        count_block(
            _here(work, gpus),
            block,
            {one: np.array(array) for one, array in values.items()},
            advance,
        )
    board.end.remote(name, block.cells)
