"""`cmr ingest qrels`: further judgments for an existing data set."""

from __future__ import annotations

from typing import TypedDict, Unpack

import click

from cmr.cli.known_names import one_dataset
from cmr.cli.options import Share, warehouse_option
from cmr.cli.terminal import say


class _Use(TypedDict):
    """Which queries the judgments apply to, and how many may name unknown items."""

    direction: str | None
    one_way: bool
    max_rejects: float


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@warehouse_option
@click.option(
    "--dataset",
    shell_complete=one_dataset,
    help="Data set that the judgments belong to.  [default: the only one]",
)
@click.option("--name", help="Name of the judgments.  [default: the first file's name]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["trec", "table", "json"]),
    help="Format of the files.  [default: by extension, otherwise trec]",
)
@click.option(
    "--separator",
    help="Separator of a text table: a character, tab, comma, semicolon or pipe.  "
    "[default: found from the file]",
)
@click.option(
    "--direction",
    type=click.Choice(["t2v", "v2t"]),
    help="Direction of the queries in the files.  [default: by the ids]",
)
@click.option(
    "--one-way",
    is_flag=True,
    help="Use the judgments for queries of that direction only, as for files of both, and JSON.",
)
@click.option(
    "--max-rejects",
    default=0.01,
    show_default=True,
    type=Share(),
    help="Share of a file's judgments that may name items missing from the data set.",
)
def qrels(
    files: tuple[str, ...],
    warehouse: str,
    dataset: str | None,
    name: str | None,
    form: str | None,
    separator: str | None,
    **use: Unpack[_Use],
) -> None:
    """Add relevance judgments to a data set, for `cmr evaluate --qrels NAME`.

    trec: lines `query 0 item relevance`. table: CSV, TSV, JSON lines or Parquet with columns
    text_id and visual_id, or query_id and item_id (query-id and corpus-id, as in BEIR), and
    relevance. json: {query: [items]}, one file per direction, as in eccv_caption.

    Judgments are used in both directions, like a data set's own; with --one-way, only in the
    direction of their queries.

    \b
    cmr ingest qrels judged.trec --dataset coco --name judged
    cmr ingest qrels eccv_caption_to_image.json eccv_image_to_caption.json --name eccv
    cmr evaluate --qrels eccv
    """
    from pathlib import Path

    from cmr.pipeline.further_judgments import ingest_qrels
    from cmr.sources.qrels import read_qrels

    read = [read_qrels(path, form, separator) for path in files]
    use["one_way"] |= any(rows.one_way for rows in read)
    done = ingest_qrels(warehouse, dataset, name or Path(files[0]).stem, read, **use)
    queries = ", ".join(f"{count:,} {way}" for way, count in done.queries.items() if count)
    what = f"{done.dataset}: {done.pairs:,} judgments {done.name!r}, queries: {queries}"
    say(what + ("" if done.new else " (already there)"), err=True)
    if done.not_relevant:
        say(f"  {done.not_relevant:,} with relevance 0 or less left out", err=True)
    if done.rejects:
        say(
            f"  {len(done.rejects):,} for items that do not exist, listed in the table rejects",
            err=True,
        )
    say(f"to use them: cmr evaluate --dataset {done.dataset} --qrels {done.name}", err=True)
