"""`cmr evaluate`: the grid of dimensions, precisions, protocols and directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from cmr.cli.options import declared, warehouse_option
from cmr.cli.paging import paged
from cmr.cli.progress import progress
from cmr.cli.terminal import say
from cmr.pipeline.option_fields import One, options_of
from cmr.pipeline.option_values import Choice, Flag, Text
from cmr.pipeline.request import DEFAULT_QRELS, POSITIVE, Request
from cmr.progressbar import waiting

if TYPE_CHECKING:
    from cmr.pipeline.evaluate import Evaluated


@dataclass(frozen=True, eq=False, repr=False)
class Division:
    """Where an evaluation runs, and which part of it; by default all of it, here."""

    shard: One[str | None] = One(
        Text(),
        None,
        "Count only shard i of n, from 0, and store its partial counts.",
        metavar="i/n",
    )
    merge: One[bool] = One(Flag(), False, "Add the shards' partial counts up into runs.")
    prepare: One[bool] = One(
        Flag(), False, "Only derive what all shards need, so that none has to wait."
    )
    engine: One[str] = One(Choice(("local", "ray")), "local")
    ray_address: One[str | None] = One(
        Text(),
        None,
        "With --engine ray: auto, host:port or ray://host:port.  [default: start Ray here]",
    )
    shards: One[int | None] = One(POSITIVE, None, "With --engine ray: tasks per representation.")

    def check(self, request: Request) -> None:
        """Raise UsageError for options that do not go together, CmrError for such a request."""
        chosen = [f"--{name}" for name in ("shard", "merge", "prepare") if getattr(self, name)]
        if self.engine == "ray":
            chosen.append("--engine ray")
        elif self.ray_address or self.shards:
            raise click.UsageError("--ray-address and --shards go with --engine ray")
        if len(chosen) > 1:
            raise click.UsageError(f"{' and '.join(chosen)} do not go together")
        if chosen:
            request.check_parts()


@click.command()
@warehouse_option
@declared(Request, but=["force"])
@click.option("--explain", is_flag=True, help="Show how it would be scored, without scoring.")
@declared(Request, only=["force"])
@declared(Division)
def evaluate(warehouse: str, explain: bool, **given: Any) -> None:
    """Count every query's ranks and store them; finished runs are not scored again.

    Without options this is the published grid and the native dimension, for every model of every
    data set, with native fp32 as the baseline; with both --dims and --precisions, exactly what they
    say. If killed or stopped, the same command resumes.

    \b
    cmr evaluate
    cmr evaluate --dataset coco --model ViT-B-32/laion2b_s34b_b79k,ViT-L-14/openai
    cmr evaluate --dataset coco --explain
    cmr evaluate --dims 64,128,512 --precisions fp32,int8,b1 --candidates 100,1000
    cmr evaluate --precisions int8,int4,b1 --quantizer all
    cmr evaluate --scorer usearch-hnsw --expansion-search 16,32,64,128
    cmr evaluate --precisions int8,b1 --rescore fp32 --oversample 4
    cmr evaluate --precisions int8,int4,b1 --asymmetric
    cmr evaluate --dataset msvd --protocols full,grouped

    \b
    usearch-hnsw and --rescore know ranks only within the lists that they return: measures that
    need ranks beyond them are NULL. The measure ann_recall is how far a list agrees with an exact
    search.

    In parts, on any machines that share the warehouse, in any order:

    \b
    cmr evaluate --dataset coco --shard 0/2
    cmr evaluate --dataset coco --shard 1/2
    cmr evaluate --dataset coco --merge
    cmr evaluate --dataset coco --engine ray --ray-address auto
    """
    from cmr.cli.startup import threads_that_sleep, without_blas, without_pandas

    threads_that_sleep()
    without_pandas()
    without_blas()
    with waiting(progress, "loading libraries"):
        from cmr.cli.answer_summary import tell_answer
        from cmr.pipeline.each_request import each_request, evaluate_each
        from cmr.warehouse.store import Store

    division = Division(**{one.name: given.pop(one.name) for one in options_of(Division)})
    request = Request(**given)
    if explain:
        import pyarrow as pa

        from cmr.cli.printed_tables import print_table
        from cmr.pipeline.evaluate import explain as plans

        every = each_request(Store.open(warehouse), request)
        with paged():
            for one in every:
                title = _about(one) if len(every) > 1 else None
                print_table(pa.Table.from_pylist(plans(warehouse, one)), title=title)
        return
    division.check(request)
    if division.shard or division.prepare:
        for one in each_request(Store.open(warehouse), request):
            _count_part(warehouse, one, division.shard)
        return
    done = evaluate_each(
        warehouse, request, lambda one: _told(_evaluated(warehouse, one, division))
    )
    tell_answer(warehouse, [pair for one in done for pair in one.shown])


def _about(request: Request) -> str:
    """What a request for one data set and model is about."""
    grouped = ", captions grouped" if request.is_grouped else ""
    return f"{request.model[0]} on {request.dataset[0]}{grouped}"


def _told(done: Evaluated) -> Evaluated:
    """What was scored, said on stderr."""
    ((_, request),) = done.shown
    judged = "" if request.qrels == DEFAULT_QRELS else f", judged by {request.qrels}"
    judged += ", captions grouped" if request.is_grouped else ""
    runs = f"{len(done.run_ids)} runs of {done.model} on {done.dataset}{judged}"
    if done.scored:
        say(f"{runs}: {len(done.scored)} scored in {done.seconds:.1f} s", err=True)
    else:
        say(f"{runs}: all exist already, nothing to do", err=True)
    return done


def _evaluated(warehouse: str, request: Request, division: Division) -> Evaluated:
    """Evaluate here, on Ray, or from the shards that were counted."""
    if division.merge:
        from cmr.pipeline.sharded import merge_shards

        return merge_shards(warehouse, request, progress)
    if division.engine == "ray":
        from cmr.cli.rayview import evaluate_on_ray

        return evaluate_on_ray(warehouse, request, division.ray_address, division.shards)
    from cmr.pipeline.evaluate import evaluate as run

    return run(warehouse, request, progress)


def _count_part(warehouse: str, request: Request, given: str | None) -> None:
    """Count one shard, or prepare for all of them, and say what was done."""
    from cmr.pipeline.sharded import count_shard, prepare

    if given is None:
        done = prepare(warehouse, request, progress)
        say(f"prepared in {done.seconds:.1f} s; now --shard i/n", err=True)
        return
    from cmr.engine.grid import parse

    shard, shards = parse(given)
    done = count_shard(warehouse, request, shard, shards, progress)
    there = f", {done.found} there already" if done.found else ""
    rest = f", {done.finished} finished before" if done.finished else ""
    say(
        f"shard {shard} of {shards}: {done.counted} representations counted{there}{rest} "
        f"({done.seconds:.1f} s)",
        err=True,
    )
