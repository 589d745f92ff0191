"""Qdrant's engine within this process: a shard in files of a folder of its own.

It writes no log of its updates, which are on disk once they are flushed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

from cmr.represent.precisions import Encoded
from cmr.score.search.engines.batches import as_lists, inserts
from cmr.score.search.engines.engine_folder import bytes_in, folder_of
from cmr.score.search.engines.floats import floats
from cmr.score.search.engines.library_errors import refusals
from cmr.score.search.engines.library_noise import said_once
from cmr.score.search.indexes import Building, Ordinals, Scores
from cmr.score.search.scorer_options import Value

LIBRARY = "qdrant-edge"
# Kilobytes of vectors below which Qdrant would rather read them all than use a graph, or make one.
_FULL_SCAN, _ANY = 10000, 1
# What its Python names a kind of codes, the setting, and the setting's type and value.
_CODES = {
    "int8": ("ScalarQuantizationConfig", "type", "ScalarType", "Int8"),
    "binary": ("BinaryQuantizationConfig", "encoding", "BinaryQuantizationEncoding", "OneBit"),
    **{
        f"turbo{bits}": (
            "TurboQuantQuantizationConfig", "bits", "TurboQuantBitSize", f"Bits{bits}"
        )
        for bits in (1, 2, 4, 8)
    },
    **{
        f"pq{times}": ("ProductQuantizationConfig", "compression", "CompressionRatio", f"X{times}")
        for times in (4, 8, 16, 32, 64)
    },
}  # fmt: skip
CODES = ("none", *_CODES)


class QdrantShard:
    """A shard of one gallery."""

    def __init__(self, items: Encoded, building: Building) -> None:
        """Fill it, and let it be optimised. Raises CmrError where Qdrant refuses to."""
        import qdrant_edge

        self._qdrant: Any = qdrant_edge
        self._filter: Any = None
        attribute = building.attribute

        def payload(row: int) -> dict[str, int] | None:
            return None if attribute is None else {"attribute": int(attribute[row])}

        folder = folder_of(self, LIBRARY)
        # Qdrant raises nothing but plain exceptions.
        with refusals(LIBRARY, Exception), said_once(LIBRARY):
            config = self._config(items.dim, building.options)
            self._shard = self._qdrant.EdgeShard.create(str(folder), config)
            weakref.finalize(self, self._shard.close)
            point, upsert = self._qdrant.Point, self._qdrant.UpdateOperation.upsert_points
            for first, part in inserts(floats(items), building.advance):
                points = [
                    point(first + place, one, payload(first + place))
                    for place, one in enumerate(part)
                ]
                self._shard.update(upsert(points))
            if building.options.get("payload_index") == "integer":
                kind = self._qdrant.PayloadSchemaType.Integer
                self._shard.update(
                    self._qdrant.UpdateOperation.create_field_index("attribute", kind)
                )
            self._shard.flush()
            self._shard.optimize()
            self._shard.flush()
        self._rows = len(items)
        self.index_bytes = bytes_in(folder)
        self.search_with(building.options)

    def _config(self, dim: int, options: Mapping[str, Value]) -> Any:
        qdrant = self._qdrant
        always = options["graph"] == "always"
        vectors = qdrant.EdgeVectorParams(size=dim, distance=qdrant.Distance.Dot)
        graph = qdrant.HnswIndexConfig(
            int(options["m"]), int(options["ef_construct"]), _ANY if always else _FULL_SCAN
        )
        optimizers = qdrant.EdgeOptimizersConfig(indexing_threshold=_ANY if always else None)
        codes = None
        if options["codes"] != "none":
            config, setting, kind, value = _CODES[str(options["codes"])]
            codes = getattr(qdrant, config)(**{setting: getattr(getattr(qdrant, kind), value)})
        return qdrant.EdgeConfig(
            vectors=vectors, hnsw_config=graph, quantization_config=codes, optimizers=optimizers,
            wal_enabled=False,
        )  # fmt: skip

    def search_with(self, options: Mapping[str, Value]) -> None:
        """See `Tunable`."""
        rescore = {"own": None, "yes": True, "no": False}[str(options["rescore"])]
        oversampling = float(options["oversampling"])
        codes = self._qdrant.QuantizationSearchParams(
            rescore=rescore, oversampling=oversampling if oversampling > 1 else None
        )
        ef = int(options["ef"]) or None
        self._params = self._qdrant.SearchParams(hnsw_ef=ef, quantization=codes)

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """See `Searcher.search`; Qdrant plans several queries in one go."""
        with refusals(LIBRARY, Exception):
            answers = self.ready(queries, count, threads)()
            found = [[(point.id, point.score) for point in answer] for answer in answers]
        return as_lists(found, len(queries), count)

    def ready(self, queries: Encoded, count: int, threads: int = 0) -> Callable[[], Any]:
        """See `Ready`."""
        request, nearest = self._qdrant.QueryRequest, self._qdrant.Query.Nearest
        limit, vectors = min(count, self._rows), floats(queries)
        params, passing = self._params, self._filter

        def ask() -> Any:
            asked = [
                request(limit=limit, query=nearest(one), params=params, filter=passing)
                for one in vectors
            ]
            if len(asked) > 1:
                return self._shard.query_batch(self._qdrant.QueryBatchRequest(asked))
            return [self._shard.query(one) for one in asked]

        return ask

    def search_below(self, limit: int | None) -> None:
        """See `Filterable`."""
        qdrant, self._filter = self._qdrant, None
        if limit is not None:
            below = qdrant.FieldCondition("attribute", range=qdrant.RangeFloat(lt=limit))
            self._filter = qdrant.Filter(must=[below])
