"""Writing a scored run: its files, then the catalogue row that names them."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from cmr.devices import peak_bytes
from cmr.pipeline.case import Scored
from cmr.pipeline.judged_data import JudgedData
from cmr.rows import Row
from cmr.warehouse.layout import partition
from cmr.warehouse.schemas import (
    HELD_OUT_HITS,
    HELD_OUT_RANKS,
    HITS,
    RANKS,
    RUNS,
    SAMPLED_RANKS,
    TIMINGS,
    Table,
)
from cmr.warehouse.store import Store

if TYPE_CHECKING:
    from cmr.score.rank_rows import Names


def commit_run(
    warehouse: Store, data: JudgedData, row: Row, old: Row | None, scored: Scored
) -> None:
    """Write a run. `row`: of `runs`, without its files. `old`: the run's previous row, if any;
    files beside those it names are removed.
    """
    from cmr.score.rank_rows import rank_tables, sampled_tables

    keys = {"run_id": row["run_id"]}
    before = list(old["files"]) if old else []
    names, sizes = _names(data, row["direction"]), row["sampled_candidates"]
    clock = time.perf_counter()
    counted = scored.counted
    listed = scored.lists is not None
    parts: list[tuple[Table, Iterable[pa.Table]]] = [(RANKS, rank_tables(counted, names, listed))]
    if sizes:
        parts.append((SAMPLED_RANKS, sampled_tables(counted, names, sizes)))
    if _has_hits(scored):
        parts.append((HITS, _hits(scored, names)))
    parts += _held_out(scored, names)
    for table in (RANKS, HELD_OUT_RANKS, SAMPLED_RANKS, HITS, HELD_OUT_HITS, TIMINGS):
        warehouse.sweep(partition(table.name, keys), before)
    files = [warehouse.write(table, keys, rows) for table, rows in parts]
    stages = {**scored.seconds, "write": time.perf_counter() - clock}
    files.append(warehouse.write(TIMINGS, keys, [_timings(row, stages)]))
    warehouse.commit(RUNS, row["run_id"], {**row, "has_cases": True, "files": files})


def _names(data: JudgedData, direction: str) -> Names:
    from cmr.score.rank_rows import Names

    order = data.judged[direction].order
    return Names(direction, *data.names(direction), data.relevance[direction][order])


def _held_out(scored: Scored, names: Names) -> Iterator[tuple[Table, Iterable[pa.Table]]]:
    """The folds' results, in tables like those of the whole run."""
    from cmr.score.rank_rows import of_folds, rank_tables

    if not scored.held_out:
        return
    judged = scored.counted.judged
    mine = [(fold.number, names.part(judged, fold.queries), one) for fold, one in scored.held_out]
    yield (
        HELD_OUT_RANKS,
        of_folds(
            (number, rank_tables(one.counted, part, one.lists is not None))
            for number, part, one in mine
        ),
    )
    if _has_hits(mine[0][2]):
        yield HELD_OUT_HITS, of_folds((number, _hits(one, part)) for number, part, one in mine)


def _has_hits(scored: Scored) -> bool:
    return scored.lists is not None or scored.hits is not None


def _hits(scored: Scored, names: Names) -> Iterable[pa.Table]:
    """Rows of `hits`: the lists that a search returned, or the best items that were found."""
    from cmr.score.rank_rows import hit_tables

    lists = scored.lists
    if lists is not None:
        return hit_tables(scored.counted, names, lists.items, lists.scores, lists.exact_above)
    assert scored.hits is not None
    return hit_tables(scored.counted, names, *scored.hits)


def _timings(row: Row, stages: dict[str, float]) -> pa.Table:
    """Rows of `timings`. A scoring pass serves both directions; each records its time."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
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
