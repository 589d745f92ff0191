"""How a gallery is searched: exactly or by a graph, in one stage or in two."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from cmr.errors import CmrError
from cmr.pipeline.request import ALWAYS_KS, Request
from cmr.precision import FP32, PRECISIONS, precision_of
from cmr.report import named
from cmr.represent.precisions import check_precision
from cmr.rows import Row
from cmr.score.search.graph_settings import GRAPH, USUAL
from cmr.score.search.scorer_kinds import TORCH, ScorerKind, own_graphs, scorer_kind
from cmr.score.search.scorer_options import Options, every_combination, split, words

# What else determines a run's ranks, as columns of `runs`.
_SETTINGS = (*GRAPH, "rescore", "oversample")


@dataclass(frozen=True)
class Search:
    """One way of searching; a run has one.

    `length`: items of the returned list, None where every rank is counted. `connectivity`,
    `expansion_add`, `expansion_search`: of a graph. `rescore`: precision that a shortlist of
    `oversample` x `length` items is ranked by again. `options`: of an engine.
    """

    scorer: str = TORCH
    length: int | None = None
    connectivity: int | None = None
    expansion_add: int | None = None
    expansion_search: int | None = None
    rescore: str | None = None
    oversample: int | None = None
    asymmetric: bool = False
    options: Options = ()

    @property
    def depth(self) -> int:
        """Items that the first stage returns."""
        return (self.length or 0) * (self.oversample or 1)

    @property
    def kind(self) -> ScorerKind:
        """The kind of scorer."""
        return scorer_kind(self.scorer)

    @property
    def said(self) -> str:
        """The options that have an effect, in words."""
        return words(self.kind.counting(self.options))

    @property
    def learns(self) -> bool:
        """Whether it learns lists, centroids or ranges from vectors."""
        return self.kind.learns is not None and self.kind.learns(dict(self.options))

    @property
    def one_pass(self) -> bool:
        """Whether one pass over the scores serves both directions."""
        return self.kind.by_plan and self.length is None and not self.asymmetric

    @property
    def settings(self) -> Row:
        """What determines the ranks beside the vectors; empty for an exact one-stage search."""
        found: Row = {name: getattr(self, name) for name in _SETTINGS}
        found["list_length"] = self.length
        found["options"] = dict(self.options) or None
        return {name: value for name, value in found.items() if value is not None}

    @property
    def columns(self) -> Row:
        """The same as columns of `runs`."""
        settings = self.settings
        return {
            "scorer_settings": json.dumps(settings, sort_keys=True) if settings else None,
            "list_length": self.length,
            "scorer_options": self.said or None,
            **{name: getattr(self, name) for name in _SETTINGS},
        }

    def __str__(self) -> str:
        """The search as people write it."""
        queries = [f"{FP32} queries"] if self.asymmetric else []
        shown = vars(self) | {"scorer_options": self.said}
        return ", ".join([*queries, *named.search(shown)])


def searches(request: Request) -> list[Search]:
    """Every requested way of searching.

    Raises CmrError for settings that do not go together, or that usearch would change.
    """
    kind = scorer_kind(request.scorer)
    kind.check_installed(request.scorer)
    given = [name for name in GRAPH if getattr(request, name)]
    if given and not kind.is_graph:
        option = "--" + given[0].replace("_", "-")
        raise CmrError(f"{option} is only for --scorer {own_graphs()}")
    options = every_combination(request.scorer, kind.options, split(request.scorer_options))
    if request.asymmetric and not kind.by_plan:
        library = kind.library or request.scorer
        raise CmrError(
            f"--asymmetric needs --scorer {TORCH}: {library} only compares vectors of one type"
        )
    if request.is_grouped and not (kind.by_plan and request.rescore is None):
        raise CmrError(
            f"--protocols {','.join(request.protocols)} needs --scorer {TORCH} without --rescore: "
            "a visual is as good as the best of all its captions, which lists of captions and "
            "other libraries do not tell"
        )
    if kind.ranks_all and request.rescore is None:
        if request.list_length is not None:
            raise CmrError(
                f"--list-length is of --scorer {own_graphs()} and of --rescore; others rank "
                "everything"
            )
        return [Search(request.scorer, asymmetric=request.asymmetric)]
    length = _length(request)
    if request.fit_on is not None and not kind.learns_apart and kind.learns is not None:
        for chosen in options:
            if kind.learns(dict(chosen)):
                raise CmrError(
                    f"--scorer {request.scorer} learns from the gallery that it holds and from "
                    f"nothing else ({words(kind.counting(chosen))}); leave --fit-on out"
                )
    stages: Sequence[tuple[str | None, int | None]] = [(None, None)]
    if request.rescore is not None:
        fine = check_precision(request.rescore)
        stages = [(fine, times) for times in request.oversample]
    found = []
    for rescore, oversample in stages:
        graphs = _graphs(request, length * (oversample or 1)) if kind.is_graph else [_NO_GRAPH]
        for (m, add, search), chosen in product(graphs, options):
            found.append(
                Search(
                    request.scorer, length, m, add, search, rescore, oversample,
                    request.asymmetric, chosen,
                )
            )  # fmt: skip
    return found


def check_scorer(search: Search, precision: str) -> None:
    """Raises CmrError for codes where the scorer makes its own."""
    if search.kind.codes_itself and precision_of(precision).is_coded:
        raise CmrError(
            f"--scorer {search.scorer} codes vectors itself and takes none that are coded; leave "
            f"{precision} out of --precisions"
        )


_NO_GRAPH: tuple[int | None, ...] = (None, None, None)


def _length(request: Request) -> int:
    largest = max(*ALWAYS_KS, *request.k)
    length = request.list_length or largest
    if length < largest:
        raise CmrError(f"K = {largest} needs a list of at least as many; --list-length is {length}")
    if request.hits > length:
        raise CmrError(
            f"--hits {request.hits} is more than the list of {length}; give --list-length"
        )
    return length


def _graphs(request: Request, depth: int) -> list[tuple[int | None, ...]]:
    default = max(USUAL.expansion_search, depth)
    for search in request.expansion_search:
        if search < depth:
            raise CmrError(
                f"--expansion-search {search} is less than the {depth} requested items; "
                f"usearch would search with {depth}"
            )
    return list(
        product(
            request.connectivity or (USUAL.connectivity,),
            request.expansion_add or (USUAL.expansion_add,),
            request.expansion_search or (default,),
        )
    )


def check_rescore(search: Search, precision: str) -> None:
    """Raise CmrError if the second stage would not be finer than the first.

    What an engine is given it codes itself, so that the same vectors are finer than its codes.
    """
    if search.rescore is None:
        return
    own = precision_of(search.rescore).quantizer
    if own is not None:
        raise CmrError(
            f"--rescore takes precisions that no quantizer is learnt for; {search.rescore} is of "
            f"{own}"
        )
    order = {name: place for place, name in enumerate(PRECISIONS)}
    if order[search.rescore] >= order[precision] + search.kind.codes_itself:
        raise CmrError(
            f"--rescore {search.rescore} is no finer than {precision}; leave {precision} out of "
            "--precisions"
        )
