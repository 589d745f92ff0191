"""zvec: a collection in files of a folder of its own."""

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

LIBRARY = "zvec"
# More than so many documents are refused in one insert.
_INSERT = 1000
# What zvec names an index and its searches, and which of cmr's options each takes by which name.
_GRAPH = {"m": "m", "ef_construction": "ef_construction"}
_CODED = {"codes": "quantize_type"}
_KINDS = {
    "hnsw": ("HnswIndexParam", {**_GRAPH, **_CODED}, "HnswQueryParam", {"ef": "ef"}),
    "ivf": ("IVFIndexParam", {"lists": "n_list", **_CODED}, "IVFQueryParam", {"nprobe": "nprobe"}),
    "flat": ("FlatIndexParam", _CODED, "", {}),
    "hnsw-rabitq": (
        "HnswRabitqIndexParam", {**_GRAPH, "bits": "total_bits"}, "HnswRabitqQueryParam",
        {"ef": "ef"},
    ),
    "ivf-rabitq": (
        "IvfRabitqIndexParam", {"lists": "nlist", "bits": "total_bits"}, "IvfRabitqQueryParam",
        {"nprobe": "nprobe"},
    ),
}  # fmt: skip
_CODES = {"none": "UNDEFINED", "fp16": "FP16", "int8": "INT8", "int4": "INT4"}


class ZvecCollection:
    """A collection of one gallery, with the index that was asked for."""

    def __init__(self, items: Encoded, building: Building) -> None:
        """Fill and index it. Raises CmrError where zvec refuses to."""
        import zvec

        self._zvec: Any = zvec
        self._where: str | None = None
        self._kind = str(building.options["index"])
        folder = folder_of(self, LIBRARY) / "items"
        with refusals(LIBRARY, RuntimeError, ValueError, KeyError, TypeError), said_once(LIBRARY):
            vectors = zvec.VectorSchema(
                "vector", zvec.DataType.VECTOR_FP32, items.dim,
                index_param=self._index(building.options),
            )  # fmt: skip
            schema = zvec.CollectionSchema(
                name="items", vectors=vectors, fields=self._fields(building)
            )
            self._collection = zvec.create_and_open(path=str(folder), schema=schema)
            weakref.finalize(self, self._collection.close)
            for first, part in inserts(floats(items), building.advance, _INSERT):
                self._insert(first, part, building.attribute)
            self._collection.optimize()
            self._collection.flush()
        self._rows = len(items)
        self.index_bytes = bytes_in(folder)
        self.search_with(building.options)

    def _fields(self, building: Building) -> list[Any] | None:
        """What is filtered by."""
        if building.attribute is None:
            return None
        inverted = building.options.get("filter_index") == "inverted"
        how = {"index_param": self._zvec.InvertIndexParam()} if inverted else {}
        return [self._zvec.FieldSchema("attribute", self._zvec.DataType.INT64, **how)]

    def _insert(self, first: int, part: Any, attribute: Ordinals | None) -> None:
        document = self._zvec.Doc
        documents = [
            document(
                id=str(row), vectors={"vector": one},
                fields=None if attribute is None else {"attribute": int(attribute[row])},
            )
            for row, one in enumerate(part, first)
        ]  # fmt: skip
        for status in self._collection.insert(documents):
            if not status.ok():
                raise RuntimeError(f"a vector was not taken: {status.message()}")

    def _index(self, options: Mapping[str, Value]) -> Any:
        name, told, _, _ = _KINDS[self._kind]
        given: dict[str, Any] = {
            theirs: options[ours] for ours, theirs in told.items() if options[ours]
        }
        if "quantize_type" in given:
            given["quantize_type"] = getattr(
                self._zvec.QuantizeType, _CODES[str(given["quantize_type"])]
            )
        return getattr(self._zvec, name)(metric_type=self._zvec.MetricType.IP, **given)

    def search_with(self, options: Mapping[str, Value]) -> None:
        """See `Tunable`."""
        _, _, name, told = _KINDS[self._kind]
        given = {theirs: options[ours] for ours, theirs in told.items()}
        refined = options["refine"] == "yes"
        # Estimates by RaBitQ's codes are ⟨q,v⟩ - 1.
        self._above = 1.0 if self._kind.endswith("rabitq") and not refined else 0.0
        self._param = getattr(self._zvec, name)(is_using_refiner=refined, **given) if name else None

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """See `Searcher.search`; one query after the other."""
        with refusals(LIBRARY, RuntimeError, ValueError, KeyError, TypeError):
            found = [
                [(int(one.id), one.score + self._above) for one in answer]
                for answer in self.ready(queries, count, threads)()
            ]
        return as_lists(found, len(queries), count)

    def ready(self, queries: Encoded, count: int, threads: int = 0) -> Callable[[], Any]:
        """See `Ready`."""
        query, ask, param = self._zvec.Query, self._collection.query, self._param
        limit, asked, where = min(count, self._rows), floats(queries), self._where
        return lambda: [
            ask(
                query(field_name="vector", vector=one, param=param), topk=limit, filter=where,
                output_fields=[],
            )
            for one in asked
        ]  # fmt: skip

    def search_below(self, limit: int | None) -> None:
        """See `Filterable`."""
        self._where = None if limit is None else f"attribute < {limit}"
