"""`cmr recommend`: the fewest bytes per vector that keep enough quality."""

from __future__ import annotations

import click

from cmr.cli.known_names import many_datasets, many_models, one_qrels
from cmr.cli.options import POSITIVE, Share, comma, query_memory_option, warehouse_option
from cmr.cli.paging import paged
from cmr.cli.progress import progress
from cmr.errors import CmrError
from cmr.progressbar import waiting


@click.command()
@warehouse_option
@query_memory_option
@click.option(
    "--retain",
    default=0.99,
    show_default=True,
    type=Share(positive=True),
    help="Share of the baseline's measure to keep.",
)
@click.option(
    "--dataset",
    type=comma(str),
    default=(),
    shell_complete=many_datasets,
    help="Only these data sets.",
)
@click.option(
    "--model", type=comma(str), default=(), shell_complete=many_models, help="Only these models."
)
@click.option("--qrels", shell_complete=one_qrels, help="Only these judgments.")
@click.option("--k", default=10, show_default=True, type=POSITIVE, help="Cut-off K.")
@click.option("--by", "attribute", metavar="NAME", help="Sure in every slice by this attribute.")
@click.option("--every-slice", is_flag=True, help="What --by asks, spelled out; needs --by.")
def recommend(
    warehouse: str,
    retain: float,
    dataset: tuple[str, ...],
    model: tuple[str, ...],
    qrels: str | None,
    k: int,
    attribute: str | None,
    every_slice: bool,
) -> None:
    """Find the smallest representation that keeps a share of native fp32's quality.

    "confirmed" is the smallest whose lower bound of retention lies above the share, at a confidence
    level that holds for all candidates together; "by estimate" is the smallest whose estimate does,
    which another sample of queries may not confirm. What is learnt from vectors is tested on
    queries that it was learnt without. Nothing is recommended where the baseline is not clearly
    above chance, or where there are too few visual items. Where a data set has several models, the
    smallest of all of them that keeps a share of the best model's quality comes next; the best is
    the one whose baseline is best by the measure. --by asks for the share in every slice by an
    attribute, such as a category of the pictures, at a level that holds for all candidates and
    slices together; slices with too few visual items are named, and not decided upon.

    \b
    cmr recommend
    cmr recommend --retain 0.95 --dataset coco
    cmr recommend --every-slice --by category
    """
    import cmr
    from cmr.api.recommendation import choose
    from cmr.cli.printed_choices import print_choices
    from cmr.cli.startup import without_pandas

    without_pandas()
    store = cmr.open(warehouse).store
    if attribute is not None or every_slice:
        from cmr.api.slices import sure_in_every_slice
        from cmr.cli.printed_slices import print_every_slice

        if attribute is None:
            raise CmrError("--every-slice needs --by NAME, the attribute that makes the slices")
        for sure in sure_in_every_slice(store, attribute, retain, dataset, model, qrels, k):
            print_every_slice(sure, retain, attribute)
        return
    with paged(), waiting(progress, "choosing"):
        choices, across = choose(store, retain, dataset, model, qrels, k, progress)
        print_choices(store, choices, across, retain, k)
