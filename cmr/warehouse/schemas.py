"""The contract: the pyarrow schema and the partition keys of every table.

Partition keys live in folder names (Hive style), so they are not columns of the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from cmr.precision import precision_of

TEXT = "text"
VISUAL = "visual"
MODALITIES = (TEXT, VISUAL)


@dataclass(frozen=True)
class Table:
    """One table: its name, the folder keys, and the columns of its files.

    `key`: for a catalogue table, the columns whose values name a row's file.
    """

    name: str
    partitions: tuple[str, ...]
    schema: pa.Schema
    key: tuple[str, ...] = ()

    @cached_property
    def times(self) -> tuple[str, ...]:
        """The columns that hold times."""
        return tuple(field.name for field in self.schema if pa.types.is_timestamp(field.type))


def _schema(*fields: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in fields])


_TIME = pa.timestamp("us", tz="UTC")
_NAMES = pa.list_(pa.string())
# Added to a catalogue row by the writer: the SHA-256 of each of its files, of each file's footer,
# and of the row itself. Rows from earlier versions lack some or all of them.
ROW_CHECKSUM = "row_checksum"
_CHECKSUMS = (("checksums", _NAMES), ("footers", _NAMES), (ROW_CHECKSUM, pa.string()))
ADDED = tuple(name for name, _ in _CHECKSUMS)

DATASETS = Table(
    "datasets",
    (),
    _schema(
        ("dataset", pa.string()),
        ("fingerprint", pa.string()),
        ("source", pa.string()),
        ("settings", pa.string()),
        ("media", pa.string()),
        ("texts", pa.int64()),
        ("visuals", pa.int64()),
        ("judgments", pa.int64()),
        ("rejects", pa.int64()),
        ("files", _NAMES),
        ("created_at", _TIME),
        ("seconds", pa.float64()),
        *_CHECKSUMS,
    ),
    ("dataset",),
)
ITEMS = Table(
    "items",
    ("dataset", "modality"),
    _schema(
        ("item_id", pa.string()),
        ("ordinal", pa.int64()),
        ("text", pa.string()),
        ("uri", pa.string()),
        ("split", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("duration", pa.float64()),
        ("content_hash", pa.string()),
    ),
)
# What a source says of an item beside its caption and its media: a row for each value of a name.
ATTRIBUTES = Table(
    "attributes",
    ("dataset", "modality"),
    _schema(("item_id", pa.string()), ("name", pa.string()), ("value", pa.string())),
)
QRELS = Table(
    "qrels",
    ("dataset",),
    _schema(("text_id", pa.string()), ("visual_id", pa.string()), ("relevance", pa.int32())),
)
QRELS_SETS = Table(
    "qrels_sets",
    (),
    _schema(
        ("dataset", pa.string()),
        ("qrels", pa.string()),
        ("fingerprint", pa.string()),
        ("source", pa.string()),
        ("settings", pa.string()),
        ("judgments", pa.int64()),
        ("left_out", pa.int64()),
        ("files", _NAMES),
        ("created_at", _TIME),
        ("seconds", pa.float64()),
        *_CHECKSUMS,
    ),
    ("dataset", "qrels"),
)
EXTRA_QRELS = Table(
    "extra_qrels",
    ("dataset", "qrels"),
    _schema(
        ("direction", pa.string()),
        ("text_id", pa.string()),
        ("visual_id", pa.string()),
        ("relevance", pa.int32()),
    ),
)
REJECTS = Table(
    "rejects",
    ("dataset",),
    _schema(("source_row", pa.string()), ("reason", pa.string())),
)
EMBEDDING_SETS = Table(
    "embedding_sets",
    (),
    _schema(
        ("set_id", pa.string()),
        ("dataset", pa.string()),
        ("dataset_fingerprint", pa.string()),
        ("model", pa.string()),
        ("modality", pa.string()),
        ("dim", pa.int32()),
        ("dim_method", pa.string()),
        ("precision", pa.string()),
        ("seed", pa.int64()),
        ("parent", pa.string()),
        ("rows", pa.int64()),
        ("vector_bytes", pa.int64()),
        ("file_bytes", pa.int64()),
        ("fingerprint", pa.string()),
        ("settings", pa.string()),
        ("files", _NAMES),
        ("created_at", _TIME),
        ("seconds", pa.float64()),
        # Added later: NULL for a set that was written before, or that has no codes.
        ("quantizer", pa.string()),
        ("calibration_set", pa.string()),
        ("range_low", pa.list_(pa.float32())),
        ("range_high", pa.list_(pa.float32())),
        ("clip_rate", pa.float64()),
        ("used_codes", pa.int32()),
        ("error", pa.float64()),
        ("centre", pa.list_(pa.float32())),
        ("balanced", pa.float64()),
        # For what is learnt from vectors: the vectors' data set, and how many they are.
        ("fit_on", pa.string()),
        ("fit_vectors", pa.int64()),
        *_CHECKSUMS,
    ),
    ("set_id",),
)
FRAMES = Table(
    "frames",
    ("dataset", "model"),
    _schema(
        ("item_id", pa.string()),
        ("frame", pa.int32()),
        ("time", pa.float64()),
        ("vector", pa.list_(pa.float32())),
    ),
)
EMBEDDING_KEYS = ("dataset", "model", "modality", "dim", "dim_method", "precision")
# What the codes of a set name, beside them: a row of the rotation, or of a part's centroids.
CODEBOOKS = Table(
    "codebooks",
    EMBEDDING_KEYS,
    _schema(
        ("part", pa.int32()),
        ("code", pa.int32()),
        ("values", pa.list_(pa.float32())),
        ("learnt_by", pa.string()),
    ),
)
RUNS = Table(
    "runs",
    (),
    _schema(
        ("run_id", pa.string()),
        ("dataset", pa.string()),
        ("qrels", pa.string()),
        ("model", pa.string()),
        ("direction", pa.string()),
        ("dim", pa.int32()),
        ("dim_method", pa.string()),
        ("precision", pa.string()),
        ("scorer", pa.string()),
        ("seed", pa.int64()),
        ("protocols", _NAMES),
        ("candidates", pa.list_(pa.int64())),
        ("sampled_candidates", pa.list_(pa.int64())),
        ("ks", pa.list_(pa.int64())),
        ("draws", pa.int32()),
        ("hits", pa.int32()),
        ("queries", pa.int64()),
        ("gallery", pa.int64()),
        ("text_set", pa.string()),
        ("visual_set", pa.string()),
        ("dataset_fingerprint", pa.string()),
        ("qrels_fingerprint", pa.string()),
        ("vector_bytes", pa.int64()),
        ("device", pa.string()),
        ("plan", pa.string()),
        ("versions", pa.string()),
        ("machine", pa.string()),
        ("files", _NAMES),
        ("started_at", _TIME),
        ("seconds", pa.float64()),
        # Added later: NULL for an earlier run, which is exact and of one stage.
        ("quantizer", pa.string()),
        ("query_precision", pa.string()),
        ("scorer_settings", pa.string()),
        ("list_length", pa.int64()),
        ("connectivity", pa.int64()),
        ("expansion_add", pa.int64()),
        ("expansion_search", pa.int64()),
        ("rescore", pa.string()),
        ("oversample", pa.int64()),
        ("rescore_bytes", pa.int64()),
        ("index_bytes", pa.int64()),
        # The C requested with expected. In a row without it, `candidates` may hold others, too.
        ("expected_candidates", pa.list_(pa.int64())),
        # The most relevant items of any query. A run without it has ranks without `cluster`.
        ("most_relevants", pa.int64()),
        # As in the gallery's set. `folds`: the number of folds it was fitted in; 0 for none.
        ("fit_on", pa.string()),
        ("fit_vectors", pa.int64()),
        ("folds", pa.int32()),
        # Of an engine, in words; the JSON of scorer_settings has them by name.
        ("scorer_options", pa.string()),
        # Whether the engine learns as well; fit_on and fit_vectors are then of it, too.
        ("scorer_learns", pa.bool_()),
        # Whether visuals are ranked by the best of their captions; ranks are then of visuals.
        ("grouped", pa.bool_()),
        # Whether its ranks have `case_no`; NULL in the rows of earlier versions.
        ("has_cases", pa.bool_()),
        *_CHECKSUMS,
    ),
    ("run_id",),
)
# What never changes for a relevant pair; rows from earlier versions lack them. `cluster`: ordinal
# of the visual by which its query's errors are clustered. `ideal_gains`: the query's judgments in
# descending order if they are graded, else NULL. CASES: see `cmr.score.alike`.
CASES = CASE_NO, CASE_PAIRS, ALIKE = "case_no", "case_pairs", "alike"
_FACTS = (
    ("cluster", pa.int64()),
    ("ideal_gains", pa.list_(pa.int32())),
    *((name, pa.int64()) for name in CASES),
)
_COUNTS = (
    ("relevance", pa.int32()),
    ("above", pa.int64()),
    ("tied", pa.int64()),
    ("relevants_above", pa.int64()),
    ("relevants_tied", pa.int64()),
    ("relevants", pa.int64()),
)
RANKS = Table(
    "ranks",
    ("run_id",),
    _schema(
        ("query_id", pa.string()),
        ("item_id", pa.string()),
        ("relevance", pa.int32()),
        ("score", pa.float32()),
        ("above", pa.int64()),
        ("tied", pa.int64()),
        ("relevants_above", pa.int64()),
        ("relevants_tied", pa.int64()),
        ("relevants", pa.int64()),
        ("gallery", pa.int64()),
        *_FACTS,
    ),
)
# The fold of the data that a query is in; what scores it was fitted to the other folds.
FOLD = pa.field("fold", pa.int32())
# As `ranks`, with each query scored by what was learnt without it and its relevant items.
HELD_OUT_RANKS = Table("held_out_ranks", RANKS.partitions, RANKS.schema.append(FOLD))
SAMPLED_RANKS = Table(
    "sampled_ranks",
    ("run_id",),
    _schema(
        ("query_id", pa.string()),
        ("item_id", pa.string()),
        ("candidates", pa.int64()),
        ("draw", pa.int32()),
        *_COUNTS,
        *_FACTS,
    ),
)
HITS = Table(
    "hits",
    ("run_id",),
    _schema(
        ("query_id", pa.string()),
        ("position", pa.int32()),
        ("item_id", pa.string()),
        ("score", pa.float32()),
        ("relevance", pa.int32()),
        # Added later: NULL for exact runs.
        ("exact_above", pa.int64()),
        ("cluster", pa.int64()),
    ),
)
# As `hits`, for the queries and vectors of HELD_OUT_RANKS.
HELD_OUT_HITS = Table("held_out_hits", HITS.partitions, HITS.schema.append(FOLD))
TIMINGS = Table(
    "timings",
    ("run_id",),
    _schema(
        ("stage", pa.string()),
        ("candidates", pa.int64()),
        ("batch", pa.int64()),
        ("repeat", pa.int32()),
        ("seconds", pa.float64()),
        ("queries", pa.int64()),
        ("peak_rss_bytes", pa.int64()),
        ("peak_device_bytes", pa.int64()),
        ("vector_bytes", pa.int64()),
        # Added later: NULL for the stages of a run.
        ("threads", pa.int32()),
        ("idle_rss_bytes", pa.int64()),
        ("latencies", pa.list_(pa.float64())),
    ),
)
# What `cmr bench` measured; its rows of `timings` are in the folder run_id=<bench_id>.
BENCHES = Table(
    "benches",
    (),
    _schema(
        ("bench_id", pa.string()),
        ("stage", pa.string()),
        ("dataset", pa.string()),
        ("dataset_fingerprint", pa.string()),
        ("model", pa.string()),
        ("modality", pa.string()),
        ("direction", pa.string()),
        ("dim", pa.int32()),
        ("dim_method", pa.string()),
        ("precision", pa.string()),
        ("quantizer", pa.string()),
        ("query_precision", pa.string()),
        ("scorer", pa.string()),
        ("scorer_options", pa.string()),
        ("connectivity", pa.int64()),
        ("expansion_add", pa.int64()),
        ("expansion_search", pa.int64()),
        ("rescore", pa.string()),
        ("oversample", pa.int64()),
        ("text_set", pa.string()),
        ("visual_set", pa.string()),
        ("gallery", pa.int64()),
        ("candidates", pa.int64()),
        ("k", pa.int64()),
        ("batch", pa.int64()),
        ("repeats", pa.int32()),
        ("seed", pa.int64()),
        ("threads", pa.int32()),
        ("device", pa.string()),
        ("race", pa.string()),
        ("conditions", pa.string()),
        ("machine", pa.string()),
        ("versions", pa.string()),
        ("vector_bytes", pa.int64()),
        ("disk_vector_bytes", pa.float64()),
        ("memory_vector_bytes", pa.float64()),
        ("index_vector_bytes", pa.float64()),
        ("agreement", pa.float64()),
        ("files", _NAMES),
        ("started_at", _TIME),
        ("seconds", pa.float64()),
        # Added later: NULL for what was not measured with several clients, or with a filter.
        ("clients", pa.int64()),
        ("selectivity", pa.float64()),
        ("missing_results", pa.float64()),
        # What a search looks at; NULL for an earlier measurement.
        ("reads", pa.string()),
        *_CHECKSUMS,
    ),
    ("bench_id",),
)

# The view `metrics` of a run, computed once and stored. No catalogue row names these files: their
# names identify them, and without one the view is computed.
METRICS = Table(
    "metrics",
    ("run_id",),
    _schema(
        *((name, pa.string()) for name in ("dataset", "qrels", "model", "direction")),
        ("dim", pa.int32()),
        *((name, pa.string()) for name in ("dim_method", "precision", "quantizer", "scorer")),
        ("variant", pa.string()),
        ("fit", pa.string()),
        ("protocol", pa.string()),
        ("candidates", pa.int64()),
        ("measure", pa.string()),
        ("k", pa.int64()),
        *((name, pa.float64()) for name in ("value", "ci_low", "ci_high", "chance", "lift")),
        ("queries", pa.int64()),
        ("draws", pa.int32()),
    ),
)

# Work in progress of `cmr evaluate --shard` and `--engine ray`; removed once the runs exist.
# `pair`: the position among a direction's judged pairs. `candidates`, `draw`: of a drawn pool, NULL
# for the gallery shard. `compared`: how many gallery items were counted.
PARTIAL_COUNTS = Table(
    "partial_counts",
    ("key",),
    _schema(
        ("direction", pa.string()),
        ("pair", pa.int64()),
        ("candidates", pa.int64()),
        ("draw", pa.int32()),
        ("above", pa.int64()),
        ("tied", pa.int64()),
        ("relevants_above", pa.int64()),
        ("relevants_tied", pa.int64()),
        ("compared", pa.int64()),
    ),
)
# Each query's best items among a task's, by ordinal; stored beside the task's counts.
PARTIAL_HITS = Table(
    PARTIAL_COUNTS.name,
    PARTIAL_COUNTS.partitions,
    _schema(
        ("direction", pa.string()),
        ("query", pa.int64()),
        ("item", pa.int64()),
        ("score", pa.float64()),
    ),
)
TASKS = Table(
    "tasks",
    (),
    _schema(
        ("task", pa.string()),
        ("key", pa.string()),
        ("runs", _NAMES),
        ("title", pa.string()),
        ("shard", pa.int64()),
        ("shards", pa.int64()),
        ("texts", pa.list_(pa.int64())),
        ("visuals", pa.list_(pa.int64())),
        ("rows", pa.int64()),
        ("files", _NAMES),
        ("hashes", _NAMES),
        ("plan", pa.string()),
        ("device", pa.string()),
        ("host", pa.string()),
        ("started_at", _TIME),
        ("seconds", pa.float64()),
        *_CHECKSUMS,
    ),
    ("task",),
)
THRESHOLDS = Table(
    "thresholds",
    (),
    _schema(("direction", pa.string()), ("value", pa.float64())),
)

TABLES = {
    table.name: table
    for table in (
        DATASETS,
        ITEMS,
        ATTRIBUTES,
        QRELS,
        QRELS_SETS,
        EXTRA_QRELS,
        REJECTS,
        EMBEDDING_SETS,
        FRAMES,
        CODEBOOKS,
        RUNS,
        RANKS,
        HELD_OUT_RANKS,
        SAMPLED_RANKS,
        HITS,
        HELD_OUT_HITS,
        TIMINGS,
        BENCHES,
    )
}
# Tables whose rows name their own files.
CATALOGUE = (DATASETS, QRELS_SETS, EMBEDDING_SETS, RUNS, BENCHES)


def embeddings_schema(dim: int, precision: str) -> pa.Schema:
    """Columns of one embedding set's files.

    Precisions that are stored as lists have `vector` (fixed-size list of `dim` floats); the others
    have `codes` (fixed-size binary) and `scale` (float32; 1.0 if the precision has no scale). That
    no float is missing is declared: Arrow then reads them in two thirds of the time.
    """
    row = precision_of(precision)
    head = [pa.field("ordinal", pa.int64()), pa.field("item_id", pa.string())]
    if row.as_list:
        element = pa.field("element", pa.from_numpy_dtype(row.stored), nullable=False)
        return pa.schema([*head, pa.field("vector", pa.list_(element, dim))])
    codes = pa.field("codes", pa.binary(row.vector_bytes(dim)))
    return pa.schema([*head, codes, pa.field("scale", pa.float32())])
