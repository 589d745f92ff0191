"""Counts as rows of `ranks`, `sampled_ranks` and `hits`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cmr.score.tally import UNKNOWN, Counted
from cmr.warehouse.schemas import HITS, RANKS, SAMPLED_RANKS

# Rows of a Parquet row group of per-query tables.
GROUP = 500_000


@dataclass(frozen=True)
class Names:
    """What the ordinals of one direction stand for.

    `queries`, `items`: ids by ordinal. `relevance`: (pairs,) judgments, in the order of the
    direction's pairs.
    """

    queries: pa.Array
    items: pa.Array
    relevance: npt.NDArray[np.int32]


def _known(counts: npt.NDArray[np.integer]) -> pa.Array:
    """Counts with NULL for those that are not known."""
    return pa.array(counts, mask=counts == UNKNOWN)


def _grouped(table: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, table.num_rows, GROUP):
        yield table.slice(start, GROUP)


def rank_tables(counted: Counted, names: Names) -> Iterator[pa.Table]:
    """Rows of `ranks`, by query, then by relevant item."""
    judged = counted.judged
    columns = {
        "query_id": names.queries.take(pa.array(judged.query)),
        "item_id": names.items.take(pa.array(judged.item)),
        "relevance": names.relevance,
        "score": pa.array(counted.scores, from_pandas=True),
        "above": _known(counted.above),
        "tied": _known(counted.tied),
        "relevants_above": counted.relevants_above,
        "relevants_tied": _known(counted.relevants_tied),
        "relevants": judged.relevants[judged.query],
        "gallery": np.full(len(judged.query), judged.gallery),
    }
    yield from _grouped(pa.table(columns, schema=RANKS.schema))


def sampled_tables(counted: Counted, names: Names, sizes: list[int]) -> Iterator[pa.Table]:
    """Rows of `sampled_ranks`, by draw, then C, then query. `sizes`: the C, ascending."""
    judged = counted.judged
    pairs = len(judged.query)
    query = names.queries.take(pa.array(judged.query))
    item = names.items.take(pa.array(judged.item))
    for draw in range(len(counted.sampled_above)):
        for place, size in enumerate(sizes):
            columns = {
                "query_id": query,
                "item_id": item,
                "candidates": np.full(pairs, size),
                "draw": np.full(pairs, draw, dtype=np.int32),
                "relevance": names.relevance,
                "above": _known(counted.sampled_above[draw, place]),
                "tied": _known(counted.sampled_tied[draw, place]),
                "relevants_above": counted.relevants_above,
                "relevants_tied": _known(counted.relevants_tied),
                "relevants": judged.relevants[judged.query],
            }
            table = pa.table(columns).cast(SAMPLED_RANKS.schema)
            yield from _grouped(table)


def hit_tables(
    counted: Counted,
    names: Names,
    items: npt.NDArray[np.int64],
    scores: npt.NDArray[np.floating],
    exact_above: npt.NDArray[np.int64] | None = None,
) -> Iterator[pa.Table]:
    """Rows of `hits`: (queries, n) items and scores, best first, for judged queries alone.

    Places with an item below 0 are left out. `exact_above`: see `ann.Lists`.
    """
    judged = counted.judged
    queries = np.flatnonzero(judged.relevants > 0)
    depth = items.shape[1]
    chosen = items[queries].reshape(-1)
    there = chosen >= 0
    query, chosen = queries.repeat(depth)[there], chosen[there]
    key = judged.query * judged.gallery + judged.item
    found = query * judged.gallery + chosen
    place = np.searchsorted(key, found).clip(max=len(key) - 1)
    relevance = np.where(key[place] == found, names.relevance[place], 0).astype(np.int32)
    position = np.tile(np.arange(1, depth + 1, dtype=np.int32), len(queries))
    unsaid = np.full(items.shape, UNKNOWN) if exact_above is None else exact_above
    columns = {
        "query_id": names.queries.take(pa.array(query)),
        "position": position[there],
        "item_id": names.items.take(pa.array(chosen)),
        "score": scores[queries].reshape(-1)[there].astype(np.float32),
        "relevance": relevance,
        "exact_above": _known(unsaid[queries].reshape(-1)[there]),
    }
    yield from _grouped(pa.table(columns, schema=HITS.schema))
