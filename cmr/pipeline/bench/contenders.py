"""The contenders of a measurement: representations, each searched in one way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cmr.errors import CmrError
from cmr.pipeline.bench.bench_request import (
    ENCODE,
    SINGLE,
    BenchRequest,
)
from cmr.pipeline.case import Case
from cmr.pipeline.derive import Deriver
from cmr.pipeline.fits import Wanted
from cmr.pipeline.judged_data import find_dataset, find_model, load_judged_data, sole
from cmr.pipeline.request import Request
from cmr.pipeline.search import Search, searches
from cmr.pipeline.wanted import WantedSearches, asked_for, cases
from cmr.precision import BENCHED
from cmr.progressbar import ProgressBar
from cmr.rows import Row
from cmr.score.judgments import Indices
from cmr.score.search.graph_settings import GRAPH
from cmr.score.search.scorer_kinds import BUILT_IN, TORCH, own_graphs, scorer_kind
from cmr.score.search.scorer_options import split, with_effect
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.store import Store

# Default numbers of queries in a batch, and of single queries per repeat, if there are as many.
BATCH_SIZE, SINGLES = 1000, 200


@dataclass(frozen=True)
class Contender:
    """A representation, searched in one way, in one direction."""

    case: Case
    direction: str

    @property
    def gallery(self) -> Row:
        """The catalogue row of the searched vectors."""
        return self.case.made.side(self.direction, True)

    @property
    def queries(self) -> Row:
        """The catalogue row of the queries."""
        return self.case.made.side(self.direction, False)

    @property
    def filters(self) -> bool:
        """Whether it can be searched among what a filter lets pass."""
        return self.case.search.kind.filters and self.case.fine is None

    @property
    def fine(self) -> tuple[Row, Row] | None:
        """The embedding sets of the second stage, gallery first."""
        if self.case.fine is None:
            return None
        side = self.case.fine.side
        return side(self.direction, True), side(self.direction, False)

    def __str__(self) -> str:
        """The contender as people write it."""
        return f"{self.case.made.wanted} {self.direction} by {self.case.search}"


@dataclass(frozen=True)
class BenchedModel:
    """The data set and model that are measured.

    `sizes`: items of each side. `asking`: by direction, the ordinals of the queries that are timed,
    those with a relevant item: distractors and other items without judgments never ask.
    """

    row: Row
    model: str
    sizes: dict[str, int] = field(default_factory=dict)
    asking: dict[str, Indices] = field(default_factory=dict)


def contenders(
    warehouse: Store, request: BenchRequest, bar: ProgressBar
) -> tuple[BenchedModel, list[Contender]]:
    """All requested contenders; representations that do not exist yet are derived and stored.

    Raises CmrError for what does not exist or cannot be measured, before anything is derived.
    """
    data = find_dataset(warehouse, sole(request.search.dataset, "--dataset"))
    model = find_model(warehouse, data, sole(request.search.model, "--model"))
    if set(request.stages) == {ENCODE}:
        sizes = {TEXT: int(data["texts"]), VISUAL: int(data["visuals"])}
        return BenchedModel(data, model, sizes), []
    loaded = load_judged_data(warehouse, data, request.search)
    sizes = {side: len(ids) for side, ids in loaded.ids.items()}
    directions = tuple(loaded.judged)
    asking = {name: np.flatnonzero(judged.relevants) for name, judged in loaded.judged.items()}
    _check(request, sizes, asking)
    deriver = Deriver(warehouse, data, model, loaded.ids, fit_on=request.search.fit_on)
    every = _every(deriver, request)
    found = []
    with bar("deriving representations", len(every), "sets") as advance:
        for asked in every:
            for case in cases(deriver, asked, request.search.seed, directions):
                found += [Contender(case, name) for name in case.made.directions]
            advance(1)
    return BenchedModel(data, model, sizes, asking), found


def _every(deriver: Deriver, request: BenchRequest) -> list[WantedSearches]:
    """Representations with the ways of searching them; those with fp32 queries are separate.

    Raises CmrError for what does not exist, or cannot be searched this way.
    """
    named = [one.scorer for one in requests(request)]
    found: dict[tuple[Wanted, bool], dict[Search, None]] = {}
    for one in requests(request):
        for wanted, ways in asked_for(deriver, one, searches(one), BENCHED):
            kept = {search: None for search in ways if search.scorer in named}
            for search in kept:
                _check_taught(search, request.search.fit_on)
            if kept:
                asymmetric = any(search.asymmetric for search in kept)
                found.setdefault((wanted, asymmetric), {}).update(kept)
    return [(wanted, tuple(ways)) for (wanted, _), ways in found.items()]


def _check_taught(search: Search, fit_on: str | None) -> None:
    """Raises CmrError where an engine would be timed that was learnt elsewhere."""
    if fit_on is not None and search.learns:
        raise CmrError(
            f"cmr bench lets {search.scorer} learn from the gallery that it holds, which takes as "
            "long and as many bytes; leave --fit-on out"
        )


def requests(request: BenchRequest) -> Iterator[Request]:
    """The same request for each scorer; settings of graphs are for graphs alone."""
    scorers = request.scorers or ((TORCH,) if request.search.asymmetric else BUILT_IN)
    if not any(scorer_kind(name).is_graph for name in scorers):
        given = next((name for name in GRAPH if getattr(request.search, name)), None)
        if given is not None:
            option = "--" + given.replace("_", "-")
            raise CmrError(
                f"{option} is of the scorer {own_graphs()}, which --scorers does not name"
            )
    plain: dict[str, Any] = dict.fromkeys(GRAPH, ())
    options = _options(scorers, request.search.scorer_options)
    for scorer in scorers:
        more = {} if scorer_kind(scorer).is_graph else plain
        more = {**more, "scorer_options": options[scorer]}
        yield replace(request.search, scorer=scorer, k=(request.k,), **more)


def _options(scorers: Sequence[str], text: str | None) -> dict[str, str | None]:
    """Of each scorer the options that have an effect there.

    Raises CmrError for those that none knows, or that have an effect on none.
    """
    given = split(text)
    kinds = {scorer: scorer_kind(scorer) for scorer in scorers}
    used = {scorer: with_effect(kind.options, given) for scorer, kind in kinds.items()}
    known = {one.name for kind in kinds.values() for one in kind.options}
    for name in given:
        if name not in known:
            raise CmrError(f"none of the scorers {', '.join(scorers)} has an option {name!r}")
        if not any(name in mine for mine in used.values()):
            raise CmrError(f"none of the scorers {', '.join(scorers)} has a use for {name!r} here")
    return {
        scorer: ",".join(f"{name}={value}" for name, value in mine.items()) or None
        for scorer, mine in used.items()
    }


def batch_size(request: BenchRequest, queries: int) -> int:
    """Queries per batch."""
    return min(BATCH_SIZE, queries) if request.batch is None else request.batch


def singles(request: BenchRequest, queries: int) -> int:
    """Single queries per repeat."""
    return min(SINGLES, queries) if request.singles is None else request.singles


def _check(request: BenchRequest, sizes: dict[str, int], asking: dict[str, Indices]) -> None:
    for direction, queries in asking.items():
        item = VISUAL if direction == "t2v" else TEXT
        for size in request.candidates if SINGLE in request.stages else ():
            if size > sizes[item]:
                raise CmrError(
                    f"C = {size} is more than the gallery of {sizes[item]} items ({direction}); "
                    f"give --candidates sizes of at most {sizes[item]}"
                )
            if size < request.k:
                raise CmrError(f"C = {size} is less than the {request.k} items of --k")
        if request.k > sizes[item] and set(request.stages) - {ENCODE}:
            raise CmrError(f"--k {request.k} is more than the gallery of {sizes[item]} items")
        for name in ("batch", "singles"):
            given = getattr(request, name)
            if given is not None and given > len(queries):
                raise CmrError(
                    f"--{name} {given} is more than the {len(queries)} queries ({direction})"
                )
