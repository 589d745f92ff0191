"""`cmr ingest`: one subcommand a source."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmr.cli.options import warehouse_option
from cmr.cli.progress import progress

if TYPE_CHECKING:
    from cmr.pipeline.ingest import EncodeOptions, Ingested
    from cmr.sources.collection import Collection


@click.group()
def ingest() -> None:
    """Read a data set into the warehouse.

    \b
    cmr ingest npz vectors.npz --dataset mine
    cmr ingest coco --annotations captions.json --images val2017/ \\
        --model ViT-B-32 --pretrained laion2b_s34b_b79k
    cmr ingest scenes
    """


def _shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every source."""
    for option in (
        warehouse_option,
        click.option("--seed", default=42, show_default=True, help="Seed of --shuffle-queries."),
        click.option(
            "--shuffle-queries",
            is_flag=True,
            help="Put the texts, and their ground truth, in a seeded random order.",
        ),
        click.option("--model-name", help="Name of the vectors in the warehouse."),
    ):
        function = option(function)
    return function


def _encoding(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of sources whose media are encoded."""
    for option in (
        click.option(
            "--max-rejects",
            default=0.01,
            show_default=True,
            type=click.FloatRange(0, 1),
            help="Share of the pictures that may be missing or broken.",
        ),
        click.option(
            "--workers",
            default=os.cpu_count() or 1,
            show_default="cores",
            type=click.IntRange(1),
            help="Threads that decode.",
        ),
        click.option("--batch-size", default=64, show_default=True, type=click.IntRange(1)),
        click.option(
            "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps"
        ),
        click.option("--pretrained", help="open_clip's tag of the weights, or a checkpoint file."),
        click.option(
            "--model",
            default="scenes-tiny",
            show_default=True,
            help="An open_clip name, hf-hub:org/name, or local-dir:folder.",
        ),
    ):
        function = option(function)
    return function


@ingest.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--dataset", help="Name of the data set.  [default: the file's name]")
@_shared
def npz(
    file: str,
    dataset: str | None,
    model_name: str | None,
    shuffle_queries: bool,
    seed: int,
    warehouse: str,
) -> None:
    """Read vectors in the published layout.

    FILE holds text_<d> (N, d), video_<d> (M, d) for every dimension d given, and ground_truth
    (N,): the row of each text's visual. Several texts may share a visual; visuals without a
    text stay in the gallery.

    \b
    cmr ingest npz msrvtt.npz --dataset msrvtt
    """
    from cmr.pipeline.ingest import ingest_vectors
    from cmr.sources.npz import read_npz

    collection = _shuffled(read_npz(file), shuffle_queries, seed)
    name = dataset or Path(file).stem
    _report(ingest_vectors(warehouse, name, model_name or Path(file).stem, collection))


@ingest.command()
@click.option(
    "--annotations", required=True, type=click.Path(dir_okay=False), help="Captions JSON."
)
@click.option("--images", required=True, type=click.Path(), help="Folder or zip of the pictures.")
@click.option("--dataset", help="Name of the data set.  [default: the JSON's name]")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many pictures.")
@_encoding
@_shared
def coco(
    annotations: str,
    images: str,
    dataset: str | None,
    limit: int | None,
    shuffle_queries: bool,
    seed: int,
    warehouse: str,
    model_name: str | None,
    **encoding: Any,
) -> None:
    """Read a COCO captions JSON and encode its pictures and captions.

    Pictures that are missing or do not decode are listed in `rejects` with the reason.

    \b
    cmr ingest coco --annotations captions_val2017.json --images val2017.zip \\
        --model ViT-B-32 --pretrained laion2b_s34b_b79k --dataset coco
    """
    from cmr.sources.coco import read_coco

    collection = _shuffled(read_coco(annotations, images, limit), shuffle_queries, seed)
    _encode(warehouse, dataset or Path(annotations).stem, collection, model_name, encoding)


@ingest.command()
@click.option("--dataset", default="scenes", show_default=True, help="Name of the data set.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many pictures.")
@_encoding
@_shared
def scenes(
    dataset: str,
    limit: int | None,
    shuffle_queries: bool,
    seed: int,
    warehouse: str,
    model_name: str | None,
    **encoding: Any,
) -> None:
    """Draw the embedded data set: coloured shapes, five captions each.

    \b
    cmr ingest scenes
    cmr ingest scenes --model ViT-B-32 --pretrained openai
    """
    from cmr.sources.scenes import read_scenes

    collection = _shuffled(read_scenes(limit=limit), shuffle_queries, seed)
    _encode(warehouse, dataset, collection, model_name, encoding)


def _shuffled(collection: Collection, wanted: bool, seed: int) -> Collection:
    from cmr.sources.collection import shuffle_texts

    return shuffle_texts(collection, seed) if wanted else collection


def _encode(
    warehouse: str,
    dataset: str,
    collection: Collection,
    model_name: str | None,
    encoding: dict[str, Any],
) -> None:
    from cmr.encode.models import resolve
    from cmr.pipeline.ingest import EncodeOptions, ingest_media

    spec = resolve(encoding.pop("model"), encoding.pop("pretrained"), model_name)
    options: EncodeOptions = EncodeOptions(**encoding)
    _report(ingest_media(warehouse, dataset, spec, collection, options, progress))


def _report(done: Ingested) -> None:
    """One line of what is there now, and the rejects."""
    dims = ", ".join(map(str, done.dims))
    what = f"{done.texts:,} texts, {done.visuals:,} visuals, {done.judgments:,} pairs"
    if done.new:
        click.echo(
            f"{done.dataset}: {what}; vectors of {done.model} at {dims} ({done.seconds:.1f} s)",
            err=True,
        )
    else:
        click.echo(f"{done.dataset}: already there ({what}; {done.model} at {dims})", err=True)
    if done.rejects:
        click.echo(f"{len(done.rejects)} rejected, listed in the table rejects:", err=True)
        for reject in done.rejects[:5]:
            click.echo(f"  {reject.source_row}: {reject.reason}", err=True)
        if len(done.rejects) > 5:
            click.echo(f"  and {len(done.rejects) - 5} more", err=True)
