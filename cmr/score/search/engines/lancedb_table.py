"""LanceDB: a table in files of a folder of its own, with an index over its vectors."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cmr.represent.precisions import Encoded
from cmr.score.search.engines.engine_folder import bytes_in, folder_of
from cmr.score.search.engines.floats import Floats, floats
from cmr.score.search.engines.library_errors import refusals
from cmr.score.search.engines.library_noise import said_once
from cmr.score.search.indexes import Building, Ordinals, Scores
from cmr.score.search.scorer_options import Value

LIBRARY = "lancedb"
# What lancedb calls an index, and what of cmr's options it takes by which name.
_PARTITIONS = {"partitions": "num_partitions"}
_GRAPH = {**_PARTITIONS, "m": "m", "ef_construction": "ef_construction"}
_KINDS = {
    "ivf-pq": ("IvfPq", {**_PARTITIONS, "sub_vectors": "num_sub_vectors", "bits": "num_bits"}),
    "ivf-rq": ("IvfRq", {**_PARTITIONS, "bits": "num_bits"}),
    "ivf-sq": ("IvfSq", _PARTITIONS),
    "ivf-flat": ("IvfFlat", _PARTITIONS),
    "ivf-hnsw-sq": ("HnswSq", _GRAPH),
    "ivf-hnsw-pq": ("HnswPq", {**_GRAPH, "sub_vectors": "num_sub_vectors", "bits": "num_bits"}),
    "ivf-hnsw-flat": ("HnswFlat", _GRAPH),
}
INDEXES = (*_KINDS, "none")
_REFUSED = (RuntimeError, ValueError, OSError)


class LancedbTable:
    """A table of one gallery, with the index that was asked for."""

    def __init__(self, items: Encoded, building: Building) -> None:
        """Fill and index it. Raises CmrError where LanceDB refuses to."""
        # Or it says of each new table that there was none before.
        os.environ.setdefault("LANCEDB_LOG", "error")
        import lancedb

        self._rows = len(items)
        self._limit: int | None = None
        folder = folder_of(self, LIBRARY)
        with refusals(LIBRARY, *_REFUSED), said_once(LIBRARY):
            database = lancedb.connect(str(folder))
            self._table = database.create_table("items", _arrow(floats(items), building))
            kind = str(building.options["index"])
            if kind in _KINDS:
                self._table.create_index("vector", config=_index(kind, building.options))
        if building.advance is not None:
            building.advance(self._rows)
        self.index_bytes = bytes_in(folder)
        self.search_with(building.options)

    def search_with(self, options: Mapping[str, Value]) -> None:
        """See `Tunable`."""
        self._settings = {
            name: int(options[name]) for name in ("nprobes", "refine_factor", "ef") if options[name]
        }
        self._prefilter = options.get("prefilter", "yes") == "yes"

    def search_below(self, limit: int | None) -> None:
        """See `Filterable`."""
        self._limit = limit

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """See `Searcher.search`; LanceDB takes several queries in one go."""
        with refusals(LIBRARY, *_REFUSED):
            found = self.ready(queries, count, threads)()
        many = len(queries)
        of = found["query_index"].to_numpy() if many > 1 else np.zeros(len(found), np.int64)
        return _lists(of, found["id"].to_numpy(), found["_distance"].to_numpy(), many, count)

    def ready(self, queries: Encoded, count: int, threads: int = 0) -> Callable[[], Any]:
        """See `Ready`."""
        vectors, limit = floats(queries), min(count, self._rows)
        asked = list(vectors) if len(vectors) > 1 else vectors[0]
        search, settings = self._table.search, tuple(self._settings.items())
        where = None if self._limit is None else f"attribute < {self._limit}"

        def ask() -> Any:
            query = search(asked).distance_type("dot").limit(limit)
            for name, value in settings:
                query = getattr(query, name)(value)
            if where is not None:
                query = query.where(where, prefilter=self._prefilter)
            return query.select(["id", "_distance"]).to_arrow()

        return ask


def _arrow(vectors: Floats, building: Building) -> Any:
    """Ordinals and vectors as Arrow holds them, and what is filtered by."""
    import pyarrow as pa

    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    columns = {"id": pa.array(np.arange(len(vectors))), "vector": column}
    if building.attribute is not None:
        columns["attribute"] = pa.array(building.attribute)
    return pa.table(columns)


def _index(kind: str, options: Mapping[str, Value]) -> Any:
    """LanceDB's description of an index; what is 0 is left to it."""
    from lancedb import index

    name, told = _KINDS[kind]
    given = {theirs: int(options[ours]) for ours, theirs in told.items() if options[ours]}
    return getattr(index, name)(distance_type="dot", **given)


def _lists(
    of: Ordinals, items: Ordinals, distances: Scores, queries: int, count: int
) -> tuple[Ordinals, Scores]:
    """Lists of rows that say which query they are of; its distances are 1 - ⟨q,v⟩."""
    order = np.lexsort((distances, of))
    of, items, distances = of[order], items[order], distances[order]
    place = np.arange(len(of)) - np.searchsorted(of, of)
    index = np.full((queries, count), -1, dtype=np.int64)
    scores = np.full((queries, count), -np.inf, dtype=np.float32)
    index[of, place], scores[of, place] = items, 1 - distances
    return index, scores
