"""RaBitQ by its authors' library: codes of 1 to 9 bits in inverted lists or behind a graph.

Its indexes learn no centroids; they are learnt over the gallery by the library's own k-means.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from cmr.represent.precisions import Encoded
from cmr.score.search.engines.engine_folder import bytes_in, passing_folder
from cmr.score.search.engines.faiss_index import lists_of
from cmr.score.search.engines.floats import floats
from cmr.score.search.engines.library_errors import refusals
from cmr.score.search.indexes import Building, Ordinals, Scores, widen
from cmr.score.search.scorer_options import Value

LIBRARY = "rabitqlib"
# What stands in a list where nothing was found.
_NOTHING = 2**32 - 1
_REFUSED = (ValueError, RuntimeError, MemoryError)


class RabitqIndex:
    """An index of the library, of either kind."""

    def __init__(
        self,
        items: Encoded,
        building: Building,
        make: Callable[[int], Any],
        clusters: int,
        setting: str,
    ) -> None:
        """Learn centroids and fill it.

        `make`: an empty index for so many clusters. `setting`: what a search is told, both by the
        library's name and cmr's. Raises CmrError where the library refuses to.
        """
        import rabitqlib

        vectors = floats(items)
        self._rows, self._setting = len(vectors), setting
        threads = _threads(building.threads)
        clusters = min(clusters, self._rows)
        with refusals(LIBRARY, *_REFUSED):
            self._made = make(clusters)
            kmeans = rabitqlib.RaBitQKMeans(
                items.dim, clusters, num_threads=threads, spherical=True,
                final_assignment=rabitqlib.FinalAssignmentMode.Exact,
            )  # fmt: skip
            kmeans.train(vectors)
            self._made.build(vectors, kmeans.centroids, kmeans.assignments, num_threads=threads)
            with passing_folder(LIBRARY) as folder:
                self._made.save(str(folder / "index"))
                self.index_bytes = bytes_in(folder)
        if building.advance is not None:
            building.advance(self._rows)
        self.search_with(building.options)

    def search_with(self, options: Mapping[str, Value]) -> None:
        """See `Tunable`."""
        self._value = int(options[self._setting])

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """See `Searcher.search`."""
        with refusals(LIBRARY, *_REFUSED):
            found, distances = self.ready(queries, count, threads)()
        index = np.where(found == _NOTHING, -1, found.astype(np.int64))
        # Its distances are 1 - ⟨q,v⟩, and infinite where nothing was found.
        return widen(index, 1 - distances, count)

    def ready(self, queries: Encoded, count: int, threads: int = 0) -> Callable[[], Any]:
        """See `Ready`."""
        how = {self._setting: self._value, "num_threads": _threads(threads)}
        return partial(self._made.search, floats(queries), min(count, self._rows), **how)


@cache
def _threads(asked: int) -> int:
    """Of the library, which takes one where it is told nothing.

    To count the machine's takes longer than a search.
    """
    return asked or os.cpu_count() or 1


def ivf(items: Encoded, building: Building) -> RabitqIndex:
    """`rabitqlib-ivf`."""
    import rabitqlib

    rows, bits = len(items), int(building.options["bits"])

    def made(clusters: int) -> Any:
        return rabitqlib.IvfIndex(items.dim, rows, clusters, bits, metric="ip")

    return RabitqIndex(items, building, made, lists_of(rows, building.options["nlist"]), "nprobe")


def hnsw(items: Encoded, building: Building) -> RabitqIndex:
    """`rabitqlib-hnsw`."""
    import rabitqlib

    options = {name: int(value) for name, value in building.options.items()}

    def made(_: int) -> Any:
        return rabitqlib.HnswIndex(
            items.dim, len(items), options["m"], options["ef_construction"], options["bits"],
            metric="ip",
        )  # fmt: skip

    return RabitqIndex(items, building, made, options["clusters"], "ef")
