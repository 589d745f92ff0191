"""All scorers: torch, usearch, the engines that people deploy, and those of other packages.

Another package registers one with an entry point of the group `cmr.scorers`, whose name is the
scorer's and whose value a `ScorerKind`. What computes is imported when it is first called.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from cmr.errors import CmrError
from cmr.plugins import load, registered
from cmr.precision import precision_of
from cmr.progressbar import Advance
from cmr.score.search.engines.kinds import ENGINES
from cmr.score.search.scorer_declaration import EVERYTHING, GRAPH, always_reads
from cmr.score.search.scorer_declaration import ScorerKind as ScorerKind
from cmr.suggestions import suggestion

if TYPE_CHECKING:
    from cmr.represent.precisions import Encoded
    from cmr.score.blocks import Vectors
    from cmr.score.judgments import Judged
    from cmr.score.plan import Plan
    from cmr.score.pools import Pools
    from cmr.score.search.indexes import Building, Searcher
    from cmr.score.search.returned_lists import Lists
    from cmr.score.search.stages import Stages
    from cmr.score.tally import Counted
    from cmr.score.top_lists import Hits

GROUP = "cmr.scorers"
TORCH = "torch"
# What a run has in the place of a scorer if its lists came from a file; cmr searched nothing.
IMPORTED = "imported"


def _torch(items: Encoded, building: Building) -> Searcher:
    from cmr.score.search.torch_index import TorchSearcher

    return TorchSearcher(items, building.room, building.device)


def _torch_counts(
    texts: Vectors,
    visuals: Vectors,
    judged: dict[str, Judged],
    pools: Pools | None,
    plan: Plan,
    progress: Advance,
) -> dict[str, Counted]:
    from cmr.score.exhaustive import score

    return score(texts, visuals, judged, pools, plan, progress)


def _torch_top(queries: Vectors, items: Vectors, depth: int, plan: Plan) -> Hits:
    from cmr.score.top_lists import top_hits

    return top_hits(queries, items, depth, plan)


def _usearch_exact(items: Encoded, building: Building) -> Searcher:
    from cmr.score.search.usearch_index import UsearchExact

    return UsearchExact(items, building.room)


def _usearch_counts(
    texts: Vectors,
    visuals: Vectors,
    judged: dict[str, Judged],
    pools: Pools | None,
    plan: Plan,
    progress: Advance,
) -> dict[str, Counted]:
    from cmr.score.search.usearch_exact import score

    return score(texts, visuals, judged, pools, plan.memory, progress)


def _usearch_hnsw(items: Encoded, building: Building) -> Searcher:
    from cmr.score.search.usearch_index import UsearchHnsw

    return UsearchHnsw(items, building.hnsw, building.threads, building.advance)


def _graph_lists(
    index: Searcher,
    queries: Vectors,
    items: Vectors,
    length: int,
    plan: Plan,
    stages: Stages,
    progress: Advance,
) -> Lists:
    from cmr.score.search.stages import graph_lists
    from cmr.score.search.usearch_index import UsearchHnsw

    assert isinstance(index, UsearchHnsw)
    return graph_lists(index, queries, length, stages, progress)


def _usearch_kernel(precision: str) -> str:
    return f"usearch {precision_of(precision).usearch}"


def _usearch_speed(precision: str, dim: int) -> str:
    from cmr.score.search.usearch_vectors import acceleration

    return acceleration(precision, dim)


OWN = {
    TORCH: ScorerKind(
        "counts every rank", _torch, count=_torch_counts, top=_torch_top, by_plan=True,
        reads=always_reads(EVERYTHING),
    ),
    "usearch-exact": ScorerKind(
        "counts every rank", _usearch_exact, count=_usearch_counts,
        library="usearch", kernel=_usearch_kernel, speed=_usearch_speed,
        reads=always_reads(EVERYTHING),
    ),
    "usearch-hnsw": ScorerKind(
        "approximate, returns lists", _usearch_hnsw, lists=_graph_lists, is_graph=True,
        library="usearch", kernel=_usearch_kernel, speed=_usearch_speed, reads=always_reads(GRAPH),
    ),
}  # fmt: skip


# What needs no further package.
BUILT_IN = tuple(OWN)
OWN |= ENGINES


def scorer_names() -> list[str]:
    """What there is, our own first."""
    return [*OWN, *(name for name in sorted(_others()) if name not in OWN)]


def scorer_kind(name: str) -> ScorerKind:
    """The kind of a name. Raises CmrError if there is none, or another package's does not load."""
    if name in OWN:
        return OWN[name]
    point = _others().get(name)
    if point is None:
        there = scorer_names()
        raise CmrError(
            f"unknown scorer {name!r}; there are: {', '.join(there)}{suggestion(name, there)}"
        )
    return load(point, ScorerKind, "scorer")


def scorer_help() -> str:
    """What those do that are built in, in a sentence."""
    told: dict[str, list[str]] = {}
    for name in BUILT_IN:
        told.setdefault(OWN[name].summary, []).append(name)
    own = "; ".join(f"{', '.join(names)}: {summary}" for summary, names in told.items())
    return f"{own}; engines, with their options: see `cmr scorers`."


def own_graphs() -> str:
    """The scorers that take the settings of a graph, for people."""
    return " and ".join(name for name, kind in OWN.items() if kind.is_graph)


def _others() -> dict[str, EntryPoint]:
    return registered(GROUP)
