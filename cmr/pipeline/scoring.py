"""One representation scored by one way of searching: the counts, and what they cost."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cmr.errors import CmrError
from cmr.pipeline.derive import Representation
from cmr.pipeline.progressbar import Advance, ProgressBar
from cmr.pipeline.search import Search
from cmr.warehouse.store import Warehouse
from cmr.warehouse.vectors import StoredVectors

if TYPE_CHECKING:
    from cmr.represent.precisions import Encoded
    from cmr.score.blocks import Vectors
    from cmr.score.judgments import Judged
    from cmr.score.plan import Plan
    from cmr.score.pools import Pools
    from cmr.score.search.indexes import UsearchHnsw
    from cmr.score.search.returned_lists import Lists
    from cmr.score.search.stages import Stages
    from cmr.score.tally import Counted
    from cmr.score.top_lists import Hits

Row = dict[str, Any]
# Bytes of a graph's edge and of a node's key and bookkeeping, more or less.
EDGE_BYTES, NODE_BYTES = 5, 32


@dataclass
class Scored:
    """One direction's result: counts, seconds by stage, lists where the search gives them.

    `columns`: what is recorded of the run beside its settings. `hits`: of exact counts, the best
    of each query, if they were found with them; see `top_hits`.
    """

    counted: Counted
    seconds: dict[str, float]
    columns: Row
    lists: Lists | None = None
    hits: Hits | None = None


@dataclass
class Case:
    """A representation and a way of searching it: what a run is, but for its direction."""

    made: Representation
    search: Search
    fine: Representation | None = None

    def vector_bytes(self, direction: str) -> int:
        """Bytes of a stored gallery vector, of both stages."""
        return int(self.made.side(direction, True)["vector_bytes"]) + (
            self.rescore_bytes(direction) or 0
        )

    def rescore_bytes(self, direction: str) -> int | None:
        """Bytes of a gallery vector of the second stage."""
        if self.fine is None:
            return None
        return int(self.fine.side(direction, True)["vector_bytes"])


@dataclass
class Scorer:
    """Scores cases; a graph is kept for the next case that searches it with other settings.

    `plan`: makes the plan of a precision and dimension. `bar`: shows a graph grow. `few`: whether a
    few vectors of each side stand for all.
    """

    warehouse: Warehouse
    plan: Callable[[str, int], Plan]
    bar: ProgressBar
    few: bool = False
    _graph: tuple[tuple[Any, ...], UsearchHnsw] | None = field(default=None, init=False)

    def warm(self, case: Case, judged: dict[str, Judged], pools: Pools | None) -> None:
        """Do once, and on no clock, what `score` of such a case would do once: see `score.warm`."""
        from cmr.score.warm_up import few_judged, few_pools, few_rows, has_many, warmed

        made, search = case.made, case.search
        kernel = self.plan(made.wanted.precision, made.wanted.dim).kernel
        kind = (
            search.scorer, search.length is None, search.rescore, search.asymmetric, kernel.name,
            kernel.precision, kernel.split > 0, kernel.device,
            kernel.device == "cpu" or made.wanted.dim, pools is None,
            *((name, has_many(one)) for name, one in judged.items()),
        )  # fmt: skip
        few = few_judged(judged, few_rows(made.text["rows"]), few_rows(made.visual["rows"]))
        small = Scorer(self.warehouse, self.plan, lambda *_: nullcontext(lambda _: None), few=True)
        warmed(
            kind,
            lambda: small.score(
                case, few, None if pools is None else few_pools(few), lambda _: None
            ),
        )

    def score(
        self, case: Case, judged: dict[str, Judged], pools: Pools | None, advance: Advance
    ) -> dict[str, Scored]:
        """Score a case in the directions of `judged`."""
        if case.search.length is not None:
            return {name: self._list(case, name, judged[name], pools, advance) for name in judged}
        if case.search.scorer == "usearch-exact":
            return {
                name: self._usearch_exact(case, name, judged[name], pools, advance)
                for name in judged
            }
        return self._torch(case, judged, pools, advance)

    def top(self, case: Case, direction: str, depth: int) -> Hits:
        """Each query's best `depth` of the gallery, (queries, depth) ordinals and scores."""
        from cmr.score.top_lists import top_hits

        texts, visuals, plan = self._sides(case)
        queries, items = (texts, visuals) if direction == "t2v" else (visuals, texts)
        return top_hits(queries, items, depth, plan)

    def _torch(
        self, case: Case, judged: dict[str, Judged], pools: Pools | None, advance: Advance
    ) -> dict[str, Scored]:
        from cmr.score.exhaustive import score

        clock = time.perf_counter()
        texts, visuals, plan = self._sides(case)
        counted = score(texts, visuals, judged, pools, plan, advance)
        took = time.perf_counter() - clock
        columns = {"device": plan.device, "plan": plan.describe()}
        return {name: Scored(counted[name], {"score": took}, columns) for name in judged}

    def _usearch_exact(
        self, case: Case, name: str, judged: Judged, pools: Pools | None, advance: Advance
    ) -> Scored:
        from cmr.score.search.usearch_exact import score

        clock = time.perf_counter()
        texts, visuals, plan = self._sides(case)
        counted = score(texts, visuals, {name: judged}, pools, plan.memory, advance)
        took = time.perf_counter() - clock
        return Scored(counted[name], {"score": took}, _usearch_columns(case, plan))

    def _list(
        self, case: Case, name: str, judged: Judged, pools: Pools | None, advance: Advance
    ) -> Scored:
        """One direction of a search that returns lists."""
        from cmr.score.search.returned_lists import counts
        from cmr.score.search.stages import Stages, graph_lists, rescored_lists

        texts, visuals, plan = self._sides(case)
        queries, items = (texts, visuals) if name == "t2v" else (visuals, texts)
        stages = Stages()
        columns: Row = {"device": plan.device, "plan": plan.describe()}
        if case.search.scorer != "torch":
            columns = _usearch_columns(case, plan)
        search, gallery = case.search, items.rows
        assert search.length is not None
        # A list holds no more than there is.
        length = min(search.length, gallery)

        def told(answered: int) -> None:
            advance(answered * gallery)

        if case.fine is None:
            index = self._build(case, name, items, plan, stages)
            lists = graph_lists(index, queries, length, stages, told)
            columns["index_bytes"] = index.index_bytes
        else:
            shortlist = self._shortlist(case, name, queries, items, plan, stages, columns, told)
            fine = self._sides(Case(case.fine, Search()))
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
        from cmr.score.search.indexes import UsearchExact
        from cmr.score.search.stages import searched
        from cmr.score.top_lists import top_hits

        depth = min(case.search.depth, items.rows)
        if case.search.scorer == "torch":
            found = stages.timed("shortlist", lambda: top_hits(queries, items, depth, plan))
            told(queries.rows)
            return found[0]
        if case.search.scorer == "usearch-exact":
            held = _whole(items, 0, plan)
            exact = UsearchExact(held)
            return stages.timed("shortlist", lambda: searched(exact, queries, depth, told))[0]
        index = self._build(case, name, items, plan, stages)
        columns["index_bytes"] = index.index_bytes
        return stages.timed("shortlist", lambda: searched(index, queries, depth, told))[0]

    def _build(
        self, case: Case, name: str, items: Vectors, plan: Plan, stages: Stages
    ) -> UsearchHnsw:
        """The graph of a gallery, the one before if only the search differs."""
        from cmr.score.search.indexes import Hnsw, UsearchHnsw

        search = case.search
        m, add, find = search.connectivity, search.expansion_add, search.expansion_search
        assert m is not None
        assert add is not None
        assert find is not None
        key = case.made.side(name, True)["set_id"], m, add
        if self._graph is None or self._graph[0] != key:
            self._graph = None
            held = _whole(items, m, plan)
            with self.bar("graph", len(held), "vectors") as advance:
                self._graph = key, UsearchHnsw(held, Hnsw(m, add, find), advance=advance)
        index = self._graph[1]
        index.tune(find)
        stages.seconds["build"] = index.build_seconds
        return index

    def _sides(self, case: Case) -> tuple[Vectors, Vectors, Plan]:
        """Both sides as they are multiplied, and the plan for it."""
        made = case.made
        texts, visuals = (self._stored(row) for row in (made.text, made.visual))
        if made.query_precision is None:
            return texts, visuals, self.plan(made.wanted.precision, made.wanted.dim)
        from cmr.represent.quantizers import from_row
        from cmr.represent.unit_vectors import Floats
        from cmr.score.asymmetric import AsFloats, plan_for

        (direction,) = made.directions
        coded = made.side(direction, True)
        quantizer = from_row(coded)

        def turned(block: Encoded) -> Floats:
            return quantizer.turn(block.data.astype("float32"))

        sides = [
            AsFloats(side, quantizer.decode if side.row["set_id"] == coded["set_id"] else turned)
            for side in (texts, visuals)
        ]
        gallery = sides[direction == "t2v"]
        plan = plan_for(self.plan("fp32", made.wanted.dim), gallery.longest())
        return sides[0], sides[1], plan

    def _stored(self, row: Row) -> StoredVectors:
        from cmr.score.warm_up import few_rows

        part = (0, few_rows(row["rows"])) if self.few else None
        return StoredVectors(self.warehouse, row, part)


