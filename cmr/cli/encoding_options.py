"""Options of `cmr ingest` for sources whose pictures, clips and captions are encoded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from cmr.cli.options import Above, Share, Whole
from cmr.encode.sampling import CLIPS_AS, SAMPLINGS
from cmr.pipeline.option_values import Number

if TYPE_CHECKING:
    from cmr.sources.source import Source

# Frames a second that no camera exceeds.
FASTEST = 1000


def encoding_options(source: Source) -> list[click.Parameter]:
    """Options of a source whose pictures and captions are encoded."""
    from cmr.pipeline.paragraphs import SUFFIX

    needed = "default: scenes-tiny" if source.own_model else "required"
    if source.vectors_by:
        needed += f" without --{source.vectors_by.replace('_', '-')}"
    return [
        click.Option(
            ["--model"],
            help="An open_clip name with --pretrained, hf-hub:org/name, local-dir:folder, "
            "transformers:org/name of a CLIP or SigLIP model, sentence-transformers:org/name of "
            "any that takes texts and pictures or clips, or scenes-tiny, a toy that knows "
            f"only drawn scenes.  [{needed}]",
        ),
        click.Option(
            ["--pretrained"], help="open_clip's tag of the weights, or a checkpoint file."
        ),
        click.Option(
            ["--precision"],
            type=click.Choice(["fp32", "bf16", "fp16"]),
            default="fp32",
            show_default=True,
            help="Precision of the model's weights while encoding.",
        ),
        click.Option(["--prompt"], help="Template for captions, such as 'a photo of {}'."),
        click.Option(
            ["--paragraphs"],
            is_flag=True,
            help="Join all captions of a visual, in their order, to one text: paragraph retrieval. "
            f"The data set's default name then ends in {SUFFIX}.",
        ),
        click.Option(
            ["--run-remote-code"],
            is_flag=True,
            help="Run the Python code that comes with a model of sentence-transformers, which may "
            "do anything on this machine; read it first.",
        ),
        click.Option(
            ["--device"], default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps"
        ),
        click.Option(["--batch-size"], default=64, show_default=True, type=Whole(1, 2**16)),
        click.Option(
            ["--workers"],
            default=os.cpu_count() or 1,
            show_default="cores",
            type=Whole(1, 2**12),
            help="Decoding threads.",
        ),
        click.Option(
            ["--max-rejects"],
            default=0.01,
            show_default=True,
            type=Share(),
            help="Share of the pictures that may be missing or broken.",
        ),
        click.Option(
            ["--engine"],
            default="local",
            show_default=True,
            type=click.Choice(["local", "ray"]),
            help="ray: decode and encode on the nodes of a Ray cluster.",
        ),
        click.Option(
            ["--ray-address"],
            help="With --engine ray: auto, host:port or ray://host:port.  "
            "[default: start Ray here]",
        ),
    ]


def clip_options() -> list[click.Parameter]:
    """Options of a source of clips."""
    return [
        click.Option(
            ["--frames"],
            default=12,
            show_default=True,
            type=Whole(1, 2**16),
            help="Frames taken of each clip.",
        ),
        click.Option(
            ["--sampling"],
            default="uniform",
            show_default=True,
            type=click.Choice(SAMPLINGS),
            help="Which frames: spread over the clip, --rate a second, or only the middle one.",
        ),
        click.Option(
            ["--rate"],
            type=Above(Number(FASTEST)),
            help="Frames a second of --sampling fps, at most --frames.  [default: 1]",
        ),
        click.Option(
            ["--clips-as"],
            type=click.Choice(CLIPS_AS),
            help="whole: the model takes a clip's frames together, as one video; frames: each is "
            "encoded, and their mean is the clip's vector.  "
            "[default: whole where the model takes video]",
        ),
        click.Option(
            ["--keep-frames"],
            is_flag=True,
            help="Store the frames' vectors, too, in the table frames.",
        ),
    ]
