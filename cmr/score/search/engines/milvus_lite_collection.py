"""Milvus Lite's engine within this process, without the protocol that pymilvus speaks with it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cmr.represent.precisions import Encoded
from cmr.score.search.engines.batches import as_lists, inserts
from cmr.score.search.engines.engine_folder import bytes_in, folder_of
from cmr.score.search.engines.floats import floats
from cmr.score.search.engines.library_errors import refusals
from cmr.score.search.engines.library_noise import said_once
from cmr.score.search.indexes import Building, Ordinals, Scores
from cmr.score.search.scorer_options import Value

LIBRARY = "milvus-lite"
# What Milvus names an index; which of cmr's options building and searching take, by which name.
_GRAPH = {"m": "M", "ef_construction": "efConstruction"}
_KINDS = {
    "hnsw": ("HNSW", _GRAPH, {"ef": "ef"}),
    "hnsw-sq": ("HNSW_SQ", _GRAPH, {"ef": "ef"}),
    "ivf-flat": ("IVF_FLAT", {"nlist": "nlist"}, {"nprobe": "nprobe"}),
    "ivf-sq8": ("IVF_SQ8", {"nlist": "nlist"}, {"nprobe": "nprobe"}),
    "flat": ("FLAT", {}, {}),
}


class MilvusLiteCollection:
    """A collection of one gallery, with the index that was asked for."""

    def __init__(self, items: Encoded, building: Building) -> None:
        """Fill and index it. Raises CmrError where Milvus Lite refuses to."""
        from milvus_lite import (
            CollectionSchema,
            DataType,
            FieldSchema,
            MilvusLite,
            MilvusLiteError,
        )

        self._errors = (MilvusLiteError, RuntimeError, ValueError, MemoryError)
        self._rows, self._kind = len(items), str(building.options["index"])
        folder = folder_of(self, LIBRARY)
        name, told, _ = _KINDS[self._kind]
        attribute = building.attribute
        self._limit: int | None = None
        with refusals(LIBRARY, *self._errors), said_once(LIBRARY):
            database = MilvusLite(str(folder))
            weakref.finalize(self, database.close)
            fields = [
                FieldSchema(name="id", dtype=DataType.INT64, is_primary=True),
                FieldSchema(name="vector", dtype=DataType.FLOAT_VECTOR, dim=items.dim),
            ]
            if attribute is not None:
                fields.append(FieldSchema(name="attribute", dtype=DataType.INT64))
            self._collection = database.create_collection("items", CollectionSchema(fields=fields))
            for first, part in inserts(floats(items), building.advance):
                rows = [{"id": first + row, "vector": one} for row, one in enumerate(part.tolist())]
                if attribute is not None:
                    for row in rows:
                        row["attribute"] = int(attribute[row["id"]])
                self._collection.insert(rows)
            self._collection.flush()
            params = {theirs: building.options[ours] for ours, theirs in told.items()}
            how = {"index_type": name, "metric_type": "IP", "params": params}
            self._collection.create_index("vector", how)
            self._collection.load()
        self.index_bytes = bytes_in(folder)
        self.search_with(building.options)

    def search_with(self, options: Mapping[str, Value]) -> None:
        """See `Tunable`."""
        _, _, told = _KINDS[self._kind]
        self._params = {theirs: options[ours] for ours, theirs in told.items()}

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """See `Searcher.search`; Milvus takes several queries in one go."""
        with refusals(LIBRARY, *self._errors):
            answers = self.ready(queries, count, threads)()
        # What it calls a distance is a similarity here.
        found = [[(one["id"], one["distance"]) for one in answer] for answer in answers]
        return as_lists(found, len(queries), count)

    def ready(self, queries: Encoded, count: int, threads: int = 0) -> Callable[[], Any]:
        """See `Ready`; Milvus takes lists of numbers."""
        where = {} if self._limit is None else {"expr": f"attribute < {self._limit}"}
        return partial(
            self._collection.search, floats(queries).tolist(), top_k=min(count, self._rows),
            metric_type="IP", anns_field="vector", output_fields=["id"], search_params=self._params,
            **where,
        )  # fmt: skip

    def search_below(self, limit: int | None) -> None:
        """See `Filterable`."""
        self._limit = limit
