"""Scoring one representation by one way of searching: the counts, and what they cost."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cmr.errors import CmrError
from cmr.pipeline.case import Case, Scored
from cmr.pipeline.search import Search
from cmr.precision import FP32
from cmr.progressbar import Advance, ProgressBar
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors

if TYPE_CHECKING:
    from cmr.represent.precisions import Encoded
    from cmr.score.blocks import Vectors
    from cmr.score.judgments import Judged
    from cmr.score.plan import Plan
    from cmr.score.pools import Pools
    from cmr.score.search.indexes import Searcher
    from cmr.score.search.stages import Stages
    from cmr.score.top_lists import Hits

# Approximate bytes of a graph's edge, and of a node's key and bookkeeping.
EDGE_BYTES, NODE_BYTES = 5, 32


@dataclass
class Scorer:
    """Scores cases; an index is kept for the next case, which may search it with other settings.

    `plan`: makes the plan for a precision and dimension. `bar`: shows an index being built.
    `at_once`: whether a case needs no plan, see `cmr.score.at_once`. `few`: whether to use only a
    few vectors of each side.
    """

    warehouse: Store
    plan: Callable[[str, int], Plan]
    bar: ProgressBar
    at_once: Callable[[Case], bool] = lambda _: False
    few: bool = False
    _index: tuple[tuple[Any, ...], Searcher, float] | None = field(default=None, init=False)

    def warm(self, case: Case, judged: dict[str, Judged], pools: Pools | None) -> None:
        """Do, before timing starts, what scoring such a case does only once.

        See `cmr.score.warm_up`.
        """
        if self.at_once(case):
            _draw(judged, pools)
            return
        from cmr.score.warm_up import few_judged, few_pools, few_rows, has_many, warmed

        made, search = case.made, case.search
        if search.kind.own_order:
            # An engine may not learn from so few.
            return
        kernel = self.plan(made.wanted.multiplied, made.wanted.dim).kernel
        kind = (
            search.scorer, search.length is None, search.rescore, search.asymmetric, kernel.name,
            kernel.precision, kernel.split > 0, kernel.device, kernel.screened,
            kernel.device == "cpu" or made.wanted.dim, pools is None,
            *((name, type(one), has_many(one)) for name, one in judged.items()),
        )  # fmt: skip
        few = few_judged(judged, few_rows(made.text["rows"]), few_rows(made.visual["rows"]))
        drawn = None if pools is None else few_pools(few)
        # Where screening does not pay, tiles are counted without it.
        plans = [self.plan, lambda *wanted: self.plan(*wanted).unscreened]

        def score() -> None:
            for plan in plans[: 1 + kernel.screened]:
                small = Scorer(
                    self.warehouse, plan, lambda *_: nullcontext(lambda _: None), few=True
                )
                small.score(case, few, drawn, lambda _: None)

        warmed(kind, score)

    def score(
        self, case: Case, judged: dict[str, Judged], pools: Pools | None, advance: Advance
    ) -> dict[str, Scored]:
        """Score a case in the directions of `judged`."""
        if self.at_once(case):
            return self._count_at_once(case, judged, pools, advance)
        if case.search.length is not None:
            return {name: self._list(case, name, judged[name], pools, advance) for name in judged}
        # One pass serves both directions, or each direction needs its own.
        one_pass = case.search.kind.by_plan
        passes = [judged] if one_pass else [{name: one} for name, one in judged.items()]
        found: dict[str, Scored] = {}
        for together in passes:
            found |= self._count(case, together, pools, advance)
        return found

    def top(self, case: Case, direction: str, depth: int, asking: int) -> Hits:
        """Each query's best `depth` items, (asking, depth) ordinals and scores.

        `asking`: how many of the direction's items ask (`Judged.asking`).
        """
        from cmr.score.top_lists import top_hits

        texts, visuals, plan = self._sides(case, (direction, asking))
        queries, items = (texts, visuals) if direction == "t2v" else (visuals, texts)
        return top_hits(queries, items, depth, plan)

    def _count_at_once(
        self, case: Case, judged: dict[str, Judged], pools: Pools | None, advance: Advance
    ) -> dict[str, Scored]:
        from cmr.score.at_once import COUNTING, DESCRIBED, count_at_once

        clock = time.perf_counter()
        counted = count_at_once(*self._vectors(case), judged, pools, advance)
        took = time.perf_counter() - clock
        columns = {"device": "cpu", "plan": DESCRIBED}
        return {name: Scored(counted[name], {COUNTING: took}, columns) for name in judged}

    def _count(
        self, case: Case, judged: dict[str, Judged], pools: Pools | None, advance: Advance
    ) -> dict[str, Scored]:
        """Count every rank, in one pass."""
        from cmr.score.grouped_counts import score_grouped
        from cmr.score.groups import GroupedJudged

        count = case.search.kind.count
        assert count is not None
        clock = time.perf_counter()
        texts, visuals, plan = self._sides(case)
        counted = {
            name: score_grouped(texts, visuals, one, pools, plan, advance)
            for name, one in judged.items()
            if isinstance(one, GroupedJudged)
        } or count(texts, visuals, judged, pools, plan, advance)
        took = time.perf_counter() - clock
        columns = _columns(case, plan)
        return {name: Scored(counted[name], {"score": took}, columns) for name in judged}

    def _list(
        self, case: Case, name: str, judged: Judged, pools: Pools | None, advance: Advance
    ) -> Scored:
        """Score one direction by a search that returns lists."""
        from cmr.score.search.returned_lists import counts
        from cmr.score.search.stages import (
            Stages,
            found_lists,
            lists_as_returned,
            rescored_lists,
        )

        ask = (name, judged.asking)
        texts, visuals, plan = self._sides(case, ask)
        queries, items = (texts, visuals) if name == "t2v" else (visuals, texts)
        stages = Stages()
        columns = _columns(case, plan)
        search, gallery = case.search, items.rows
        assert search.length is not None
        # A list cannot be longer than the gallery.
        length = min(search.length, gallery)

        def told(answered: int) -> None:
            advance(answered * gallery)

        if case.fine is None:
            index = self._build(case, name, items, plan, stages)
            own = lists_as_returned if search.kind.own_order else found_lists
            lists_of = search.kind.lists or own
            lists = lists_of(index, queries, items, length, plan, stages, told)
            columns["index_bytes"] = index.index_bytes
        else:
            shortlist = self._shortlist(case, name, queries, items, plan, stages, columns, told)
            fine = self._sides(Case(case.fine, Search(), part=case.fine_part), ask)
            finer = fine[:2] if name == "t2v" else fine[1::-1]
            lists = rescored_lists(shortlist, *finer, length, fine[2], stages)
        counted = counts(name, judged, lists, pools)
        return Scored(counted, stages.seconds, columns, lists)

    def _shortlist(
        self,
        case: Case,
        name: str,
        queries: Vectors,
        items: Vectors,
        plan: Plan,
        stages: Stages,
        columns: Row,
        told: Advance,
    ) -> Any:
        from cmr.score.search.stages import searched

        depth, kind = min(case.search.depth, items.rows), case.search.kind
        if kind.top is not None:
            top = kind.top
            found = stages.timed("shortlist", lambda: top(queries, items, depth, plan))
            told(queries.rows)
            return found[0]
        index = self._build(case, name, items, plan, stages)
        if not kind.ranks_all:
            columns["index_bytes"] = index.index_bytes
        return stages.timed("shortlist", lambda: searched(index, queries, depth, told))[0]

    def _build(self, case: Case, name: str, items: Vectors, plan: Plan, stages: Stages) -> Searcher:
        """The index of a gallery: the previous one if only the search settings differ."""
        from cmr.score.search.graph_settings import USUAL, Hnsw
        from cmr.score.search.indexes import Building, Tunable
        from cmr.score.search.usearch_index import UsearchHnsw

        search = case.search
        m, add, find = search.connectivity, search.expansion_add, search.expansion_search
        part = None if case.part is None else case.part.name
        built = search.kind.built_with(search.options)
        key = case.made.side(name, True)["set_id"], part, search.scorer, m, add, built
        if self._index is None or self._index[0] != key:
            self._index = None
            held = _whole(items, m or 0, plan)
            hnsw = USUAL if m is None or add is None else Hnsw(m, add, find or 0)
            with self.bar("graph" if m else "index", len(held), "vectors") as advance:
                clock = time.perf_counter()
                teachers = case.teachers(name)
                how = Building(
                    hnsw, advance=advance, options=dict(search.options),
                    teachers=None if teachers is None else teachers(),
                )  # fmt: skip
                index = search.kind.build(held, how)
                self._index = key, index, time.perf_counter() - clock
        _, index, took = self._index
        if isinstance(index, UsearchHnsw) and find is not None:
            index.tune(find)
        if isinstance(index, Tunable):
            index.search_with(dict(search.options))
        # An exact search takes the vectors as they are.
        if not search.kind.ranks_all:
            stages.seconds["build"] = took
        return index

    def _sides(
        self, case: Case, ask: tuple[str, int] | None = None
    ) -> tuple[Vectors, Vectors, Plan]:
        """Both sides in the form that is multiplied, and the plan for it.

        `ask`: a direction, and how many of its items ask; None where one pass serves both.
        """
        from cmr.score.asymmetric import largest_product, plan_for

        made = case.made
        plan = self.plan(FP32 if made.query_precision else made.wanted.multiplied, made.wanted.dim)
        sides = self._vectors(case, ask)
        return *sides, plan_for(plan, largest_product(*sides))

    def _vectors(self, case: Case, ask: tuple[str, int] | None = None) -> tuple[Vectors, Vectors]:
        """Both sides in the form that is multiplied; `ask` as `_sides` has it."""
        from cmr.score.asymmetric import as_compared, uncoded

        made = case.made
        sides: list[Vectors]
        asking = {} if ask is None else {made.side(ask[0], False)["set_id"]: ask[1]}
        rows = (made.text, made.visual)
        stored = [self._stored(row, asking.get(row["set_id"])) for row in rows]
        if case.part is not None:
            sides = [case.part.sides[side] for side in (TEXT, VISUAL)]
        elif made.query_precision is None:
            sides = [as_compared(side, side.row) for side in stored]
        else:
            coded = made.side(made.directions[0], True)
            sides = [
                as_compared(side, coded, decoded=True)
                if side.row["set_id"] == coded["set_id"]
                else uncoded(side, coded, self._stored(side.row))
                for side in stored
            ]
        return sides[0], sides[1]

    def _stored(self, row: Row, first: int | None = None) -> StoredVectors:
        """A set's vectors, or the `first` of them."""
        most = first
        if self.few:
            from cmr.score.warm_up import few_rows

            most = few_rows(row["rows"])
        part = None if most is None else (0, min(most, row["rows"]))
        return StoredVectors(self.warehouse, row, part)


