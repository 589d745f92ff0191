"""Measurements in the warehouse: rows of `timings`, then the rows of `benches` that name them."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from cmr.pipeline.bench.bench_request import BATCH, BUILD, ENCODE
from cmr.pipeline.bench.measuring_task import Lane, Measured
from cmr.pipeline.bench.schedule import Job
from cmr.rows import Row
from cmr.warehouse.layout import partition
from cmr.warehouse.schemas import BENCHES, TIMINGS
from cmr.warehouse.store import Store
from cmr.warehouse.verified import is_sound


def is_measured(warehouse: Store, row: Row, repeats: int) -> bool:
    """Whether a row's measurement exists, with at least as many repeats."""
    found = warehouse.find(BENCHES, row["bench_id"])
    return found is not None and found["repeats"] >= repeats and is_sound(warehouse.storage, found)


def keep(warehouse: Store, job: Job, done: Measured, race: str) -> None:
    """Commit every lane of a job. `race`: the id of everything measured in turns with it."""
    for lane in job.task.lanes:
        row = complete(job.rows[lane], done, lane, race)
        with warehouse.claim(row["bench_id"]):
            old = warehouse.find(BENCHES, row["bench_id"])
            before = list(old["files"]) if old else []
            keys = {"run_id": row["bench_id"]}
            warehouse.sweep(partition(TIMINGS.name, keys), before)
            files = [warehouse.write(TIMINGS, keys, [timings(row, done, lane)])]
            warehouse.commit(BENCHES, row["bench_id"], {**row, "files": files})


def complete(planned: Row, done: Measured, lane: Lane, race: str) -> Row:
    """A planned row of `benches`, completed with what was measured."""
    turns, held = done.turns[lane], done.footprint
    many = held.vectors or 1
    row = dict.fromkeys(BENCHES.schema.names) | {
        name: value for name, value in planned.items() if name in BENCHES.schema.names
    }
    stage = planned["stage"]
    return row | {
        "batch": done.task.batch if stage in (BATCH, ENCODE) else None if stage == BUILD else 1,
        "repeats": len(turns),
        "race": race,
        "memory_vector_bytes": None if held.memory is None else held.memory / many,
        "index_vector_bytes": None if held.index is None else held.index / many,
        "agreement": held.agreement.get(lane),
        "missing_results": held.missing.get(lane),
        "started_at": datetime.now(UTC),
        "seconds": sum(turn.seconds for turn in turns),
    }


def timings(row: Row, done: Measured, lane: Lane) -> pa.Table:
    """Rows of `timings`, one per repeat."""
    held = done.footprint
    rows = [
        {
            "stage": row["stage"],
            "candidates": row["candidates"],
            "batch": row["batch"],
            "repeat": number,
            "seconds": turn.seconds,
            "queries": turn.queries,
            "peak_rss_bytes": held.peak,
            "peak_device_bytes": held.device,
            "vector_bytes": row["vector_bytes"],
            "threads": turn.threads,
            "idle_rss_bytes": held.idle,
            "latencies": turn.latencies,
        }
        for number, turn in enumerate(done.turns[lane])
    ]
    return pa.Table.from_pylist(rows, schema=TIMINGS.schema)
