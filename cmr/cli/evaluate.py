"""`cmr evaluate`: the grid of dimensions, precisions, protocols and directions."""

from __future__ import annotations

from typing import Any

import click

from cmr.cli.options import Bytes, comma, warehouse_option
from cmr.cli.progress import progress

_DIMS = "256,512,1024"
_POSITIVE = click.IntRange(1)


@click.command()
@warehouse_option
@click.option("--dataset", help="Data set.  [default: the only one]")
@click.option("--model", help="Model.  [default: the only one]")
@click.option("--dims", type=comma(_POSITIVE), default=_DIMS, show_default=True)
@click.option(
    "--precisions",
    type=comma(str),
    default="fp16,int8,int4",
    show_default=True,
    help="Of fp32, fp16, bf16, int8, int4, b1.",
)
@click.option(
    "--dim-methods",
    type=comma(str),
    default=None,
    help="Of pca, truncate, random, for dimensions below the native one.  [default: pca]",
)
@click.option(
    "--candidates",
    type=comma(_POSITIVE),
    default="100,200,300,400,500",
    show_default=True,
    help="Sizes C of the candidate pools, relevant items included.",
)
@click.option(
    "--k", "ks", type=comma(_POSITIVE), default="10", show_default=True, help="Cut-offs K."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=42, show_default=True)
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
    "--draws", type=_POSITIVE, default=1, show_default=True, help="Pools a query, for sampled."
)
@click.option("--hits", type=click.IntRange(0), default=0, help="Keep the top N of every query.")
@click.option("--scorer", type=click.Choice(["torch"]), default="torch", show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option(
    "--memory",
    type=Bytes(),
    default=None,
    help="Bytes for vectors and tiles, such as 2G.  [default: a quarter of the machine]",
)
@click.option("--explain", is_flag=True, help="Show how it would be scored, and stop.")
@click.option("--force", is_flag=True, help="Score finished runs again.")
def evaluate(warehouse: str, explain: bool, **settings: Any) -> None:
    """Count every query's ranks and store them; finished runs are not scored again.

    Without options this is the published grid. Killed or stopped, the same command goes on
    where it was.

    \b
    cmr evaluate --dataset coco
    cmr evaluate --dataset coco --explain
    cmr evaluate --dims 64,128,512 --precisions fp32,int8,b1 --candidates 100,1000
    """
    import cmr
    from cmr.cli.summary import ask, print_answer

    if explain:
        import pyarrow as pa

        from cmr.api.evaluate import make_request
        from cmr.cli.tables import print_table
        from cmr.pipeline.evaluate import explain as plans

        print_table(pa.Table.from_pylist(plans(warehouse, make_request(**settings))))
        return
    settings["k"] = settings.pop("ks")
    done = cmr.open(warehouse).evaluate(**settings, bar=progress)
    answer = ask(warehouse, done.run_ids)
    judged = "" if settings["qrels"] == "default" else f", judged by {settings['qrels']}"
    runs = f"{len(done.run_ids)} runs of {done.model} on {done.dataset}{judged}"
    if done.scored:
        click.echo(f"{runs}: {len(done.scored)} scored in {done.seconds:.1f} s", err=True)
    else:
        click.echo(f"{runs}: all there already, nothing to do", err=True)
    print_answer(answer)
