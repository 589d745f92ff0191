"""`cmr bench`: what searching and encoding cost in time and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cmr.cli.options import (
    POSITIVE,
    OneOf,
    Whole,
    asymmetric_option,
    comma,
    dim_methods_option,
    dims_option,
    memory_option,
    precisions_option,
    quantizer_option,
    search_options,
    seed_option,
    subject_options,
    warehouse_option,
)
from cmr.cli.progress import progress
from cmr.cli.terminal import say
from cmr.precision import BENCHED
from cmr.score.search.scorer_kinds import OWN, TORCH, scorer_names

if TYPE_CHECKING:
    from cmr.pipeline.bench.run import Benched

_SEARCH = (
    "dataset", "model", "dims", "precisions", "quantizers", "dim_methods", "seed", "directions",
    "connectivity", "expansion_add", "expansion_search", "rescore", "oversample", "asymmetric",
    "device", "memory",
)  # fmt: skip


@click.command()
@warehouse_option
@subject_options
@dims_option
@precisions_option(",".join(BENCHED))
@quantizer_option
@dim_methods_option
@click.option(
    "--scorers",
    type=comma(OneOf(scorer_names)),
    default=None,
    help=f"[default: {','.join(OWN)}; {TORCH} alone with --asymmetric]",
)
@click.option(
    "--stages",
    type=comma(click.Choice(["encode", "build", "batch", "single"])),
    default="encode,build,batch,single",
    show_default=True,
    help="encode: captions, and pictures or clips; build: an index; batch: many queries in one go; "
    "single: one query at a time.",
)
@click.option(
    "--candidates",
    type=comma(POSITIVE),
    default="100,200,300,400,500",
    show_default=True,
    help="Sizes C of the galleries of single queries, beside the whole one.",
)
@click.option("--k", default=10, show_default=True, type=POSITIVE, help="Items to find.")
@click.option(
    "--batch", type=POSITIVE, default=None, help="Queries in one go.  [default: up to 1000]"
)
@click.option(
    "--singles",
    type=POSITIVE,
    default=None,
    help="Single queries a repeat.  [default: up to 200]",
)
@click.option("--repeats", default=5, show_default=True, type=POSITIVE, help="Rounds of turns.")
@click.option(
    "--directions",
    type=comma(click.Choice(["t2v", "v2t"])),
    default="t2v",
    show_default=True,
)
@search_options
@asymmetric_option
@click.option("--threads", default=0, type=Whole(0, 2**12), help="[default: every core]")
@click.option("--device", default="auto", show_default=True, help="Of torch: auto, cpu, cuda, mps.")
@memory_option("all that takes turns at once", "half", expose=True)
@seed_option
@click.option("--images", help="Folder, zip or tar of the pictures or clips, for encode.")
@click.option("--encoder", help="What loads the model, if its name does not say it.")
@click.option("--pretrained", help="Weights for --encoder.")
@click.option("--encode-items", default=256, show_default=True, type=POSITIVE, help="Each side.")
@click.option("--encode-batch", default=64, show_default=True, type=POSITIVE)
@click.option("--force", is_flag=True, help="Measure again what is measured.")
def bench(warehouse: str, **settings: Any) -> None:
    """Measure speed and memory of representations and scorers, and hold them against quality.

    Every contender is in a process of its own, one works at a time, and in every round each has a
    turn, so that a machine's drift meets all alike. What is measured is kept and not measured
    again; stopped, the same command goes on where it was. Keep the machine free of other work.

    \b
    cmr bench --dataset coco
    cmr bench --dims 256,512 --precisions fp32,int8 --scorers torch,usearch-hnsw \\
        --candidates 100,500 --repeats 5
    cmr bench --scorers usearch-hnsw --expansion-search 16,32,64,128 --stages batch
    cmr bench --precisions int8,b1 --rescore fp32 --oversample 4
    cmr bench --precisions fp32,int8,int4,b1 --asymmetric
    cmr bench --stages encode --images val2017.zip

    \b
    cmr sql "from speed"                   what was measured
    cmr sql "from latencies"               single queries, by C
    cmr sql "from decisions"               beside what is kept of the quality
    cmr sql "from across_machines"         the same, measured on two machines
    """
    from cmr.api.evaluation import make_request
    from cmr.errors import CmrError
    from cmr.pipeline.bench.bench_request import BenchRequest
    from cmr.pipeline.bench.run import bench as run

    search = make_request(**{name: settings.pop(name) for name in _SEARCH})
    done = run(warehouse, BenchRequest(search=search, **settings), progress)
    if done.bench_ids:
        for note in done.notes:
            say(note, err=True)
        _answer(warehouse, done)
    reasons = done.failed or ([] if done.bench_ids else done.notes)
    if reasons:
        for reason in reasons[:-1]:
            say(f"cmr: {reason}", err=True)
        raise CmrError(reasons[-1])


def _answer(warehouse: str, done: Benched) -> None:
    from cmr.cli.benched import print_bench

    said = f"{done.model} on {done.dataset}: "
    if done.measured:
        said += f"{len(done.measured)} measurements in {done.seconds:.0f} s"
        said += f", {done.kept} kept" if done.kept else ""
    else:
        said += f"all {done.kept} measurements are there already"
    say(said, err=True)
    print_bench(warehouse, done.bench_ids)
