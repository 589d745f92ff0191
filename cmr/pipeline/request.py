"""What an evaluation can be asked for: the single declaration of its options.

`cmr evaluate` and `cmr bench` generate their options from these fields, and Python's
`Warehouse.evaluate` its keywords. It imports nothing heavy, because the help is generated from it.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from cmr.errors import CmrError
from cmr.pipeline.option_fields import Many, ManyOrNone, One
from cmr.pipeline.option_values import LARGEST_LONG, ByteSize, Choice, Flag, Integer, Text
from cmr.precision import EVALUATED, listed
from cmr.protocols import PROTOCOLS, SINGLE, is_grouped, is_whole, plain
from cmr.represent.dim_methods import BELOW_NATIVE
from cmr.represent.quantizer_kinds import ABSMAX, ALL, quantizer_help, quantizer_names
from cmr.score.search.graph_settings import USUAL
from cmr.score.search.scorer_kinds import TORCH, scorer_help, scorer_names

DIRECTIONS = ("t2v", "v2t")
# Measures are always shown at these cut-offs; `cutoffs` of `sql/macros/pools.sql` has them, too.
ALWAYS_KS = (1, 5, 10)
# Sizes C of the published candidate pools.
POOL_SIZES = (100, 200, 300, 400, 500)
# And beyond them, for galleries with distractors: 1,000, 2,000, 5,000 and so on.
GROWN = tuple(step * 10**power for power in range(3, 10) for step in (1, 2, 5))
DEFAULT_QRELS = "default"
POSITIVE = Integer(1)


@dataclass(frozen=True)
class Request:
    """The settings of an evaluation; the defaults are the published grid.

    `dataset`, `model`: empty for all (`cmr.pipeline.each_request`). `dims`, `precisions`: None for
    those of the published grid, which also adds the native vectors as fp32
    (`cmr.pipeline.wanted`). `candidates`: empty for the published sizes that the gallery holds
    (`cmr.pipeline.pool_checks`). `directions`: empty for all that have judgments.
    For usearch-hnsw: `connectivity`, `expansion_add`, `expansion_search` (empty for usearch's
    defaults), one run per value. `rescore`: precision of a second stage over `oversample` times as
    many items as the list holds. `list_length`: of lists that are not full rankings; None for the
    largest K.

    Raises CmrError for a value that is invalid for any data.
    """

    dataset: Many[str] = Many(Text(), None, "Data sets.  [default: all that have vectors]")
    model: Many[str] = Many(Text(), None, "Models.  [default: all of each data set]")
    _: KW_ONLY
    dims: ManyOrNone[int] = ManyOrNone(
        POSITIVE,
        None,
        "Dimensions.  [default: what the model declares, else 256,512,1024, and the native one]",
    )
    precisions: ManyOrNone[str] = ManyOrNone(
        Text(),
        None,
        f"Of {listed()}.  [default: {','.join(EVALUATED)}, and fp32 at the native dimension]",
    )
    quantizers: Many[str] = Many(
        Choice(lambda: [*quantizer_names(), ALL]),
        ABSMAX,
        f"How codes are made: {quantizer_help()}",
        flag="quantizer",
    )
    dim_methods: Many[str] = Many(
        Text(),
        None,
        f"Of {', '.join(BELOW_NATIVE)}, for dimensions below the native one.  "
        f"[default: truncate where the model declares dimensions, else {BELOW_NATIVE[0]}]",
    )
    fit_on: One[str | None] = One(
        Text(),
        None,
        "Learn bases, ranges and thresholds from this data set's vectors of the same model.  "
        "[default: from the scored data, and again without each fold of it]",
        metavar="DATASET",
    )
    folds: One[int | None] = One(
        Integer(0, 100),
        None,
        "Folds of the data, each scored by what was learnt without it; 0 for none.  "
        "[default: 5, or 2 where there are 200 vectors per dimension]",
    )
    candidates: Many[int] = Many(
        Integer(1, because="a smaller pool cannot hold a relevant item"),
        None,
        "Sizes C of the candidate pools, relevant items included.  "
        f"[default: {','.join(map(str, POOL_SIZES))}, as far as galleries hold them, and "
        "with distractors 1000,2000,5000,… up to the gallery]",
    )
    k: Many[int] = Many(POSITIVE, 10, "Cut-offs K.")
    seed: One[int] = One(Integer(0, LARGEST_LONG), 42)
    protocols: Many[str] = Many(
        Choice(PROTOCOLS),
        SINGLE,
        f"Of {', '.join(PROTOCOLS)}. What is grouped ranks visuals by the best of their captions, "
        "as video papers do, for v2t alone; the others rank captions singly.  "
        f"[default: {','.join(SINGLE)}]",
    )
    directions: Many[str] = Many(
        Choice(DIRECTIONS), None, "Of t2v, v2t.  [default: all that have judgments]"
    )
    qrels: One[str] = One(
        Text(), DEFAULT_QRELS, "Judgments to use, by the name that `cmr ingest qrels` gave them."
    )
    draws: One[int] = One(POSITIVE, 1, "Pools per query, for sampled.")
    hits: One[int] = One(Integer(0), 0, "Store the top N of every query.")
    scorer: One[str] = One(
        Choice(scorer_names),
        TORCH,
        scorer_help(),
    )
    scorer_options: One[str | None] = One(
        Text(),
        None,
        "Options of an engine, as in m=16,ef=16,64; each combination of values is a run.  "
        "[default: the engine's own]",
        metavar="KEY=VALUE,…",
    )
    connectivity: Many[int] = Many(
        Integer(2), None, f"Edges per node of usearch-hnsw, M.  [default: {USUAL.connectivity}]"
    )
    expansion_add: Many[int] = Many(
        POSITIVE,
        None,
        f"Candidates when a node is added, efConstruction.  [default: {USUAL.expansion_add}]",
    )
    expansion_search: Many[int] = Many(
        POSITIVE,
        None,
        "Candidates of a search, ef; several values make a curve on one graph.  "
        f"[default: {USUAL.expansion_search}]",
    )
    rescore: One[str | None] = One(
        Text(),
        None,
        "Re-rank a shortlist by the stored vectors of this finer precision, such as fp32.",
        metavar="PRECISION",
    )
    oversample: Many[int] = Many(POSITIVE, 4, "Length of the shortlist, in list lengths.")
    list_length: One[int | None] = One(
        POSITIVE,
        None,
        "Length of the lists of usearch-hnsw and --rescore.  [default: the largest K]",
    )
    asymmetric: One[bool] = One(Flag(), False, "Score fp32 queries on the coded gallery.")
    device: One[str] = One(Text(), "auto", "auto, cpu, cuda, cuda:1, mps")
    memory: One[int | None] = One(
        ByteSize(),
        None,
        "Bytes for vectors and tiles, and for queries, such as 2G.  "
        "[default: a quarter of the machine]",
    )
    force: One[bool] = One(Flag(), False, "Score finished runs again.")

    @property
    def pool_sizes(self) -> list[int]:
        """The C to draw pools for, ascending; none unless pools are to be drawn."""
        return sorted(self.candidates) if "sampled" in map(plain, self.protocols) else []

    @property
    def expected_sizes(self) -> tuple[int, ...]:
        """The C of exact expectations; none unless they are requested."""
        return self.candidates if "expected" in map(plain, self.protocols) else ()

    @property
    def has_pools(self) -> bool:
        """Whether anything but whole galleries is asked for."""
        return not all(map(is_whole, self.protocols))

    @property
    def is_grouped(self) -> bool:
        """Whether visuals are to be ranked by the best of their captions; see `by_protocol`."""
        return any(map(is_grouped, self.protocols))

    def check_parts(self) -> None:
        """Raise CmrError for what is not counted in parts, or elsewhere."""
        if self.is_grouped:
            raise CmrError(
                f"--protocols {','.join(filter(is_grouped, self.protocols))} is counted here and "
                "as a whole: a visual is as good as the best of its captions, wherever that is"
            )