def _draw(judged: dict[str, Judged], pools: Pools | None) -> None:
    """Draw the pools, which are kept; what draws them may have to be compiled."""
    if pools is not None:
        from cmr.score.warm_up import compiling

        with compiling():
            for name, one in judged.items():
                pools.get(name, one, 0, one.asking)


def _whole(items: Vectors, connectivity: int, plan: Plan) -> Encoded:
    """All vectors of a gallery. Raises CmrError if its index does not fit into memory."""
    from cmr.score.search.usearch_vectors import operand

    blocks = items.blocks(max(1, items.rows))
    first: tuple[int, Encoded] | None = next(blocks, None)
    assert first is not None
    held = first[1]
    graph = 2 * connectivity * EDGE_BYTES + NODE_BYTES if connectivity else 0
    need = len(held) * (operand(held.rows(slice(0, 1))).vector_bytes + graph)
    if need > plan.memory:
        raise CmrError(
            f"an index of {len(held):,} vectors takes about {need / 2**20:,.0f} MiB, but --memory "
            f"allows {plan.memory / 2**20:,.0f}"
        )
    return held


def _columns(case: Case, plan: Plan) -> Row:
    """What is recorded about the kernel and device that computed it."""
    search, kind, wanted = case.search, case.search.kind, case.made.wanted
    if kind.by_plan:
        return {"device": plan.device, "plan": plan.describe()}
    words = [search.scorer if kind.kernel is None else kind.kernel(wanted.multiplied)]
    if kind.speed is not None:
        words.append(kind.speed(wanted.multiplied, wanted.dim))
    described = {"kernel": " ".join(words), "threads": os.cpu_count(), "memory": plan.memory}
    return {"device": "cpu", "plan": json.dumps(described)}
