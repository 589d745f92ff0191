"""One task: count a query block against a gallery shard, and store the partial counts."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from cmr.engine.grid import TaskPart
from cmr.engine.shared_work import Work
from cmr.progressbar import Advance, no_advance
from cmr.rows import Row
from cmr.score.asymmetric import as_compared, largest_product
from cmr.score.blocks import Vectors
from cmr.score.exhaustive import pair_values, partial_counts
from cmr.score.pair_scores import Values
from cmr.score.plan import Plan
from cmr.score.pools import Pools
from cmr.score.tally import Tally
from cmr.score.top_lists import top_hits
from cmr.score.warm_up import few_judged, few_pools, few_rows, has_many, warmed
from cmr.warehouse.partials import write_partial
from cmr.warehouse.schemas import PARTIAL_COUNTS, PARTIAL_HITS, TASKS
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors

# The ordinal of a side's first vector in the block, and its vectors.
_Part = tuple[int, Vectors]


def count_block(
    work: Work,
    block: TaskPart,
    values: dict[str, Values],
    advance: Advance = no_advance,
) -> Row:
    """Count one block and store it; returns its row of `tasks`, which is written last.

    Idempotent: doing it twice stores the same counts under the same name, and the last row written
    replaces the other. `values`: `thresholds` of the work.
    """
    warehouse = Store.open(work.root)
    _warm(warehouse, work)
    started, clock = datetime.now(UTC), time.perf_counter()
    texts = as_compared(StoredVectors(warehouse, work.text, block.texts), work.text)
    visuals = as_compared(StoredVectors(warehouse, work.visual, block.visuals), work.visual)
    plan = work.plan(texts.rows, visuals.rows, largest_product(texts, visuals))
    pools = Pools(work.sizes, work.draws, work.seed) if work.sizes else None
    tallies = partial_counts(texts, visuals, dict(work.judged), values, pools, plan, advance)
    tables = [
        table
        for name, tally in tallies.items()
        for table in _tables(name, tally, block, work.sizes)
    ]
    written = [write_partial(warehouse, PARTIAL_COUNTS, work.key, tables)]
    if work.hits:
        sides = (block.texts[0], texts), (block.visuals[0], visuals)
        best = [_hits(name, *sides, work.hits, plan) for name in tallies]
        written.append(write_partial(warehouse, PARTIAL_HITS, work.key, best))
    row = {
        "task": work.name(block),
        "key": work.key,
        "runs": sorted(work.run_ids.values()),
        "title": work.title,
        "shard": block.shard,
        "shards": block.shards,
        "texts": list(block.texts),
        "visuals": list(block.visuals),
        "rows": sum(table.num_rows for table in tables),
        "files": [name for name, _ in written],
        "hashes": [digest for _, digest in written],
        "plan": plan.describe(),
        "device": plan.device,
        "host": platform.node(),
        "started_at": started,
        "seconds": time.perf_counter() - clock,
    }
    warehouse.commit(TASKS, row["task"], row)
    return row


def _warm(warehouse: Store, work: Work) -> None:
    """Count a few vectors of each side the same way before timing starts; see `score.warm`."""
    texts, visuals = (
        as_compared(StoredVectors(warehouse, row, (0, few_rows(row["rows"]))), row)
        for row in (work.text, work.visual)
    )
    plan = work.plan(work.text["rows"], work.visual["rows"])
    judged = few_judged(dict(work.judged), texts.rows, visuals.rows)
    pools = few_pools(judged) if work.sizes else None

    def count() -> None:
        values = pair_values(texts, visuals, judged, plan)
        # Where screening does not pay, tiles are counted without it.
        for one in [plan, plan.unscreened][: 1 + plan.kernel.screened]:
            partial_counts(texts, visuals, judged, values, pools, one)
        for name in judged if work.hits else ():
            _hits(name, (0, texts), (0, visuals), work.hits, plan)

    kind = (
        "task", plan.kernel.name, plan.kernel.precision, plan.kernel.split > 0, plan.device,
        plan.kernel.screened,
        plan.device == "cpu" or work.text["dim"], pools is None, work.hits > 0,
        *((name, has_many(one)) for name, one in work.judged.items()),
    )  # fmt: skip
    warmed(kind, count)


def _hits(direction: str, texts: _Part, visuals: _Part, depth: int, plan: Plan) -> pa.Table:
    """Rows of `partial_hits`: each query's best among the block's items."""
    asked = (texts, visuals) if direction == "t2v" else (visuals, texts)
    (first, queries), (_, items) = asked
    item, scores = top_hits(queries, items, depth, plan)
    count, wide = item.shape
    return pa.table(
        {
            "direction": pa.repeat(direction, count * wide),
            "query": (first + np.arange(count)).repeat(wide),
            "item": item.reshape(-1),
            "score": scores.reshape(-1),
        },
        schema=PARTIAL_HITS.schema,
    )


def _tables(direction: str, tally: Tally, block: TaskPart, sizes: list[int]) -> Iterator[pa.Table]:
    """Rows of `partial_counts` for the queries of the block; summed over blocks they are ranks.

    Competitors exclude the relevant items; relevant items exclude the pair's own, which lies in
    only one of its query's blocks.
    """
    queries, items = block.texts, block.visuals
    if direction == "v2t":
        queries, items = items, queries
    judged = tally.judged
    pairs = slice(int(judged.start[queries[0]]), int(judged.start[queries[1]]))
    item = judged.item[pairs]
    own = (item >= items[0]) & (item < items[1])
    relevants = (tally.relevant_more[pairs], tally.relevant_tied[pairs] - own)
    place = np.arange(pairs.start, pairs.stop)

    def table(more: Any, tied: Any, size: int | None, draw: int | None) -> pa.Table:
        count = len(place)
        columns: dict[str, Any] = {
            "direction": pa.repeat(direction, count),
            "pair": place,
            "candidates": pa.repeat(pa.scalar(size, pa.int64()), count),
            "draw": pa.repeat(pa.scalar(draw, pa.int32()), count),
            "above": np.asarray(more, dtype=np.int64),
            "tied": np.asarray(tied, dtype=np.int64),
            "relevants_above": relevants[0],
            "relevants_tied": relevants[1],
            "compared": np.full(count, items[1] - items[0]),
        }
        return pa.table(columns, schema=PARTIAL_COUNTS.schema)

    yield table(
        tally.more[pairs] - tally.relevant_more[pairs],
        tally.tied[pairs] - tally.relevant_tied[pairs],
        None,
        None,
    )
    more, tied = (
        np.cumsum(drawn[:, :, pairs], axis=1, dtype=np.int64)
        for drawn in (tally.drawn_more, tally.drawn_tied)
    )
    for draw in range(len(more)):
        for at, size in enumerate(sizes):
            yield table(more[draw, at], tied[draw, at], size, draw)
