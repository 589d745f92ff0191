"""`cmr ingest near-duplicates`: how many near-duplicates each item has, by its vectors."""

from __future__ import annotations

import click

from cmr.cli.known_names import one_dataset
from cmr.cli.options import Share, Whole, warehouse_option
from cmr.cli.progress import progress
from cmr.cli.terminal import say


@click.command("near-duplicates")
@warehouse_option
@click.option("--dataset", shell_complete=one_dataset, help="Data set.  [default: the only one]")
@click.option("--model", help="Model by whose vectors.  [default: the only one]")
@click.option(
    "--threshold",
    default=0.95,
    show_default=True,
    type=Share(positive=True),
    help="Cosine from which two items are near-duplicates.",
)
@click.option(
    "--at-most",
    default=100_000,
    show_default=True,
    type=Whole(1),
    help="Texts or visuals of the data set; with more, nothing is counted.",
)
def near_duplicates(
    warehouse: str, dataset: str | None, model: str | None, threshold: float, at_most: int
) -> None:
    """Count each item's near-duplicates, as an attribute to slice by.

    A near-duplicate is another text, or another visual, whose native fp32 vector has a cosine of at
    least the threshold. Every pair of a side is multiplied, exactly, so the time grows with the
    square of its items: seconds for 10,000, minutes for 100,000. The attribute is called
    near_duplicates MODEL, one for each model; counted again it is replaced, and where the data set
    grows it is removed.

    \b
    cmr ingest near-duplicates --dataset coco --threshold .9
    cmr sql "from metrics_by('near_duplicates ViT-B-32/openai') where measure = 'recall' and k = 10"
    """
    from cmr.pipeline.near_duplicates import note_near_duplicates

    done = note_near_duplicates(warehouse, dataset, model, progress, threshold, at_most)
    told = ", ".join(f"{some:,} of {all_:,} {side}s" for side, (some, all_) in done.having.items())
    say(
        f"{done.dataset}: {told} have near-duplicates by {done.model}, cosine {threshold:g} or "
        f"more, in the attribute {done.attribute!r} ({done.seconds:.1f} s)",
        err=True,
    )
