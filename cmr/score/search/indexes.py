"""Search as a service does it: an index of a gallery that answers queries with their top k.

`cmr.score.search.scorer_kinds` says which there are; queries are stored vectors of the same
representation. The exact counts of `cmr evaluate` are made elsewhere; lists, benchmarks and first
stages are made by these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cmr.progressbar import Advance
from cmr.represent.precisions import Encoded
from cmr.score.search.graph_settings import USUAL, Hnsw

Ordinals = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]

# Bytes that an exact search may take beside the vectors.
ROOM = 256 * 2**20


@dataclass(frozen=True)
class Building:
    """How an index is built.

    `hnsw`: of graphs. `threads`: of building, 0 for all. `room`: bytes that one exact search may
    take beside the vectors. `device`: of torch. `advance`: told how many vectors more are in it.
    """

    hnsw: Hnsw = USUAL
    threads: int = 0
    room: int = ROOM
    device: str = "cpu"
    advance: Advance | None = None


class Searcher(Protocol):
    """An index of one gallery."""

    @property
    def index_bytes(self) -> int:
        """Bytes in memory: the gallery's vectors as they are searched, scales, and the graph."""

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """Each query's top `count`, best first: (n, count) ordinals and similarities.

        Where fewer are found, -1 and -inf. `threads`: of usearch, 0 for all; torch keeps its own.
        """


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
