"""How much of a model's own speed remains while pictures are read, decoded and prepared.

    python bench/encode.py [--architecture ViT-B-32] [--pictures 512] [--rounds 5] [--device cpu]

Draws scenes as JPEG files of 640 x 480, and alternates between the bare model on prepared tensors
and cmr's whole path from files. The weights are random, because speed does not depend on them;
quality is not measured. Prints the medians of the rounds, and their ratio.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

import click
import open_clip
import torch
from safetensors.torch import save_file
from saved import save

from cmr.encode.batches import How, encode_images
from cmr.encode.decode import decode
from cmr.encode.models import resolve
from cmr.encode.openclip import OpenClip
from cmr.sources.collection import Item
from cmr.sources.images import FolderReader
from cmr.sources.scenes_draw import render, scenes


def random_model(architecture: str, folder: Path) -> Path:
    """A folder with open_clip's configuration of an architecture, and random weights."""
    folder.mkdir()
    config = {"model_cfg": open_clip.get_model_config(architecture), "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    model = open_clip.create_model(architecture, pretrained=None)
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()},
        str(folder / "open_clip_model.safetensors"),
    )
    return folder


def draw(folder: Path, count: int) -> list[Item]:
    folder.mkdir()
    items = []
    for number, scene in enumerate(scenes("test", min(count, 64))):
        render(scene).resize((640, 480)).save(folder / f"{number}.jpg", quality=90)
    for number in range(count):
        items.append(Item(str(number), uri=f"{number % 64}.jpg"))
    return items


def bare(encoder: OpenClip, tensors: list[torch.Tensor], batch: int) -> float:
    clock = time.perf_counter()
    for at in range(0, len(tensors), batch):
        encoder.encode_images(tensors[at : at + batch])
    return time.perf_counter() - clock


def whole(encoder: OpenClip, items: list[Item], reader: FolderReader, how: How) -> float:
    clock = time.perf_counter()
    encode_images(encoder, items, reader, how, lambda items, vectors, frames: None)
    return time.perf_counter() - clock


@click.command()
@click.option("--architecture", default="ViT-B-32", show_default=True)
@click.option("--pictures", default=512, show_default=True)
@click.option("--batch", default=64, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--out", default="bench/results", show_default=True)
def main(
    architecture: str, pictures: int, batch: int, workers: int, rounds: int, device: str, out: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = random_model(architecture, Path(folder) / "model")
        encoder = OpenClip(resolve(f"local-dir:{model}", None), device)
        items = draw(Path(folder) / "pictures", pictures)
        reader = FolderReader(str(Path(folder) / "pictures"))
        tensors = [encoder.preprocess(decode(reader.read(item.uri or ""))) for item in items]
        clock = time.process_time()
        for item in items[:64]:
            encoder.preprocess(decode(reader.read(item.uri or "")))
        one = (time.process_time() - clock) / min(64, pictures)
        how = How(batch, workers)
        bare(encoder, tensors[:batch], batch)
        seconds: dict[str, list[float]] = {"bare": [], "whole": []}
        for _ in range(rounds):
            seconds["bare"].append(bare(encoder, tensors, batch))
            seconds["whole"].append(whole(encoder, items, reader, how))
    model_s, path_s = (statistics.median(seconds[name]) for name in ("bare", "whole"))
    rows = [
        {
            "architecture": architecture,
            "device": device,
            "pictures": pictures,
            "bare_per_second": pictures / model_s,
            "whole_per_second": pictures / path_s,
            "ratio": model_s / path_s,
            "best_ratio": min(seconds["bare"]) / min(seconds["whole"]),
            "prepare_cpu_ms": 1000 * one,
            "cores": torch.get_num_threads(),
        }
    ]
    for row in rows:
        click.echo(json.dumps(row))
    save(Path(out), "encode", {"rows": rows})


if __name__ == "__main__":
    main()
