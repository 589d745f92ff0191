"""Search as a service does it: an index of a gallery that answers queries with their top k.

`cmr.score.search.scorer_kinds` says which there are; queries are stored vectors of the same
representation. The exact counts of `cmr evaluate` are made elsewhere; lists, benchmarks and first
stages are made by these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from cmr.progressbar import Advance
from cmr.represent.precisions import Encoded
from cmr.represent.unit_vectors import Floats
from cmr.score.search.graph_settings import USUAL, Hnsw
from cmr.score.search.scorer_options import Value

Ordinals = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]

# Bytes that an exact search may take beside the vectors.
ROOM = 256 * 2**20


@dataclass(frozen=True)
class Building:
    """How an index is built.

    `hnsw`: of graphs. `threads`: of building, 0 for all. `room`: bytes that one exact search may
    take beside the vectors. `device`: of torch. `advance`: told how many vectors more are in it.
    `options`: all of the scorer's own, by name. `seed`: of what is drawn. `teachers`: the vectors
    that it learns from, (n, d) float32, None for those that it holds. `attribute`: a whole
    number of each vector, (n,), that filters look at; None where no search is filtered.
    """

    hnsw: Hnsw = USUAL
    threads: int = 0
    room: int = ROOM
    device: str = "cpu"
    advance: Advance | None = None
    options: Mapping[str, Value] = field(default_factory=dict)
    seed: int = 0
    teachers: Floats | None = None
    attribute: Ordinals | None = None


class Searcher(Protocol):
    """An index of one gallery."""

    @property
    def index_bytes(self) -> int:
        """Bytes in memory: the gallery's vectors as they are searched, scales, and the graph."""

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """Each query's top `count`, best first: (n, count) ordinals and similarities.

        Where fewer are found, -1 and -inf. `threads`: of usearch, 0 for all; torch keeps its own.
        """


@runtime_checkable
class Ready(Protocol):
    """An index whose library can be called as by hand: this is what `cmr bench` times."""

    def ready(self, queries: Encoded, count: int, threads: int = 0) -> Callable[[], object]:
        """The library's own call, with queries at hand in the form in which it takes them.

        It answers as the library does: what `search` makes of the answer is no part of it. It is
        called in the thread that asked for it, and with the options of that moment.
        """


@runtime_checkable
class Tunable(Protocol):
    """An index that can be searched with other settings than those it was built with."""

    def search_with(self, options: Mapping[str, Value]) -> None:
        """Search with these options from now on; those of building stay what they were."""


@runtime_checkable
class Filterable(Protocol):
    """An index whose searches can be kept to some of its vectors; its `ScorerKind` says `filters`.

    It was built with an attribute of every vector.
    """

    def search_below(self, limit: int | None) -> None:
        """Find only vectors whose attribute is less than `limit` from now on; None: all."""


def joined(parts: list[tuple[Ordinals, Scores]], count: int) -> tuple[Ordinals, Scores]:
    """Blocks of queries one below the other, filled up to `count` columns."""
    index, scores = zip(*parts, strict=True)
    return widen(np.concatenate(index), np.concatenate(scores), count)


def widen(index: Ordinals, scores: Scores, count: int) -> tuple[Ordinals, Scores]:
    """Fill lists of a gallery smaller than `count` up with -1 and -inf."""
    short = count - index.shape[1]
    if short <= 0:
        return index, scores.astype(np.float32)
    return (
        np.pad(index, ((0, 0), (0, short)), constant_values=-1),
        np.pad(scores.astype(np.float32), ((0, 0), (0, short)), constant_values=-np.inf),
    )
