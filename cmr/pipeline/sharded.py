"""An evaluation in parts: as shards that any scheduler can run, or as Ray tasks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cmr.errors import CmrError
from cmr.pipeline.case import Scored
from cmr.pipeline.embedding_sets import NotStoredError
from cmr.pipeline.evaluate import Evaluated, begin, evaluate
from cmr.pipeline.request import Request
from cmr.pipeline.search import searches
from cmr.progressbar import Advance, ProgressBar
from cmr.warehouse.store import Store

if TYPE_CHECKING:
    from cmr.engine.shared_work import Work
    from cmr.pipeline.evaluation import Counter


@dataclass(frozen=True)
class Sharded:
    """What a shard did: tasks counted now and before, and finished representations."""

    counted: int
    found: int
    finished: int
    seconds: float


def prepare(root: str, request: Request, bar: ProgressBar) -> Sharded:
    """Derive the representations and compute the thresholds that every shard needs."""
    from cmr.engine.shared_work import thresholds

    clock = time.perf_counter()
    works, finished = _works(root, request, bar)
    with bar("thresholds", len(works), "sets") as advance:
        for work in works:
            thresholds(work)
            advance(1)
    return Sharded(0, 0, finished, time.perf_counter() - clock)


def count_shard(root: str, request: Request, shard: int, shards: int, bar: ProgressBar) -> Sharded:
    """Count one shard of every unfinished representation; existing counts are kept."""
    from cmr.engine.count_task import count_block
    from cmr.engine.grid import cut
    from cmr.engine.merge import blocks_to_do
    from cmr.engine.shared_work import thresholds

    clock = time.perf_counter()
    works, finished = _works(root, request, bar)
    warehouse = Store.open(root)
    counted = found = 0
    blocks = [cut(work.text["rows"], work.visual["rows"], shards)[shard] for work in works]
    cells = sum(block.cells for block in blocks)
    with bar(f"shard {shard} of {shards}", cells, "scores") as advance:
        for work, block in zip(works, blocks, strict=True):
            with warehouse.claim(work.name(block)):
                if any(one.shard == shard for one in blocks_to_do(work, shards, [shard])[1]):
                    count_block(work, block, thresholds(work), advance)
                    counted += 1
                else:
                    advance(block.cells)
                    found += 1
    return Sharded(counted, found, finished, time.perf_counter() - clock)


def merge_shards(root: str, request: Request, bar: ProgressBar) -> Evaluated:
    """Merge the counted shards into runs, and remove their partial counts.

    Raises CmrError, before anything is written, if a shard is missing or damaged.
    """
    from cmr.engine.merge import collect, none_counted

    try:
        # Counting a shard also stored the vectors.
        works, _ = _works(root, request, bar, stored_only=True)
    except NotStoredError as error:
        raise none_counted(str(error)) from None
    for work in works:
        collect(work)

    def count(work: Work, advance: Advance) -> dict[str, Scored]:
        advance(work.text["rows"] * work.visual["rows"])
        return sum_up(work, None)

    return _evaluate(root, request, bar, count)


def sum_up(work: Work, shards: int | None) -> dict[str, Scored]:
    """The result of a representation by direction, from its finished tasks."""
    from cmr.engine.merge import collect, merge, merge_hits
    from cmr.engine.shared_work import thresholds

    rows, tables = collect(work, shards)
    seconds = sum(row["seconds"] for row in rows)
    how = {"device": rows[0]["device"], "plan": rows[0]["plan"]}
    hits = merge_hits(work, tables)
    return {
        name: Scored(counted, {"score": seconds}, how, hits=hits.get(name))
        for name, counted in merge(work, tables, thresholds(work)).items()
    }


def evaluate_in_tasks(
    root: str,
    request: Request,
    bar: ProgressBar,
    run: Callable[[list[Work]], dict[str, int]],
) -> Evaluated:
    """Evaluate with an engine's tasks. `run` counts what is missing and returns shards by work."""
    clock = time.perf_counter()
    works, _ = _works(root, request, bar)
    shards = run(works) if works else {}

    def count(work: Work, advance: Advance) -> dict[str, Scored]:
        advance(work.text["rows"] * work.visual["rows"])
        return sum_up(work, shards.get(work.key))

    done = _evaluate(root, request, bar, count)
    return replace(done, seconds=time.perf_counter() - clock)


def _evaluate(
    root: str,
    request: Request,
    bar: ProgressBar,
    count: Counter,
) -> Evaluated:
    """Evaluate, and remove a representation's partial counts once its runs are committed."""
    from cmr.engine.shared_work import forget

    used: list[Work] = []

    def counted(work: Work, advance: Advance) -> dict[str, Scored]:
        used.append(work)
        return count(work, advance)

    done = evaluate(root, request, bar, counted)
    for work in used:
        forget(work)
    return done


def _works(
    root: str, request: Request, bar: ProgressBar, stored_only: bool = False
) -> tuple[list[Work], int]:
    """What remains to be counted, and how many representations are finished."""
    request.check_parts()
    for search in searches(request):
        if not search.one_pass:
            raise CmrError(
                f"in parts every rank is counted exactly; {search} needs the local engine"
            )
    evaluation = begin(root, request, bar, stored_only)
    works = [evaluation.work(case) for case in evaluation.cases]
    todo = [work for work in works if work is not None]
    return todo, len(works) - len(todo)
