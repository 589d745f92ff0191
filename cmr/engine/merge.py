"""Ranks are the SUM of partial counts, in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cmr.engine.grid import TaskPart, cut
from cmr.engine.shared_work import Work
from cmr.errors import CmrError
from cmr.rows import Row
from cmr.score.judgments import Judged
from cmr.score.pair_scores import Values
from cmr.score.tally import Counted
from cmr.score.top_lists import Hits
from cmr.warehouse.partials import finished, read_partial
from cmr.warehouse.store import Store

SUM = """
select
    direction, candidates, draw, pair,
    sum(above)::bigint as above,
    sum(tied)::bigint as tied,
    sum(relevants_above)::bigint as relevants_above,
    sum(relevants_tied)::bigint as relevants_tied,
    sum(compared)::bigint as compared
from partial_counts
group by all
order by direction, draw nulls first, candidates, pair
"""

BEST = """
select direction, query, item, score
from partial_hits
qualify row_number() over (partition by direction, query order by score desc, item) <= ?
order by direction, query, score desc, item
"""

SUMS = ("pair", "above", "tied", "relevants_above", "relevants_tied", "compared")


def collect(work: Work, shards: int | None = None) -> tuple[list[Row], list[list[pa.Table]]]:
    """The finished tasks that cover a representation, and their counts and hits.

    `shards`: how many it was cut into; None to use what exists. Raises CmrError that names the
    missing or damaged shards, and how to count them.
    """
    warehouse = Store.open(work.root)
    rows = finished(warehouse, work.key)
    cuts = [shards] if shards else sorted({many for many, _ in rows})
    if not cuts:
        raise none_counted(work.title)
    for many in cuts:
        if all((many, at) in rows for at in range(many)):
            mine = [rows[many, at] for at in range(many)]
            tables = warehouse.storage.each(lambda row: read_partial(warehouse, row), mine)
            bad = [row for row, table in zip(mine, tables, strict=True) if table is None]
            if bad:
                raise CmrError(_missing(work, [row["shard"] for row in bad], many, "damaged"))
            return mine, [table for table in tables if table is not None]
    many = max(cuts, key=lambda one: (sum(key[0] == one for key in rows) / one, -one))
    lacking = [at for at in range(many) if (many, at) not in rows]
    raise CmrError(_missing(work, lacking, many, "missing"))


def none_counted(title: str) -> CmrError:
    """The error for a representation without any counted shard."""
    return CmrError(
        f"no shard of {title} with these settings has been counted; "
        "cmr evaluate --shard 0/2 … makes the first of two"
    )


def _missing(work: Work, shards: Sequence[int], of: int, what: str) -> str:
    first = ", ".join(map(str, shards[:5])) + (", …" if len(shards) > 5 else "")
    subject = f"shard {first}" if len(shards) == 1 else f"shards {first}"
    verb = "is" if len(shards) == 1 else "are"
    return (
        f"{subject} of {of} of {work.title} {verb} {what}; the same settings with "
        f"--shard {shards[0]}/{of} count it"
    )


def merge(
    work: Work, tables: Sequence[Sequence[pa.Table]], values: Mapping[str, Values]
) -> dict[str, Counted]:
    """Add up partial counts; `tables`: those of each task, as `collect` returns them.

    Raises CmrError if a pair was not compared with every item exactly once.
    """
    with duckdb.connect(":memory:") as con:
        con.register("partial_counts", pa.concat_tables([of_task[0] for of_task in tables]))
        summed = con.sql(SUM).to_arrow_table()
    found = {}
    for name, judged in work.judged.items():
        mine = summed.filter(pc.equal(summed["direction"], name))
        columns = {one: mine[one].to_numpy() for one in SUMS}
        found[name] = _counted(judged, columns, work, values[name], name)
    return found


def merge_hits(work: Work, tables: Sequence[Sequence[pa.Table]]) -> dict[str, Hits]:
    """The best hits over all tasks' lists, by direction: `top_hits` of the whole."""
    if not work.hits:
        return {}
    with duckdb.connect(":memory:") as con:
        con.register("partial_hits", pa.concat_tables([of_task[1] for of_task in tables]))
        best = con.sql(BEST, params=[work.hits]).to_arrow_table()
    found = {}
    for name, judged in work.judged.items():
        mine = best.filter(pc.equal(best["direction"], name))
        shape = (-1, min(work.hits, judged.gallery))
        found[name] = tuple(mine[one].to_numpy().reshape(shape) for one in ("item", "score"))
    return found


def _counted(
    judged: Judged, columns: dict[str, Any], work: Work, values: Values, direction: str
) -> Counted:
    pairs = len(judged.query)
    pools = work.draws * len(work.sizes) if work.sizes else 0
    whole = (
        len(columns["pair"]) == pairs * (1 + pools)
        and np.array_equal(columns["pair"], np.tile(np.arange(pairs), 1 + pools))
        and bool((columns["compared"] == judged.gallery).all())
        and bool((columns["relevants_tied"] >= 0).all())
    )
    if not whole:
        raise CmrError(
            f"the partial counts of {work.title} {direction} do not cover every pair and item "
            "once; remove partial_counts/ and tasks/ from the warehouse and count them again"
        )
    shape = (work.draws if pools else 0, len(work.sizes), pairs)
    drawn = {
        name: columns[name][pairs:].astype(np.int32).reshape(shape) for name in ("above", "tied")
    }
    return Counted(
        judged,
        values.astype(np.float32)[judged.order],
        columns["above"][:pairs],
        columns["tied"][:pairs],
        columns["relevants_above"][:pairs],
        columns["relevants_tied"][:pairs],
        drawn["above"],
        drawn["tied"],
    )


def blocks_to_do(
    work: Work, shards: int, only: Sequence[int] | None = None
) -> tuple[list[Row], list[TaskPart]]:
    """Rows of the tasks that are done and intact, and the blocks that are not; `only` some shards.

    A task with a damaged file counts as not done.
    """
    warehouse = Store.open(work.root)
    blocks = [
        block
        for block in cut(work.text["rows"], work.visual["rows"], shards)
        if only is None or block.shard in only
    ]
    rows = finished(warehouse, work.key)
    mine = [rows[shards, block.shard] for block in blocks if (shards, block.shard) in rows]
    tables = warehouse.storage.each(lambda row: read_partial(warehouse, row), mine)
    done = [row for row, table in zip(mine, tables, strict=True) if table is not None]
    there = {row["shard"] for row in done}
    return done, [block for block in blocks if block.shard not in there]
