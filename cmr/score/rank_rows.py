"""Counts as rows of `ranks`, `sampled_ranks` and `hits`, and of their like for held-out queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cmr.score.judgments import Judged, clusters
from cmr.score.tally import UNKNOWN, Counted
from cmr.warehouse.schemas import FOLD, HITS, RANKS, SAMPLED_RANKS

# Rows of a Parquet row group of per-query tables.
GROUP = 500_000


@dataclass(frozen=True)
class Names:
    """What the ordinals of one direction stand for.

    `direction`: t2v or v2t. `queries`, `items`: ids by ordinal. `relevance`: (pairs,) judgments, in
    the order of the direction's pairs. `ordinals`: of the queries, where they are some of them.
    """

    direction: str
    queries: pa.Array
    items: pa.Array
    relevance: npt.NDArray[np.int32]
    ordinals: npt.NDArray[np.int64] | None = None

    def part(self, judged: Judged, queries: npt.NDArray[np.int64]) -> Names:
        """The names of some queries alone, by ordinal, numbered anew; `judged`: of all."""
        return replace(
            self,
            queries=self.queries.take(pa.array(queries)),
            relevance=self.relevance[np.isin(judged.query, queries)],
            ordinals=queries,
        )


def _known(counts: npt.NDArray[np.integer]) -> pa.Array:
    """Counts with NULL for those that are not known."""
    return pa.array(counts, mask=counts == UNKNOWN)


def _clusters(judged: Judged, names: Names) -> npt.NDArray[np.int64]:
    """(pairs,) the visual that each query's errors are clustered by."""
    if names.direction == "v2t":
        return judged.query if names.ordinals is None else names.ordinals[judged.query]
    return clusters(judged, names.direction, places(names.items))


def places(ids: pa.Array) -> npt.NDArray[np.int64]:
    """(items,) where each id stands among all of them in order."""
    order = pc.array_sort_indices(ids).to_numpy()
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place


def _ideal_gains(judged: Judged, names: Names) -> pa.Array:
    """(pairs,) each query's judgments, highest first; NULL where none is above 1."""
    graded = np.zeros(judged.queries, dtype=bool)
    graded[judged.query[names.relevance > 1]] = True
    gains = [
        np.sort(names.relevance[judged.start[query] : judged.start[query + 1]])[::-1].tolist()
        for query in np.flatnonzero(graded)
    ]
    number = np.cumsum(graded) - 1
    return pa.array(gains, pa.list_(pa.int32())).take(
        pa.array(number[judged.query], mask=~graded[judged.query])
    )


def _facts(judged: Judged, names: Names) -> dict[str, Any]:
    """The columns that tell of a pair what every run on it shares."""
    return {"cluster": _clusters(judged, names), "ideal_gains": _ideal_gains(judged, names)}


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
        **_facts(judged, names),
    }
    yield from _grouped(pa.table(columns, schema=RANKS.schema))


def of_folds(tables: Iterable[tuple[int, Iterable[pa.Table]]]) -> Iterator[pa.Table]:
    """Rows of several folds with a column that tells the fold. `tables`: by the fold's number."""
    for number, rows in tables:
        for table in rows:
            fold = pa.array(np.full(len(table), number, dtype=np.int32))
            yield table.append_column(FOLD, fold)


def sampled_tables(counted: Counted, names: Names, sizes: list[int]) -> Iterator[pa.Table]:
    """Rows of `sampled_ranks`, by draw, then C, then query. `sizes`: the C, ascending."""
    judged = counted.judged
    pairs = len(judged.query)
    query = names.queries.take(pa.array(judged.query))
    item = names.items.take(pa.array(judged.item))
    facts = _facts(judged, names)
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
                **facts,
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
        "cluster": _clusters(judged, names)[judged.start[:-1][query]],
    }
    yield from _grouped(pa.table(columns, schema=HITS.schema))
