"""`cmr evaluate`: the grid of dimensions, precisions, protocols and directions."""

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
from cmr.precision import EVALUATED
from cmr.score.search.scorer_kinds import TORCH, scorer_help, scorer_names

if TYPE_CHECKING:
    from cmr.pipeline.evaluate import Evaluated
    from cmr.pipeline.request import Request

_PARTS = ("shard", "merge", "prepare", "engine")


@click.command()
@warehouse_option
@subject_options
@dims_option
@precisions_option(",".join(EVALUATED))
@quantizer_option
@dim_methods_option
@click.option(
    "--candidates",
    type=comma(POSITIVE),
    default="100,200,300,400,500",
    show_default=True,
    help="Sizes C of the candidate pools, relevant items included.",
)
@click.option(
    "--k", "ks", type=comma(POSITIVE), default="10", show_default=True, help="Cut-offs K."
)
@seed_option
@click.option(
    "--protocols",
    type=comma(click.Choice(["expected", "full", "sampled"])),
    default="expected,full,sampled",
    show_default=True,
)
@click.option(
    "--directions",
    type=comma(click.Choice(["t2v", "v2t"])),
    default=None,
    help="Of t2v, v2t.  [default: all that are judged]",
)
@click.option(
    "--qrels",
    default="default",
    show_default=True,
    help="Judgments to use, by the name that `cmr ingest qrels` gave them.",
)
@click.option(
    "--draws", type=POSITIVE, default=1, show_default=True, help="Pools a query, for sampled."
)
@click.option("--hits", type=Whole(0), default=0, help="Keep the top N of every query.")
@click.option(
    "--scorer",
    type=OneOf(scorer_names),
    default=TORCH,
    show_default=True,
    help=scorer_help(),
)
@search_options
@click.option(
    "--list-length",
    type=POSITIVE,
    default=None,
    help="Length of the lists of usearch-hnsw and --rescore.  [default: the largest K]",
)
@asymmetric_option
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@memory_option("vectors and tiles, and for queries", "a quarter", expose=True)
@click.option("--explain", is_flag=True, help="Show how it would be scored, and stop.")
@click.option("--force", is_flag=True, help="Score finished runs again.")
@click.option(
    "--shard",
    metavar="i/n",
    help="Count shard i of n alone, from 0, and store its partial counts.",
)
@click.option("--merge", is_flag=True, help="Add the shards' partial counts up into runs.")
@click.option(
    "--prepare", is_flag=True, help="Only derive what every shard needs, so that none waits for it."
)
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option(
    "--ray-address",
    help="With --engine ray: auto, host:port or ray://host:port.  [default: start Ray here]",
)
@click.option(
    "--shards", type=POSITIVE, default=None, help="With --engine ray: tasks a representation."
)
def evaluate(warehouse: str, explain: bool, **settings: Any) -> None:
    """Count every query's ranks and store them; finished runs are not scored again.

    Without options this is the published grid, and native fp32, which all is held against; with
    both --dims and --precisions exactly what they say. Killed or stopped, the same command goes on
    where it was.

    \b
    cmr evaluate --dataset coco
    cmr evaluate --dataset coco --explain
    cmr evaluate --dims 64,128,512 --precisions fp32,int8,b1 --candidates 100,1000
    cmr evaluate --precisions int8,int4,b1 --quantizer absmax,calibrated,rotated
    cmr evaluate --scorer usearch-hnsw --expansion-search 16,32,64,128
    cmr evaluate --precisions int8,b1 --rescore fp32 --oversample 4
    cmr evaluate --precisions int8,int4,b1 --asymmetric

    \b
    usearch-hnsw and --rescore know ranks only within the lists that they return: measures that
    would need ranks beyond them are NULL. How far a list agrees with an exact search is the
    measure ann_recall.

    In parts, on any machines that share the warehouse, in any order:

    \b
    cmr evaluate --dataset coco --shard 0/2
    cmr evaluate --dataset coco --shard 1/2
    cmr evaluate --dataset coco --merge
    cmr evaluate --dataset coco --engine ray --ray-address auto
    """
    from cmr.api.evaluation import make_request
    from cmr.cli.answer_summary import ask, print_answer
    from cmr.cli.startup import without_pandas

    without_pandas()
    if explain:
        import pyarrow as pa

        from cmr.cli.printed_tables import print_table
        from cmr.pipeline.evaluate import explain as plans

        for name in (*_PARTS, "ray_address", "shards"):
            settings.pop(name)
        print_table(pa.Table.from_pylist(plans(warehouse, make_request(**settings))))
        return
    parts = {name: settings.pop(name) for name in _PARTS}
    ray = {"address": settings.pop("ray_address"), "shards": settings.pop("shards")}
    _check(parts, ray)
    if parts["shard"] or parts["prepare"]:
        _count_part(warehouse, make_request(**settings), parts["shard"])
        return
    done = _evaluated(warehouse, settings, parts, ray)
    answer = ask(warehouse, done.run_ids, settings["protocols"], settings["candidates"])
    judged = "" if settings["qrels"] == "default" else f", judged by {settings['qrels']}"
    runs = f"{len(done.run_ids)} runs of {done.model} on {done.dataset}{judged}"
    if done.scored:
        say(f"{runs}: {len(done.scored)} scored in {done.seconds:.1f} s", err=True)
    else:
        say(f"{runs}: all there already, nothing to do", err=True)
    print_answer(answer)


def _evaluated(
    warehouse: str, settings: dict[str, Any], parts: dict[str, Any], ray: dict[str, Any]
) -> Evaluated:
    """Evaluate here, on Ray, or from the shards that were counted."""
    from cmr.api.evaluation import make_request

    if parts["merge"]:
        from cmr.pipeline.sharded import merge_shards

        return merge_shards(warehouse, make_request(**settings), progress)
    if parts["engine"] == "ray":
        from cmr.cli.rayview import evaluate_on_ray

        return evaluate_on_ray(warehouse, make_request(**settings), **ray)
    import cmr

    asked = {"k" if name == "ks" else name: value for name, value in settings.items()}
    return cmr.open(warehouse).evaluate(**asked, bar=progress)


def _check(parts: dict[str, Any], ray: dict[str, Any]) -> None:
    """Raise UsageError for parts that do not go together."""
    chosen = [f"--{name}" for name in ("shard", "merge", "prepare") if parts[name]]
    if parts["engine"] == "ray":
        chosen.append("--engine ray")
    elif ray["address"] or ray["shards"]:
        raise click.UsageError("--ray-address and --shards go with --engine ray")
    if len(chosen) > 1:
        raise click.UsageError(f"{' and '.join(chosen)} do not go together")


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
