"""Counts as rows of `ranks`, `sampled_ranks` and `hits`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cmr.score.tally import Counted
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
        "score": counted.scores,
        "above": counted.above,
        "tied": counted.tied,
        "relevants_above": counted.relevants_above,
        "relevants_tied": counted.relevants_tied,
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
                "above": counted.sampled_above[draw, place],
                "tied": counted.sampled_tied[draw, place],
                "relevants_above": counted.relevants_above,
                "relevants_tied": counted.relevants_tied,
                "relevants": judged.relevants[judged.query],
            }
            table = pa.table({name: pa.array(values) for name, values in columns.items()}).cast(
                SAMPLED_RANKS.schema
            )
            yield from _grouped(table)


def hit_tables(
    counted: Counted,
    names: Names,
    items: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float32],
) -> Iterator[pa.Table]:
    """Rows of `hits`: (queries, n) items and scores, best first, for judged queries alone."""
    judged = counted.judged
    queries = np.flatnonzero(judged.relevants > 0)
    depth = items.shape[1]
    key = judged.query * judged.gallery + judged.item
    found = queries.repeat(depth) * judged.gallery + items[queries].reshape(-1)
    place = np.searchsorted(key, found).clip(max=len(key) - 1)
    relevance = np.where(key[place] == found, names.relevance[place], 0).astype(np.int32)
    columns = {
        "query_id": names.queries.take(pa.array(queries.repeat(depth))),
        "position": np.tile(np.arange(1, depth + 1, dtype=np.int32), len(queries)),
        "item_id": names.items.take(pa.array(items[queries].reshape(-1))),
        "score": scores[queries].reshape(-1),
        "relevance": relevance,
    }
    yield from _grouped(pa.table(columns, schema=HITS.schema))
