"""A request on one data set: scores and commits each representation that is not finished."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cmr.errors import CmrError
from cmr.pipeline.case import Case, Scored
from cmr.pipeline.crossing import Crossing
from cmr.pipeline.derive import Deriver
from cmr.pipeline.judged_data import JudgedData
from cmr.pipeline.request import Request
from cmr.pipeline.run_files import commit_run
from cmr.pipeline.run_rows import describe_run, has_counts, questions, run_identity
from cmr.pipeline.scorer_versions import tell_versions
from cmr.pipeline.scoring import Scorer
from cmr.pipeline.search import Search
from cmr.progressbar import Advance, ProgressBar
from cmr.rows import Row
from cmr.score.at_once import is_small
from cmr.score.search.scorer_kinds import TORCH
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store

if TYPE_CHECKING:
    from cmr.engine.shared_work import Work
    from cmr.score.plan import Plan
    from cmr.score.pools import Pools
    from cmr.score.top_lists import Hits

# A function that counts a representation elsewhere; returns each direction's result.
Counter = Callable[["Work", Advance], dict[str, Scored]]


def make_plan_for(
    request: Request, data: JudgedData, precision: str, dim: int, sizes: list[int], draws: int
) -> Plan:
    """How a representation of a data set is scored on this machine."""
    from cmr.devices import pick_device
    from cmr.score.planning import make_plan

    return make_plan(
        precision,
        dim,
        len(data.ids[TEXT]),
        len(data.ids[VISUAL]),
        pick_device(request.device),
        request.memory,
        sizes[-1] if sizes else 0,
        draws,
    )


def counted_at_once(
    request: Request, data: JudgedData, search: Search, dim: int, draws: int
) -> bool:
    """Whether a representation needs no plan: it is small, and no lists are asked for.

    A device or memory that is named is used whatever the size.
    """
    plain = search.scorer == TORCH and search.one_pass and not (request.hits or data.is_grouped)
    free = request.device == "auto" and request.memory is None
    return plain and free and is_small(len(data.ids[TEXT]), len(data.ids[VISUAL]), dim, draws)


class Evaluation:
    """One request on one data set, representation by representation."""

    def __init__(
        self,
        warehouse: Store,
        request: Request,
        data: JudgedData,
        deriver: Deriver,
        cases: Sequence[Case],
        bar: ProgressBar,
    ) -> None:
        """`cases`: what to score, with vectors from `deriver`. `bar`: progress within a case.
        `count` may be set to a function that counts elsewhere.
        """
        self.data, self.model, self.cases = data, deriver.model, cases
        self._crossing = Crossing(data, deriver, request)
        self.count: Counter | None = None
        self._warehouse, self.request = warehouse, request
        self._finished: dict[str, Row] = {}
        self._pools: Pools | None = None
        self._asked: tuple[list[int], int] = ([], 0)
        self._scorer = Scorer(warehouse, self._plan, bar, self._at_once)

    def asked(self, case: Case) -> list[str]:
        """The directions requested for a case."""
        return [name for name in self.data.judged if name in case.made.directions]

    def unscored(self, case: Case) -> list[str]:
        """The directions whose counts are not stored yet."""
        return [name for name in self.asked(case) if self._lacks(case, name)]

    def passes(self, case: Case) -> int:
        """How many passes over all scores a case still needs."""
        missing = self.unscored(case)
        # One pass with torch serves both directions; the folds of a direction make one more pass.
        crossed = sum(self._crossing.count(case, name) > 0 for name in missing)
        return (bool(missing) if case.search.one_pass else len(missing)) + crossed

    def _lacks(self, case: Case, direction: str) -> bool:
        run_id = self._id(case, direction)
        if run_id in self._finished:
            return False
        found = self._warehouse.find(RUNS, run_id)
        if (
            self.request.force
            or found is None
            # An earlier version did not record what an engine learns.
            or bool(found["scorer_learns"]) != case.search.learns
            or not has_counts(found, self.request, self._crossing.count(case, direction))
        ):
            return True
        storage = self._warehouse.storage
        for name, there in zip(
            found["files"], storage.each(storage.exists, found["files"]), strict=True
        ):
            if not there:
                raise CmrError(
                    f"the warehouse lacks {storage.path(name)}, which a finished run names; "
                    "--force makes it again"
                )
        tell_versions(found)
        self._finished[run_id] = found
        return False

    def run_ids(self) -> list[str]:
        """The ids of all requested runs, scored or not."""
        return [self._id(case, name) for case in self.cases for name in self.asked(case)]

    def _id(self, case: Case, direction: str) -> str:
        return run_identity(self.request, self.data, case, direction)

    def run(self, case: Case, advance: Advance) -> list[str]:
        """Score and commit what one representation lacks; returns the ids scored."""
        with contextlib.ExitStack() as claims:
            missing = self.unscored(case)
            for name in missing:
                claims.enter_context(self._warehouse.claim(self._id(case, name)))
            # Another process may have done it while this one was waiting for the claim.
            missing = [name for name in missing if self._lacks(case, name)]
            if missing:
                self._score(case, missing, advance)
            for name in self.asked(case):
                if name not in missing:
                    self._add_questions(case, name)
            return [self._id(case, name) for name in missing]

    def _add_questions(self, case: Case, direction: str) -> None:
        run_id = self._id(case, direction)
        found = self._finished.get(run_id) or self._warehouse.find(RUNS, run_id)
        judged = self.data.judged[direction]
        asked = questions(found, self.request, judged, self.data.further)
        if found and any(found[key] != asked[key] for key in asked):
            with self._warehouse.claim(run_id):
                found = self._warehouse.find(RUNS, run_id) or found
                asked = questions(found, self.request, judged, self.data.further)
                row = {**found, **asked}
                self._warehouse.commit(RUNS, run_id, row)

    def _score(self, case: Case, missing: list[str], advance: Advance) -> None:
        request, data = self.request, self.data
        olds = {name: self._warehouse.find(RUNS, self._id(case, name)) for name in missing}
        self._asked = sizes, draws = self._pool_request(olds)
        judged, pools = {name: data.judged[name] for name in missing}, self._draw(sizes, draws)
        if self.count is None:
            self._scorer.warm(case, judged, pools)
        if self.count is not None or not self._at_once(case):
            from cmr.devices import pick_device, reset_peak

            reset_peak(pick_device(request.device))
        started = datetime.now(UTC)
        if self.count is not None:
            found = self.count(self._work(case, missing, sizes, draws), advance)
        else:
            found = self._scorer.score(case, judged, pools, advance)
        for name in missing:
            scored = found[name]
            self._crossing.score(case, name, scored, self._scorer, advance)
            row = {
                **describe_run(request, data, case, name),
                **questions(olds[name], request, data.judged[name], data.further),
                "sampled_candidates": sizes,
                "draws": draws if sizes else 0,
                "hits": case.search.length or request.hits,
                "folds": len(scored.held_out),
                **scored.columns,
                **_engine_bytes(case, name, scored.columns, data.judged[name].gallery),
                "started_at": started,
                "seconds": sum(scored.seconds.values()),
            }
            if scored.lists is None:
                scored.hits = self._hits(case, name, scored)
            commit_run(self._warehouse, data, row, olds[name], scored)

    def work(self, case: Case) -> Work | None:
        """What remains to be counted of a case; None if its runs are finished."""
        missing = self.unscored(case)
        if not missing:
            return None
        olds = {name: self._warehouse.find(RUNS, self._id(case, name)) for name in missing}
        return self._work(case, missing, *self._pool_request(olds))

    def _work(self, case: Case, missing: list[str], sizes: list[int], draws: int) -> Work:
        from cmr.engine.shared_work import Work

        return Work(
            root=self._warehouse.root,
            text=case.made.text,
            visual=case.made.visual,
            run_ids={name: self._id(case, name) for name in missing},
            sizes=sizes,
            draws=draws if sizes else 0,
            hits=self.request.hits,
            seed=self.request.seed,
            device=self.request.device,
            memory=self.request.memory,
            judged={name: self.data.judged[name] for name in missing},
        )

    def _at_once(self, case: Case) -> bool:
        sizes, draws = self._asked
        dim = case.made.wanted.dim
        return counted_at_once(self.request, self.data, case.search, dim, draws if sizes else 0)

    def _plan(self, precision: str, dim: int) -> Plan:
        return make_plan_for(self.request, self.data, precision, dim, *self._asked)

    def _pool_request(self, olds: dict[str, Row | None]) -> tuple[list[int], int]:
        """The C and draws to sample: the request's, and those that the runs already had."""
        sizes, draws = set(self.request.pool_sizes), self.request.draws
        for old in olds.values():
            if old is not None:
                sizes |= set(old["sampled_candidates"])
                draws = max(draws, old["draws"])
        return sorted(sizes), draws

    def _draw(self, sizes: list[int], draws: int) -> Pools | None:
        """The pools, which an evaluation keeps for all of its representations."""
        if not sizes:
            return None
        from cmr.score.pools import Pools

        if self._pools is None or self._pools.sizes.tolist() != sizes or self._pools.draws != draws:
            self._pools = Pools(sizes, draws, self.request.seed)
        return self._pools

    def _hits(self, case: Case, direction: str, scored: Scored) -> Hits | None:
        """Each query's best items, if requested; searched now if the count did not find them."""
        depth, asking = self.request.hits, self.data.judged[direction].asking
        return (scored.hits or self._scorer.top(case, direction, depth, asking)) if depth else None


def _engine_bytes(case: Case, direction: str, columns: Row, gallery: int) -> Row:
    """What a vector takes in an engine that codes it itself, and in a second stage."""
    if not case.search.kind.codes_itself:
        return {}
    fine = case.rescore_bytes(direction) or 0
    return {"vector_bytes": round(columns["index_bytes"] / gallery) + fine}
