"""`cmr ingest distractors`: gallery items that no query looks for, for an existing data set."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from cmr.cli.known_names import one_dataset
from cmr.cli.options import POSITIVE, Bytes, Share, Whole, warehouse_option
from cmr.cli.progress import progress
from cmr.cli.terminal import say

if TYPE_CHECKING:
    from cmr.pipeline.distractors import Added


class _Asked(TypedDict):
    """What is asked for, as `Wish` has it, and how pictures and captions are encoded."""

    dataset: str | None
    name: str | None
    side: str
    model: str | None
    pretrained: str | None
    prefix: str
    limit: int | None
    drop_copies: bool
    images: str | None
    memory: int | None
    device: str
    batch_size: int
    workers: int
    max_rejects: float


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
@warehouse_option
@click.option(
    "--dataset",
    shell_complete=one_dataset,
    help="Data set that the distractors are added to, which itself stays as it is.  "
    "[default: the only one]",
)
@click.option(
    "--as",
    "name",
    help="Name of the data set with distractors.  [default: the data set's, + and how many, "
    "as in coco+1m]",
)
@click.option(
    "--side",
    type=click.Choice(["visuals", "texts"]),
    default="visuals",
    show_default=True,
    help="The gallery that they are added to.",
)
@click.option(
    "--model",
    help="The data set's model that the vectors are of, or that encodes pictures and captions.  "
    "[default: the only one; of pictures and captions, all of the data set's]",
)
@click.option(
    "--pretrained",
    help="open_clip's tag or checkpoint file, where the model cannot be found by its name alone.",
)
@click.option(
    "--id-prefix", "prefix", default="", help="Put this before the ids that SOURCE gives."
)
@click.option("--limit", type=POSITIVE, help="Only the first N.")
@click.option(
    "--drop-copies",
    is_flag=True,
    help="Leave out distractors that are copies of relevant items. Otherwise they are counted, "
    "and are wrong answers.",
)
@click.option("--images", help="Folder, zip or tar of the pictures that a table names.")
@click.option(
    "--memory",
    type=Bytes(),
    help="Bytes for the vectors that are held at a time, such as 2G.  [default: a few row groups]",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option("--batch-size", default=64, show_default=True, type=Whole(1, 2**16))
@click.option(
    "--workers",
    default=os.cpu_count() or 1,
    show_default="cores",
    type=Whole(1, 2**12),
    help="Decoding threads.",
)
@click.option(
    "--max-rejects",
    default=0.01,
    show_default=True,
    type=Share(),
    help="Share of the pictures that may be missing or broken.",
)
def distractors(
    sources: tuple[str, ...],
    warehouse: str,
    **asked: Unpack[_Asked],
) -> None:
    """Add gallery items that no query looks for, as a data set of its own.

    The new data set has the texts, visuals and judgments of --dataset, and after them the
    distractors, on one side. --dataset and its runs stay as they are. No distractor asks: in the
    direction in which they would, queries are the data set's own.

    SOURCE is vectors by the data set's model: .npy, .fbin, .u8bin, .i8bin, .npz (video_<d>, with
    --side texts text_<d>), Parquet with a column of vectors, a folder of such files, or
    clip-retrieval's folder. Of a data set that cmr has encoded it may also be what the same model
    encodes: a folder, zip or tar of pictures, webdataset's shards, a table of pictures and captions
    (--images), or with --side texts a .txt file with a caption on each line.

    Then `cmr evaluate` gives figures for every C up to the whole gallery, from one run, and
    `growth` draws them.

    \b
    cmr ingest distractors laion_1m.npy --dataset coco --as coco+1m
    cmr ingest distractors embeddings/ --dataset coco --id-prefix laion- --memory 2G
    cmr ingest distractors web_photos.zip --dataset coco
    cmr ingest distractors more_captions.npy --dataset coco --side texts
    cmr evaluate --dataset coco+1m
    cmr sql "from growth where dataset = 'coco+1m' and measure = 'recall' and k = 10"
    """
    from cmr.pipeline.distractor_wish import Wish
    from cmr.pipeline.distractors import add_distractors
    from cmr.pipeline.encoding import EncodeOptions

    wish = Wish(
        dataset=asked["dataset"],
        name=asked["name"],
        side=asked["side"].removesuffix("s"),
        model=asked["model"],
        prefix=asked["prefix"],
        drop_copies=asked["drop_copies"],
        images=asked["images"],
        pretrained=asked["pretrained"],
        limit=asked["limit"],
        memory=asked["memory"],
    )
    options = EncodeOptions(
        device=asked["device"],
        batch_size=asked["batch_size"],
        workers=asked["workers"],
        max_rejects=asked["max_rejects"],
    )
    _tell(add_distractors(warehouse, sources, wish, options, progress))


def _tell(done: Added) -> None:
    what = (
        f"{done.count:,} distractors beside {done.gallery - done.count:,} {done.side}s of {done.of}"
    )
    by = ", ".join(done.models)
    if done.new:
        say(f"{done.dataset}: {what}; vectors of {by} ({done.seconds:.1f} s)", err=True)
    else:
        say(f"{done.dataset}: already there ({what}; {by})", err=True)
    if done.copies and done.example is not None:
        one, other = done.example
        are = "is a copy" if done.copies == 1 else "are copies"
        then = (
            "left out"
            if done.dropped
            else "which count as wrong answers; --drop-copies leaves them out"
        )
        say(
            f"{done.copies:,} {'distractor' if done.copies == 1 else 'distractors'} {are} of "
            f"relevant items (for example {one!r} of {other!r}), {then}",
            err=True,
        )
    for note in done.notes:
        say(note, err=True)
    if done.rejects:
        say(f"{len(done.rejects):,} rejected, listed in the table rejects:", err=True)
        for reject in done.rejects[:5]:
            say(f"  {reject.source_row}: {reject.reason}", err=True)
    say(f"to use them: cmr evaluate --dataset {done.dataset}", err=True)
