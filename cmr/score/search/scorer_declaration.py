"""What a scorer says of itself: how it builds an index, what it computes, and its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cmr.errors import CmrError
from cmr.progressbar import Advance
from cmr.score.search.scorer_options import Options, ScorerOption, Value

EVERYTHING, LISTS, GRAPH = "everything", "lists", "graph"
Reads = Callable[[Mapping[str, Value], int], str]

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

    Count = Callable[
        [Vectors, Vectors, dict[str, Judged], Pools | None, Plan, Advance], dict[str, Counted]
    ]
    MakeLists = Callable[[Searcher, Vectors, Vectors, int, Plan, Stages, Advance], Lists]


def by_name(name: str) -> str:
    """What the search of an index reads whose description names ivf, hnsw or neither.

    Of faiss's IVF1024_HNSW32 a graph finds the lists, of ivf-hnsw each list is a graph.
    """
    plain = name.lower()
    if "ivf" in plain and "ivf-hnsw" not in plain:
        return LISTS
    return GRAPH if "hnsw" in plain or "nsg" in plain else EVERYTHING


def always_reads(what: str) -> Reads:
    """Whatever the options are."""
    return lambda _options, _bytes: what


@dataclass(frozen=True)
class ScorerKind:
    """One way of finding what is nearest.

    `summary`: for help. `build`: an index of a gallery. `count`: counts every rank exactly; without
    it a scorer returns lists of the best alone. `top`: the exact best of each query, without an
    index. `lists`: the lists of an index of this kind, held against an exact search; without it
    what the index finds is scored by the plan's kernel, unless `own_order` says that lists count as
    they are returned, by the index's own similarities. `by_plan`: multiplies by the plan's kernel
    on its device: one pass over the scores serves both directions, and queries may stay fp32.
    `is_graph`: takes connectivity, expansion_add and expansion_search. `library`: what else than
    cmr computes its scores. `kernel`: what computes a precision, for people. `speed`: which of the
    machine's instructions it uses for a precision and a dimension. `options`: what else it may be
    told. `codes_itself`: whether it is given vectors that are not coded. `learns`: whether it
    learns lists, centroids or ranges from vectors, by its options; `learns_apart`: from other
    vectors than the index holds, which it gets as `teachers`. `modules`: what else is
    imported, whose packages' versions are recorded. `extra`: of cmr, that installs them.
    `filters`: whether its indexes are `Filterable`. `reads`: what a search looks at, of the index
    by these options of vectors of so many bytes in all: EVERYTHING, some LISTS, or paths of a
    GRAPH; it says how time grows with a gallery.
    """

    summary: str
    build: Callable[[Encoded, Building], Searcher]
    count: Count | None = None
    top: Callable[[Vectors, Vectors, int, Plan], Hits] | None = None
    lists: MakeLists | None = None
    by_plan: bool = False
    is_graph: bool = False
    library: str = ""
    kernel: Callable[[str], str] | None = None
    speed: Callable[[str, int], str] | None = None
    own_order: bool = False
    options: tuple[ScorerOption, ...] = ()
    codes_itself: bool = False
    learns: Callable[[Mapping[str, Value]], bool] | None = None
    learns_apart: bool = False
    modules: tuple[str, ...] = ()
    extra: str = ""
    filters: bool = False
    reads: Reads | None = None

    @property
    def ranks_all(self) -> bool:
        """Whether every rank is known, and not only those within a list."""
        return self.count is not None

    def check_installed(self, name: str) -> None:
        """Raises CmrError with the command that installs what `name`, this scorer, imports."""
        for module in self.modules:
            if not self.is_there(module):
                raise CmrError(
                    f"--scorer {name} needs {module}, which is not installed: "
                    f"pip install '.[{self.extra}]'"
                )

    @staticmethod
    def is_there(module: str) -> bool:
        """Whether a module that it imports is installed."""
        return find_spec(module) is not None

    def versions(self) -> dict[str, str]:
        """The versions of what it imports, by package; without modules, of its library."""
        if not self.modules:
            with suppress(metadata.PackageNotFoundError):
                return {self.library: metadata.version(self.library)} if self.library else {}
            return {}
        there = metadata.packages_distributions()
        packages = {name for module in self.modules for name in there.get(module, ())}
        return {name: metadata.version(name) for name in sorted(packages)}

    def counting(self, options: Options) -> Options:
        """Those that have an effect beside each other."""
        known, chosen = {one.name: one for one in self.options}, dict(options)
        return tuple(one for one in options if known[one[0]].counts(chosen))

    def built_with(self, options: Options) -> Options:
        """Those that decide an index, and not only its searches."""
        searching = {one.name for one in self.options if one.of_search}
        return tuple(one for one in options if one[0] not in searching)
