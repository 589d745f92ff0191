"""The local engine: two passes over the tiles of texts x visuals.

The first pass scores the relevant pairs; the second scores every tile
once and counts for both directions. Both sides are read in blocks, so memory is set by the
plan and not by the gallery, and the matrix of all scores never exists.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cmr.progressbar import Advance, no_advance
from cmr.score.blocks import Block, Side, Vectors
from cmr.score.cpu.row_counts import count_relevants
from cmr.score.cpu.tiles import count_blocks
from cmr.score.device.torch_tiles import count_blocks_on_device
from cmr.score.judgments import Judged
from cmr.score.pair_scores import Values, relevant_values
from cmr.score.plan import Plan
from cmr.score.pools import Pools
from cmr.score.tally import Counted, Counts, Tally

Counting = Callable[[Block, Block, dict[str, Tally], Pools | None, Plan, Advance], None]


def score(
    texts: Vectors,
    visuals: Vectors,
    directions: dict[str, Judged],
    pools: Pools | None,
    plan: Plan,
    progress: Advance = no_advance,
) -> dict[str, Counted]:
    """Count every relevant pair's competitors, in one or both directions.

    `directions` maps `t2v` and/or `v2t` to its pairs, which need not be the same. `progress` is
    told how many query-item scores were just counted.
    """
    rows = Side(texts, plan.text_rows, plan)
    columns = Side(visuals, plan.visual_rows, plan)
    values = relevant_values(rows, columns, directions, plan)
    tallies = _count(rows, columns, directions, values, pools, plan, progress)
    return {
        name: tally.result(values[name].astype(np.float32)[tally.judged.order])
        for name, tally in tallies.items()
    }


def pair_values(
    texts: Vectors, visuals: Vectors, directions: dict[str, Judged], plan: Plan
) -> dict[str, Values]:
    """The compared value of every pair by direction, in the order the pairs came in.

    Of a shard of the visuals: 0 for pairs outside it, so that the shards' results add up.
    """
    rows = Side(texts, plan.text_rows, plan)
    return relevant_values(rows, Side(visuals, plan.visual_rows, plan), directions, plan)


def partial_counts(
    texts: Vectors,
    visuals: Vectors,
    directions: dict[str, Judged],
    values: dict[str, Values],
    pools: Pools | None,
    plan: Plan,
    progress: Advance = no_advance,
) -> dict[str, Tally]:
    """Counts of a shard of the visuals (or texts): `Tally.add` makes the whole of them.

    `values`: `pair_values` of the whole, by direction the sum over its shards. A shard is
    `Vectors` whose blocks keep their ordinals in the whole.
    """
    rows = Side(texts, plan.text_rows, plan)
    columns = Side(visuals, plan.visual_rows, plan)
    return _count(rows, columns, directions, values, pools, plan, progress)


def _count(
    rows: Side,
    columns: Side,
    directions: dict[str, Judged],
    values: dict[str, Values],
    pools: Pools | None,
    plan: Plan,
    progress: Advance,
) -> dict[str, Tally]:
    count = _counting(plan)
    draws, sizes = (pools.draws, len(pools.sizes)) if pools else (0, 0)
    tallies = {
        name: Tally(judged, plan.kernel, values[name][judged.order], draws, sizes)
        for name, judged in directions.items()
    }
    with plan.kernel.active():
        for text_block in rows:
            for visual_block in columns:
                count(text_block, visual_block, tallies, pools, plan, progress)
                for name, tally in tallies.items():
                    blocks = (text_block, visual_block)
                    _count_relevants(tally, *(blocks if name == "t2v" else blocks[::-1]))
    return tallies


def _counting(plan: Plan) -> Counting:
    if plan.kernel.screened and plan.counting != "numba":
        # Triton is only where CUDA is.
        from cmr.score.device.screened_pieces import count_blocks_screened

        return count_blocks_screened
    if plan.counting == "triton":
        from cmr.score.device.triton_tiles import count_blocks_fused

        return count_blocks_fused
    return count_blocks if plan.counting == "numba" else count_blocks_on_device


def _count_relevants(tally: Tally, queries: Block, items: Block) -> None:
    judged = tally.judged
    count_relevants(
        tally.exact,
        tally.bounds,
        judged.start,
        judged.item,
        (queries.first, queries.last),
        (items.first, items.last),
        Counts(tally.relevant_more, tally.relevant_tied),
    )
