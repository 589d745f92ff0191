"""`cmr bench`: what searching and encoding cost in time and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cmr.cli.options import declared, warehouse_option
from cmr.cli.progress import progress
from cmr.cli.terminal import say
from cmr.pipeline.bench.bench_request import (
    MACHINE,
    SEARCH,
    SUBJECT,
    BenchRequest,
    BenchSearch,
)

if TYPE_CHECKING:
    from cmr.pipeline.bench.run import Benched

_WHAT = (
    "scorers", "stages", "candidates", "clients", "window", "filters", "k", "batch", "singles",
    "repeats",
)  # fmt: skip


@click.command()
@warehouse_option
@declared(BenchSearch, only=SUBJECT)
@declared(BenchRequest, only=_WHAT)
@declared(BenchSearch, only=SEARCH)
@declared(BenchRequest, only=["threads"])
@declared(BenchSearch, only=MACHINE)
@declared(BenchRequest, but=[*_WHAT, "threads"])
def bench(warehouse: str, **settings: Any) -> None:
    """Measure speed and memory of representations and scorers, and set them against quality.

    The models of all data sets, or those that are named, are measured one after another. Every
    contender has its own process; one works at a time, and each gets a turn in every round,
    so that a drift of the machine affects all alike. Finished measurements are kept and not
    repeated; if stopped, the same command resumes. Keep the machine free of other work.

    \b
    cmr bench --dataset coco
    cmr bench --dims 256,512 --precisions fp32,int8 --scorers torch,usearch-hnsw \\
        --candidates 100,500 --repeats 5
    cmr bench --scorers usearch-hnsw --expansion-search 16,32,64,128 --stages batch
    cmr bench --scorers faiss-hnsw,pgvector --clients 1,4,16
    cmr bench --scorers faiss-hnsw,pgvector --filters .5,.1,.01
    cmr bench --precisions int8,b1 --rescore fp32 --oversample 4
    cmr bench --precisions fp32,int8,int4,b1 --asymmetric
    cmr bench --stages encode --images val2017.zip

    \b
    cmr sql "from speed"                   what was measured
    cmr sql "from latencies"               single queries, by C
    cmr sql "from under_load"              many clients at once
    cmr sql "from filtered"                what passes a filter alone
    cmr sql "from decisions"               beside what is kept of the quality
    cmr sql "from across_machines"         the same, measured on two machines
    """
    from cmr.errors import CmrError
    from cmr.pipeline.bench.run import bench as run
    from cmr.pipeline.each_request import each_model
    from cmr.warehouse.store import Store

    search = BenchSearch(**{name: settings.pop(name) for name in (*SUBJECT, *SEARCH, *MACHINE)})
    reasons: list[str] = []
    for one in each_model(Store.open(warehouse), search):
        done = run(warehouse, BenchRequest(search=one, **settings), progress)
        if done.bench_ids:
            for note in done.notes:
                say(note, err=True)
            _answer(warehouse, done)
        reasons += done.failed or ([] if done.bench_ids else done.notes)
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
        said += f"all {done.kept} measurements already exist"
    say(said, err=True)
    print_bench(warehouse, done.bench_ids)
