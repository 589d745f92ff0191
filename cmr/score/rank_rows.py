"""Counts as rows of `ranks`, `sampled_ranks` and `hits`, and of their like for held-out queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cmr.score.alike import Alike, Column, find_alike
from cmr.score.judgments import Judged, clusters
from cmr.score.tally import UNKNOWN, Counted
from cmr.warehouse.schemas import ALIKE, CASE_NO, CASE_PAIRS, FOLD, HITS, RANKS, SAMPLED_RANKS

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


def _ideal_gains(judged: Judged, names: Names) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """(pairs,) each query's judgments, highest first, NULL where none is above 1; their numbers."""
    graded = np.zeros(judged.queries, dtype=bool)
    graded[judged.query[names.relevance > 1]] = True
    distinct: dict[tuple[int, ...], int] = {}
    number = np.full(judged.queries, -1, dtype=np.int64)
    for query in np.flatnonzero(graded):
        gains = np.sort(names.relevance[judged.start[query] : judged.start[query + 1]])[::-1]
        number[query] = distinct.setdefault(tuple(gains.tolist()), len(distinct))
    number = number[judged.query]
    lists = pa.array([list(gains) for gains in distinct], pa.list_(pa.int32()))
    return lists.take(pa.array(number, mask=number < 0)), number


def _facts(counted: Counted, names: Names) -> tuple[dict[str, Any], tuple[Column, ...]]:
    """Columns that tables of ranks share, and what a pair's case is made of beside its counts."""
    judged = counted.judged
    gains, number = _ideal_gains(judged, names)
    relevants = judged.relevants[judged.query]
    columns = {
        "relevance": names.relevance,
        "relevants_above": counted.relevants_above,
        "relevants_tied": _known(counted.relevants_tied),
        "relevants": relevants,
        "cluster": _clusters(judged, names),
        "ideal_gains": gains,
    }
    like = (names.relevance, counted.relevants_above, counted.relevants_tied, relevants, number)
    return columns, like


def _grouped(table: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, table.num_rows, GROUP):
        yield table.slice(start, GROUP)


def rank_tables(counted: Counted, names: Names, with_lists: bool = False) -> Iterator[pa.Table]:
    """Rows of `ranks`, by query, then by relevant item.

    `with_lists`: the queries have lists, which tell clusters with the same ranks apart.
    """
    judged, (facts, like) = counted.judged, _facts(counted, names)
    same = find_alike(facts["cluster"], (counted.above, counted.tied, *like))
    if with_lists:
        same = replace(same, clusters=np.ones(len(judged.query), dtype=np.int64))
    columns = {
        "query_id": names.queries.take(pa.array(judged.query)),
        "item_id": names.items.take(pa.array(judged.item)),
        "score": pa.array(counted.scores, from_pandas=True),
        "above": _known(counted.above),
        "tied": _known(counted.tied),
        "gallery": np.full(len(judged.query), judged.gallery),
        **_columns(same),
        **facts,
    }
    yield from _grouped(pa.table(columns, schema=RANKS.schema))


def of_folds(tables: Iterable[tuple[int, Iterable[pa.Table]]]) -> Iterator[pa.Table]:
    """Rows of several folds with a column that tells the fold. `tables`: by the fold's number.

    A fold's cases are numbered after those of the fold before it.
    """
    first = 0
    for number, rows in tables:
        after = first
        for table in rows:
            fold = pa.array(np.full(len(table), number, dtype=np.int32))
            if CASE_NO in table.column_names:
                case = pc.add(table[CASE_NO], first)
                after = max(after, pc.max(case).as_py() + 1)
                table = table.set_column(table.column_names.index(CASE_NO), CASE_NO, case)
            yield table.append_column(FOLD, fold)
        first = after


def sampled_tables(counted: Counted, names: Names, sizes: list[int]) -> Iterator[pa.Table]:
    """Rows of `sampled_ranks`, by draw, then C, then query. `sizes`: the C, ascending."""
    judged, draws = counted.judged, len(counted.sampled_above)
    pairs = len(judged.query)
    query = names.queries.take(pa.array(judged.query))
    item = names.items.take(pa.array(judged.item))
    facts, like = _facts(counted, names)
    same = [
        find_alike(
            np.tile(facts["cluster"], draws),
            (
                counted.sampled_above[:, place].ravel(),
                counted.sampled_tied[:, place].ravel(),
                *(np.tile(one, draws) for one in like),
            ),
        )
        for place in range(len(sizes))
    ]
    for draw in range(draws):
        for place, size in enumerate(sizes):
            columns = {
                "query_id": query,
                "item_id": item,
                "candidates": np.full(pairs, size),
                "draw": np.full(pairs, draw, dtype=np.int32),
                "above": _known(counted.sampled_above[draw, place]),
                "tied": _known(counted.sampled_tied[draw, place]),
                **_columns(same[place][draw * pairs : (draw + 1) * pairs]),
                **facts,
            }
            yield from _grouped(pa.table(columns, schema=SAMPLED_RANKS.schema))


def _columns(same: Alike) -> dict[str, Any]:
    return {CASE_NO: same.case_no, CASE_PAIRS: same.case_pairs, ALIKE: same.clusters}


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
