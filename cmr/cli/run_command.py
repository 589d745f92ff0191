"""`cmr ingest run`: ranked lists of another system, for an existing data set."""

from __future__ import annotations

import click

from cmr.cli.options import warehouse_option
from cmr.cli.terminal import say


@click.command()
@click.argument("file")
@warehouse_option
@click.option("--as", "name", required=True, help="Name of the system, in the place of a model's.")
@click.option("--dataset", help="Data set that was searched.  [default: the only one]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["trec", "json", "table"]),
    help="Format of the file.  [default: by extension, otherwise trec]",
)
@click.option("--part", help="SUBSET/SPLIT of MTEB's predictions, if they have several.")
@click.option(
    "--direction",
    type=click.Choice(["t2v", "v2t"]),
    help="Direction of the queries in the file.  [default: by the ids]",
)
@click.option("--qrels", default="default", show_default=True, help="Judgments to use.")
def run(
    file: str,
    warehouse: str,
    name: str,
    dataset: str | None,
    form: str | None,
    part: str | None,
    direction: str | None,
    qrels: str,
) -> None:
    """Store ranked lists of any system as a run: a live service, a re-ranker, a hybrid.

    trec: lines `query Q0 item rank score tag`. json: {query: {item: score}}, as ranx writes it
    (also .json.lz4), or MTEB's predictions. table: Parquet (as ranx writes it), CSV, TSV or JSON
    lines with the columns query_id, item_id and score.

    Lists are sorted as trec_eval does: by score as float32, the greater id first where scores are
    equal; the rank column is ignored. A query that the file lacks counts as an empty list: nothing
    was found. What lies beyond a list is unknown, so measures of whole rankings are NULL.

    \b
    cmr ingest run service.trec --as service --dataset coco
    cmr compare model=ViT-B-32,precision=fp32 model=service
    """
    from cmr.pipeline.imported_runs import ingest_run
    from cmr.sources.runlists import read_run

    done = ingest_run(warehouse, dataset, name, read_run(file, form, part), direction, qrels)
    what = (
        f"{done.dataset}: {done.direction} lists of {done.name!r} as run {done.run_id}, "
        f"{done.queries:,} queries, up to {done.length:,} items each"
    )
    say(what + ("" if done.new else " (already there)"), err=True)
    if done.empty:
        say(f"  {done.empty:,} queries have no list and count as not answered", err=True)
    if done.unjudged:
        say(f"  {done.unjudged:,} lists are of queries without a judgment", err=True)
