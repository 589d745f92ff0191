"""What a measurement can be asked for: the single declaration of what `cmr bench` adds.

It imports nothing heavy, because the help is generated from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from cmr.pipeline.option_fields import Many, ManyOrNone, One
from cmr.pipeline.option_values import ByteSize, Choice, Flag, Integer, Number, Text
from cmr.pipeline.request import DIRECTIONS, POOL_SIZES, POSITIVE, Request
from cmr.precision import BENCHED, listed
from cmr.score.search.graph_settings import GRAPH
from cmr.score.search.scorer_kinds import BUILT_IN, TORCH, scorer_names

ENCODE, BUILD, BATCH, SINGLE = "encode", "build", "batch", "single"
LOAD, FILTERS = "clients", "filters"
STAGES = (ENCODE, BUILD, BATCH, SINGLE, LOAD, FILTERS)
# The fields of `Request` that also apply to a measurement, in the order of the command line.
SUBJECT = ("dataset", "model", "dims", "precisions", "quantizers", "dim_methods", "fit_on")
SEARCH = ("directions", "scorer_options", *GRAPH, "rescore", "oversample", "asymmetric")
MACHINE = ("device", "memory", "seed")


@dataclass(frozen=True, eq=False, repr=False)
class BenchSearch(Request):
    """The settings of representations and searches, where they differ from an evaluation's."""

    precisions: ManyOrNone[str] = ManyOrNone(
        Text(),
        None,
        f"Of {listed()}.  [default: {','.join(BENCHED)}, and fp32 at the native dimension]",
    )
    directions: Many[str] = Many(Choice(DIRECTIONS), "t2v")
    device: One[str] = One(Text(), "auto", "Device for torch: auto, cpu, cuda, mps.")
    memory: One[int | None] = One(
        ByteSize(),
        None,
        "Bytes for all that take turns together, such as 2G.  [default: half of the machine]",
    )


@dataclass(frozen=True)
class BenchRequest:
    """What to measure. `search`: the settings of representations and searches.

    `scorers`: None for those built in, or torch alone where queries are not coded. `candidates`:
    sizes C of single queries' galleries, beside the whole one. `clients`: how many at once, none by
    default; `window`: see `load.Window`. `filters`: see `filtered.attribute_of`, none by default.
    `batch`, `singles`: None for as many as there are, up to 1000 and 200. `threads`: 0 for all
    cores. `images`: where the pictures are, for encoding; `encoder`, `pretrained`: model and
    weights, if the model's name does not say. `encode_items`: how many of each side.

    Raises CmrError for a value that is invalid for any data.
    """

    search: Request
    scorers: ManyOrNone[str] = ManyOrNone(
        Choice(scorer_names),
        None,
        f"[default: {','.join(BUILT_IN)}; {TORCH} alone with --asymmetric]",
    )
    stages: Many[str] = Many(
        Choice(STAGES),
        STAGES,
        "encode: captions, and pictures or clips; build: an index; batch: many queries at once; "
        "single: one query at a time; clients, filters: as --clients and --filters say.",
    )
    candidates: Many[int] = Many(
        POSITIVE,
        POOL_SIZES,
        "Gallery sizes C for single queries, beside the whole gallery.",
    )
    clients: ManyOrNone[int] = ManyOrNone(
        Integer(1, 2**10),
        None,
        "Clients that send single queries at once, such as 1,4,16.  [default: none]",
    )
    window: One[float] = One(Number(3600), 2.0, "Seconds that clients send for, in every repeat.")
    filters: ManyOrNone[float] = ManyOrNone(
        Number(1),
        None,
        "Shares of the gallery that a filter lets pass, such as .5,.1,.01, for engines that have "
        "filters.  [default: none]",
    )
    k: One[int] = One(POSITIVE, 10, "Items to find.")
    batch: One[int | None] = One(POSITIVE, None, "Queries per batch.  [default: up to 1000]")
    singles: One[int | None] = One(POSITIVE, None, "Single queries a repeat.  [default: up to 200]")
    repeats: One[int] = One(POSITIVE, 5, "Rounds of turns.")
    threads: One[int] = One(Integer(0, 2**12), 0, "[default: every core]")
    images: One[str | None] = One(
        Text(), None, "Folder, zip or tar of the pictures or clips, for encode."
    )
    encoder: One[str | None] = One(
        Text(), None, "Model to load, as --model of ingest, if its name does not say."
    )
    pretrained: One[str | None] = One(Text(), None, "Weights for --encoder.")
    encode_items: One[int] = One(POSITIVE, 256, "Each side.")
    encode_batch: One[int] = One(POSITIVE, 64)
    force: One[bool] = One(Flag(), False, "Repeat existing measurements.")