def _whole(items: Vectors, connectivity: int, plan: Plan) -> Encoded:
    """All vectors of a gallery. Raises CmrError where its index does not fit into the memory."""
    from cmr.score.search.usearch_vectors import operand

    blocks = items.blocks(max(1, items.rows))
    first: tuple[int, Encoded] | None = next(blocks, None)
    assert first is not None
    held = first[1]
    graph = 2 * connectivity * EDGE_BYTES + NODE_BYTES if connectivity else 0
    need = len(held) * (operand(held.rows(slice(0, 1))).vector_bytes + graph)
    if need > plan.memory:
        raise CmrError(
            f"an index of {len(held):,} vectors takes about {need / 2**20:,.0f} MiB, and --memory "
            f"allows {plan.memory / 2**20:,.0f}"
        )
    return held


def _usearch_columns(case: Case, plan: Plan) -> Row:
    from usearch.compiled import hardware_acceleration
    from usearch.index import MetricKind, ScalarKind

    from cmr.score.search.usearch_vectors import usearch_type

    precision, dim = case.made.wanted.precision, case.made.wanted.dim
    kind = usearch_type(precision)
    exact = "hamming" if precision == "b1" else "ip"
    metric = {"ip": MetricKind.IP, "hamming": MetricKind.Hamming}[exact]
    speed = hardware_acceleration(
        dtype=getattr(ScalarKind, kind.upper()), ndim=dim, metric_kind=metric
    )
    described = {
        "kernel": f"usearch {kind} {speed}",
        "threads": os.cpu_count(),
        "memory": plan.memory,
    }
    return {"device": "cpu", "plan": json.dumps(described)}
