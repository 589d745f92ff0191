"""Searches that return lists: a graph alone, or a shortlist that finer vectors rank again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cmr.errors import CmrError
from cmr.precision import TIE_TOLERANCE
from cmr.progressbar import Advance
from cmr.represent.precisions import Encoded
from cmr.score.blocks import Vectors
from cmr.score.exhaustive import pair_values
from cmr.score.judgments import Indices, judge
from cmr.score.plan import Plan
from cmr.score.search.indexes import Ordinals, Scores, Searcher
from cmr.score.search.returned_lists import Lists, Values, exact_above
from cmr.score.search.usearch_index import UsearchHnsw
from cmr.score.top_lists import Hits, top_hits

# Queries that are searched in one go.
BATCH = 4096


@dataclass
class Stages:
    """Seconds of each stage, in the order in which they were done."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, name: str, work: Callable[[], Hits]) -> Hits:
        """Do it, and add its time to the stage of that name."""
        clock = time.perf_counter()
        found = work()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - clock
        return found


def searched(
    searcher: Searcher, queries: Vectors, depth: int, progress: Advance = lambda queries: None
) -> Hits:
    """Each query's top `depth` by a searcher, (queries, depth) ordinals and similarities.

    `progress` is told how many queries were just answered.
    """
    items = np.full((queries.rows, depth), -1, dtype=np.int64)
    scores = np.full((queries.rows, depth), -np.inf)
    for first, block in queries.blocks(BATCH):
        found = searcher.search(block, depth)
        items[first : first + len(block)], scores[first : first + len(block)] = found
        progress(len(block))
    return items, scores


def graph_lists(
    index: UsearchHnsw,
    queries: Vectors,
    length: int,
    stages: Stages,
    progress: Advance = lambda queries: None,
) -> Lists:
    """What a graph returns, held against a search of every vector of the same index."""
    items, scores = stages.timed("search", lambda: searched(index, queries, length, progress))
    exact = stages.timed("agreement", lambda: searched(_Every(index), queries, length))[1]
    # Sums of whole numbers tie where they are equal.
    tolerance = 0.0 if index.of_integers else TIE_TOLERANCE
    return Lists(items, scores, exact_above(scores, exact, tolerance), tolerance)


class _Every:
    """The index of a graph, searched vector by vector."""

    def __init__(self, index: UsearchHnsw) -> None:
        self._index = index
        self.index_bytes = index.index_bytes

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        return self._index.search(queries, count, threads, exact=True)


def found_lists(
    index: Searcher,
    queries: Vectors,
    items: Vectors,
    length: int,
    plan: Plan,
    stages: Stages,
    progress: Advance = lambda queries: None,
) -> Lists:
    """What an index of any kind finds, scored and held against an exact search of its vectors.

    Similarities of its own, which may be of another kind, decide nothing but what it finds.
    """
    found = stages.timed("search", lambda: searched(index, queries, length, progress))
    _check_found(found[0], items.rows)
    return rescored_lists(found[0], queries, items, length, plan, stages)


def lists_as_returned(
    index: Searcher,
    queries: Vectors,
    items: Vectors,
    length: int,
    plan: Plan,
    stages: Stages,
    progress: Advance = lambda queries: None,
) -> Lists:
    """What an engine returns, in its order, held against an exact search of the stored vectors.

    Its own similarities say what ties; where they rise along a list, neighbours tie. How many
    items are truly above one of the list, which is what `ann_recall` is made of, is told by the
    stored vectors.
    """
    found, said = stages.timed("search", lambda: searched(index, queries, length, progress))
    _check_found(found, items.rows)
    scores = np.minimum.accumulate(said, axis=1)
    exact = stages.timed("agreement", lambda: top_hits(queries, items, length, plan))[1]
    true = _scores(found, queries, items, plan)
    return Lists(found, scores, exact_above(true, exact, _slack(exact, plan)), 0.0)


def rescored_lists(
    shortlist: Indices, queries: Vectors, items: Vectors, length: int, plan: Plan, stages: Stages
) -> Lists:
    """The best `length` of each query's shortlist by finer vectors, whose plan is `plan`.

    They are held against the exact search of all the finer vectors.
    """
    found, scores = stages.timed(
        "rescore", lambda: _best(shortlist, _scores(shortlist, queries, items, plan), length)
    )
    exact = stages.timed("agreement", lambda: top_hits(queries, items, length, plan))[1]
    tolerance = float(plan.kernel.bounds(np.zeros(1))[0][0])
    return Lists(found, scores, exact_above(scores, exact, _slack(exact, plan)), tolerance)


def _slack(exact: Values, plan: Plan) -> float:
    """Within what scores of tiles are the same: float32's err by some 1e-7, codes' by as much of
    their size.
    """
    tolerance = float(plan.kernel.bounds(np.zeros(1))[0][0])
    return max(tolerance, 1e-6 * float(np.abs(exact[np.isfinite(exact)]).max(initial=0.0)))


def _check_found(found: Indices, rows: int) -> None:
    """Raises CmrError for lists that are none of a gallery of `rows` items."""
    order = np.sort(found, axis=1)
    twice = (order[:, 1:] == order[:, :-1]) & (order[:, 1:] >= 0)
    if found.min(initial=0) < -1 or found.max(initial=0) >= rows or twice.any():
        raise CmrError("the scorer's lists hold an item twice, or one that is not in the gallery")


def _scores(shortlist: Indices, queries: Vectors, items: Vectors, plan: Plan) -> Values:
    """Similarities of each query and its shortlist, exact; -inf where it is shorter."""
    there = shortlist >= 0
    query = np.nonzero(there)[0]
    pairs = judge(query, shortlist[there], queries.rows, items.rows)
    found = np.full(shortlist.shape, -np.inf)
    found[there] = pair_values(queries, items, {"t2v": pairs}, plan)["t2v"]
    return found


def _best(items: Indices, scores: Values, length: int) -> Hits:
    order = np.lexsort((items, -scores), axis=1)[:, :length]
    return np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)
