"""Search by usearch: brute force, and a navigable small-world graph, over the codes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.precision import precision_of
from cmr.progressbar import Advance
from cmr.represent.precisions import Encoded
from cmr.score.search.graph_settings import Hnsw
from cmr.score.search.indexes import ROOM, Ordinals, Scores, joined, widen
from cmr.score.search.usearch_vectors import Operand, operand, similarities

# usearch's exact search takes 16 bytes for each query and gallery item that it sees at once.
EXACT_BYTES = 16
# Vectors that a graph takes before it tells how far it is.
ADDED = 4096


class UsearchExact:
    """usearch's brute force over the codes, a stretch of the gallery at a time."""

    def __init__(self, items: Encoded, room: int = ROOM) -> None:
        """Hold the gallery as usearch takes it."""
        self._items = operand(items)
        self._dim, self._room = items.dim, room
        self.metric = self._items.metric

    @property
    def index_bytes(self) -> int:
        """Bytes of the vectors; there is nothing else."""
        return int(self._items.data.nbytes)

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """See `Searcher.search`."""
        asked = operand(queries, self.metric)
        depth = min(count, len(self._items))
        # Long stretches of the gallery cost fewer merges, so the queries are cut first.
        stretch = min(len(self._items), max(depth, self._room // EXACT_BYTES))
        step = max(1, self._room // (EXACT_BYTES * stretch))
        parts = [
            self._search(asked.data[at : at + step], depth, stretch, threads)
            for at in range(0, len(queries), step)
        ]
        return joined(parts, count)

    def ready(self, queries: Encoded, count: int, threads: int = 0) -> Callable[[], Any]:
        """See `Ready`; where all fits into the room at once."""
        if EXACT_BYTES * len(queries) * len(self._items) > self._room:
            return partial(self.search, queries, count, threads)
        asked, depth = operand(queries, self.metric).data, min(count, len(self._items))
        return partial(exact_search, self._items.data, asked, depth, self._items, threads)

    def _search(
        self, queries: npt.NDArray[Any], depth: int, stretch: int, threads: int
    ) -> tuple[Ordinals, Scores]:
        keys, distances = [], []
        for first in range(0, len(self._items), stretch):
            part = self._items.data[first : first + stretch]
            found = exact_search(part, queries, min(depth, len(part)), self._items, threads)
            keys.append(found[0] + first)
            distances.append(found[1])
        index, far = np.concatenate(keys, axis=1), np.concatenate(distances, axis=1)
        if len(keys) > 1:
            order = np.argsort(far, axis=1, kind="stable")[:, :depth]
            index = np.take_along_axis(index, order, axis=1)
            far = np.take_along_axis(far, order, axis=1)
        return index, similarities(far, self.metric, self._dim)


class UsearchHnsw:
    """usearch's approximate search: a navigable small-world graph over the codes."""

    def __init__(
        self,
        items: Encoded,
        hnsw: Hnsw,
        threads: int = 0,
        advance: Advance | None = None,
    ) -> None:
        """Build the graph. Its shape, so what it finds, varies with the number of threads.

        `advance`: told how many vectors more are in it, now and then.
        """
        from usearch.index import Index

        held: Operand = operand(items)
        self.metric, self._dim, self.hnsw = held.metric, items.dim, hnsw
        with room_for_it():
            self._index: Any = Index(
                ndim=held.ndim,
                metric=held.metric,
                dtype=held.dtype,
                connectivity=hnsw.connectivity,
                # No more candidates than there are vectors can be looked at.
                expansion_add=min(hnsw.expansion_add, max(1, len(held))),
                expansion_search=min(hnsw.expansion_search, max(1, len(held))),
            )
        keys = np.arange(len(held), dtype=np.uint64)
        step = len(keys) if advance is None else ADDED
        for at in range(0, len(keys), max(1, step)):
            part = slice(at, at + step)
            with room_for_it():
                self._index.add(keys[part], held.data[part], threads=threads, dtype=held.dtype)
            if advance is not None:
                advance(len(keys[part]))
        self._type = held.dtype
        # Distances that are whole numbers: of bits, and products of codes of one scale.
        codes = precision_of(items.precision).is_integer
        self.of_integers = codes and held.metric in ("ip", "hamming")

    @property
    def index_bytes(self) -> int:
        """Bytes of vectors, graph and keys, as usearch would write them."""
        return int(self._index.serialized_length)

    @property
    def memory_bytes(self) -> int:
        """Bytes that usearch has allocated, in steps of some megabytes."""
        return int(self._index.memory_usage)

    def tune(self, expansion_search: int) -> None:
        """Search the same graph with another expansion; see `Hnsw`."""
        self._index.expansion_search = min(expansion_search, max(1, len(self._index)))
        self.hnsw = Hnsw(self.hnsw.connectivity, self.hnsw.expansion_add, expansion_search)

    def search(
        self, queries: Encoded, count: int, threads: int = 0, exact: bool = False
    ) -> tuple[Ordinals, Scores]:
        """See `Searcher.search`; `exact` looks at every vector of the index instead.

        usearch keeps max(expansion_search, count) candidates.
        """
        with room_for_it():
            found = self.ready(queries, count, threads, exact)()
        index, far = _matrix(found, len(queries))
        missing = np.arange(index.shape[1]) >= _counts(found)[:, None]
        scores = similarities(far, self.metric, self._dim)
        return widen(np.where(missing, -1, index), np.where(missing, -np.inf, scores), count)

    def ready(
        self, queries: Encoded, count: int, threads: int = 0, exact: bool = False
    ) -> Callable[[], Any]:
        """See `Ready`."""
        asked, depth = operand(queries, self.metric).data, min(count, len(self._index))
        return partial(
            self._index.search, asked, depth, threads=threads, exact=exact, dtype=self._type
        )


@contextlib.contextmanager
def room_for_it() -> Iterator[None]:
    """usearch's want of memory, which has no type of its own, as a sentence."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        if "memory" not in str(error).lower():
            raise
        raise CmrError(
            "usearch finds no memory for its graph or lists; a smaller --connectivity, "
            "--expansion-add, --expansion-search, --list-length or --k takes less"
        ) from None


def exact_search(
    items: npt.NDArray[Any], queries: npt.NDArray[Any], count: int, like: Operand, threads: int = 0
) -> tuple[Ordinals, npt.NDArray[np.float32]]:
    """usearch's exact search in one go: (queries, count) ordinals and distances, nearest first."""
    from usearch.index import search

    with room_for_it():
        found: Any = search(
            items, queries, count, like.metric, exact=True, threads=threads, dtype=like.dtype
        )
    return _matrix(found, len(queries))


def _matrix(found: Any, queries: int) -> tuple[Ordinals, npt.NDArray[np.float32]]:
    """usearch answers a single query with flat arrays."""
    keys = np.asarray(found.keys).reshape(queries, -1).astype(np.int64)
    return keys, np.asarray(found.distances, dtype=np.float32).reshape(queries, -1)


def _counts(found: Any) -> npt.NDArray[np.int64]:
    counts = getattr(found, "counts", None)
    return np.asarray([len(found.keys)] if counts is None else counts, dtype=np.int64)
