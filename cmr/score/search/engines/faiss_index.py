"""faiss: any index that its factory makes, trained on the gallery and searched by inner product."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cmr.errors import CmrError
from cmr.represent.precisions import Encoded
from cmr.score.search.engines.floats import floats
from cmr.score.search.engines.library_noise import said_once
from cmr.score.search.indexes import Building, Ordinals, Scores, widen
from cmr.score.search.scorer_options import Value

# Parts of a description that nothing is learnt for.
_UNTAUGHT = re.compile(
    r"((HNSW|NSG)\d*(_Flat|_SQ(fp16|bf16))?|R?Flat|IDMap2?|RR\d*|Pad\d+|L2norm"
    r"|SQ(fp16|bf16|8_direct(_signed)?))"
)
# What cmr's options of a search are called by faiss.
_PARAMETERS = {"nprobe": "nprobe", "ef": "efSearch"}


class FaissIndex:
    """An index by its factory's description."""

    def __init__(
        self, items: Encoded, building: Building, factory: str, after: Mapping[str, Value] = {}
    ) -> None:
        """Train and fill it. `after`: parameters that are set before vectors are added.

        Raises CmrError where faiss does not know the description, or cannot make it of so few.
        """
        import faiss

        self._faiss: Any = faiss
        self._attribute = building.attribute
        # What a filtered search is told, with what faiss does not hold on to itself.
        self._told: Any = None
        if building.threads:
            self._faiss.omp_set_num_threads(building.threads)
        vectors = floats(items)
        try:
            self._index = self._faiss.index_factory(
                items.dim, factory, self._faiss.METRIC_INNER_PRODUCT
            )
            self._set(after)
            with said_once("faiss"):
                if not self._index.is_trained:
                    taught = building.teachers
                    self._index.train(vectors if taught is None else taught)
                self._index.add(vectors)
        except (RuntimeError, MemoryError) as error:
            raise CmrError(
                f"faiss cannot make {factory!r} of these vectors: {_said(error)}"
            ) from None
        if building.advance is not None:
            building.advance(len(vectors))
        self.search_with(building.options)

    @property
    def index_bytes(self) -> int:
        """Bytes of the index as faiss writes it."""
        return int(self._faiss.serialize_index(self._index).nbytes)

    def search_with(self, options: Mapping[str, Value]) -> None:
        """See `Tunable`."""
        self._set({_PARAMETERS[name]: options[name] for name in _PARAMETERS if name in options})

    def _set(self, parameters: Mapping[str, Value]) -> None:
        for name, value in parameters.items():
            try:
                self._faiss.ParameterSpace().set_index_parameter(self._index, name, float(value))
            except RuntimeError:
                # An index of another kind, which has nothing of this name.
                continue

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """See `Searcher.search`.

        Raises CmrError where such an index takes no filter, or cannot be searched so.
        """
        try:
            scores, index = self.ready(queries, count, threads)()
        except (RuntimeError, MemoryError) as error:
            raise CmrError(f"faiss cannot search this index so: {_said(error)}") from None
        return widen(index, np.where(index < 0, -np.inf, scores), count)

    def ready(self, queries: Encoded, count: int, threads: int = 0) -> Callable[[], Any]:
        """See `Ready`."""
        asked, depth, told = floats(queries), min(count, self._index.ntotal), self._told
        search, use = self._index.search, self._faiss.omp_set_num_threads

        def ask() -> Any:
            if threads:
                # Of this thread alone, whichever other called before.
                use(threads)
            return search(asked, depth) if told is None else search(asked, depth, params=told)

        return ask

    def search_below(self, limit: int | None) -> None:
        """See `Filterable`; by an IDSelector, whatever the index."""
        self._told = None
        if limit is not None and self._attribute is not None:
            bits = np.packbits(self._attribute < limit, bitorder="little")
            self._told = filtered(self._faiss, self._index, self._faiss.IDSelectorBitmap(bits))


def filtered(faiss: Any, index: Any, selector: Any) -> Any:
    """Parameters of a search among what a selector lets pass, with the index's own settings."""
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        inner = filtered(faiss, index.index, selector)
        return faiss.SearchParametersPreTransform(index_params=inner)
    if isinstance(index, faiss.IndexRefine):
        inner = filtered(faiss, index.base_index, selector)
        return faiss.IndexRefineSearchParameters(k_factor=index.k_factor, base_index_params=inner)
    if isinstance(index, faiss.IndexHNSW):
        return faiss.SearchParametersHNSW(sel=selector, efSearch=index.hnsw.efSearch)
    if isinstance(index, faiss.IndexIVF):
        return faiss.SearchParametersIVF(sel=selector, nprobe=index.nprobe)
    return faiss.SearchParameters(sel=selector)


def _said(error: RuntimeError | MemoryError) -> str:
    """What faiss says, without where in its source, and without the condition where it explains."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    text = str(error).strip().splitlines()[0]
    text = text.partition("Error: ")[2] or text.rpartition(": ")[2] or text
    return text.partition("' failed: ")[2] or text


def learns(factory: str) -> bool:
    """Whether an index of a description is trained; a graph or a rotation at random is not."""
    return not all(_UNTAUGHT.fullmatch(part) for part in factory.split(","))


def lists_of(rows: int, asked: Value) -> int:
    """Number of inverted lists: what is asked for, or 4 √n, faiss's advice for a small index."""
    return int(asked) or max(1, min(rows, round(4 * math.sqrt(rows))))


def by_factory(items: Encoded, building: Building) -> FaissIndex:
    """`faiss`: any description."""
    return FaissIndex(items, building, str(building.options["factory"]))


def flat(items: Encoded, building: Building) -> FaissIndex:
    """`faiss-flat`."""
    return FaissIndex(items, building, "Flat")


def hnsw(items: Encoded, building: Building) -> FaissIndex:
    """`faiss-hnsw`."""
    options = building.options
    after = {"efConstruction": options["ef_construction"]}
    return FaissIndex(items, building, f"HNSW{options['m']}", after)


def ivf(items: Encoded, building: Building) -> FaissIndex:
    """`faiss-ivf`."""
    return FaissIndex(items, building, f"IVF{lists_of(len(items), building.options['nlist'])},Flat")


def ivfpq(items: Encoded, building: Building) -> FaissIndex:
    """`faiss-ivfpq`: rotated (OPQ), in lists, product-quantised."""
    options = building.options
    nlist = lists_of(len(items), options["nlist"])
    code = f"PQ{options['m']}x{options['bits']}"
    rotated = f"OPQ{options['m']}," if options["opq"] == "yes" else ""
    return FaissIndex(items, building, f"{rotated}IVF{nlist},{code}")


def scalar(items: Encoded, building: Building) -> FaissIndex:
    """`faiss-sq`."""
    return FaissIndex(items, building, f"SQ{building.options['type']}")


def rabitq(items: Encoded, building: Building) -> FaissIndex:
    """`faiss-rabitq`: rotated at random, 1 to 9 bits a dimension."""
    bits = building.options["bits"]
    return FaissIndex(items, building, f"RR,RaBitQ{bits}" if int(bits) > 1 else "RR,RaBitQ")
