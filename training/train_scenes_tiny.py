"""Train scenes-tiny on the train split of `scenes` and write it as an open_clip folder.

    python training/train_scenes_tiny.py --out first --spread 0.15
    python training/train_scenes_tiny.py --out cmr/assets/scenes-tiny --start first --epochs 14 \
        --rate 0.0015

The architecture is open_clip's CLIP, built by open_clip from the written config, and trained with
open_clip's ClipLoss; pictures and captions go through open_clip's own preprocessing and tokenizer.
Takes about half an hour on two cores. The second stage begins where the first ends.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from cmr.sources.scenes_draw import FAMILY, SIZE, Scene, render, scenes

MERGES = "bpe_scenes.txt.gz"
WEIGHTS = "open_clip_model.safetensors"
# No score depends on more dimensions than the text tower has.
TEXT_WIDTH, TEXT_LAYERS, TEXT_HEADS, TEXT_MLP = 224, 2, 4, 1.0
CONTEXT = 26


def learn_merges(captions: list[str], count: int = 400) -> list[tuple[str, str]]:
    """Byte-pair merges of the captions' words (Sennrich et al., 2016, algorithm 1)."""
    words = Counter(word for caption in captions for word in caption.replace(",", " ").split())
    pieces = {word: (*word[:-1], word[-1] + "</w>") for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in pieces.items():
            for pair in itertools.pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word, parts in pieces.items():
            pieces[word] = _merge(parts, best)
    return merges


def _merge(parts: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out: list[str] = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return tuple(out)


def config(merges: int) -> dict[str, object]:
    """open_clip's config of the model: 512 dimensions, 64-pixel pictures, a short vocabulary."""
    return {
        "model_cfg": {
            "embed_dim": 512,
            "vision_cfg": {
                "image_size": SIZE,
                "layers": [1, 1, 2, 1],
                "width": 12,
                "patch_size": None,
            },
            "text_cfg": {
                "context_length": CONTEXT,
                "vocab_size": 512 + merges + 2,
                "width": TEXT_WIDTH,
                "heads": TEXT_HEADS,
                "layers": TEXT_LAYERS,
                "mlp_ratio": TEXT_MLP,
            },
        },
        "preprocess_cfg": {
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }


def write_vocabulary(out: Path, captions: list[str]) -> int:
    """Write config and merges; returns the number of merges."""
    merges = learn_merges(captions)
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in merges)]
    # A fixed time in the header, so that the same merges give the same file.
    with (out / MERGES).open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as stream:
        stream.write("\n".join(lines).encode())
    (out / "open_clip_config.json").write_text(json.dumps(config(len(merges)), indent=2) + "\n")
    return len(merges)


def hit_rates(
    model: open_clip.CLIP, pixels: torch.Tensor, tokens: torch.Tensor
) -> dict[str, float]:
    """hit_rate@1/5/10 in both directions, by a full matrix; five captions per picture, in order."""
    model.eval()
    with torch.inference_mode():
        images = torch.cat(
            [
                model.encode_image(pixels[start : start + 256], normalize=True)
                for start in range(0, len(pixels), 256)
            ]
        )
        texts = torch.cat(
            [
                model.encode_text(tokens[start : start + 1024], normalize=True)
                for start in range(0, len(tokens), 1024)
            ]
        )
    model.train()
    scores = texts @ images.T
    owner = torch.arange(len(texts)) // 5
    right = scores[torch.arange(len(texts)), owner]
    t2v = (scores > right[:, None]).sum(1)
    best = scores.T.reshape(len(images), -1)
    own = torch.zeros_like(best, dtype=torch.bool)
    own[owner, torch.arange(len(texts))] = True
    first = best.masked_fill(~own, -2).max(1).values
    v2t = ((best > first[:, None]) & ~own).sum(1)
    found = {f"t2v_hit_rate@{k}": float((t2v < k).float().mean()) for k in (1, 5, 10)}
    return found | {f"v2t_hit_rate@{k}": float((v2t < k).float().mean()) for k in (1, 5, 10)}


def unevenness(vectors: torch.Tensor) -> torch.Tensor:
    """How far unit vectors, (n, d), are from using all dimensions alike: 0 if they do.

    The mean square of (eigenvalue of d times their second moments) - 1, as in VICReg's covariance
    term (Bardes et al., 2022, section 4.1), but with the diagonal and uncentred. Without it so
    small a model puts nearly all it knows into twenty dimensions, and any other could be left out.
    """
    dim = vectors.shape[1]
    moments = vectors.T @ vectors * (dim / len(vectors)) - torch.eye(dim)
    return moments.square().sum() / dim


def stack(pictures: list[Scene], preprocess: Callable[[Image.Image], torch.Tensor]) -> torch.Tensor:
    """Pictures through open_clip's preprocessing, (n, 3, 64, 64)."""
    return torch.stack([preprocess(render(scene)) for scene in pictures])


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--epochs", default=20, show_default=True)
@click.option("--batch", default=256, show_default=True)
@click.option("--rate", default=2e-3, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--spread", default=0.1, show_default=True, help="Weight of `unevenness` in the loss."
)
@click.option("--start", type=click.Path(path_type=Path), help="Folder of weights to go on from.")
def main(
    out: Path, epochs: int, batch: int, rate: float, seed: int, spread: float, start: Path | None
) -> None:
    """Train and write the folder, with a log of every epoch."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    random.seed(seed)
    train, test = scenes("train"), scenes("test")
    write_vocabulary(out, [caption for scene in train for caption in scene.captions])
    name = f"local-dir:{out}"
    # Weights that an earlier run left in the folder must not initialise this one.
    model, _, preprocess = open_clip.create_model_and_transforms(name, load_weights=False)
    if start is not None:
        model.load_state_dict(load_file(start / WEIGHTS))
    model = model.to(memory_format=torch.channels_last)
    tokenize = open_clip.get_tokenizer(name, bpe_path=str(out / MERGES))
    pixels, tokens = (
        stack(train, preprocess).half(),
        tokenize([c for s in train for c in s.captions]),
    )
    test_pixels, test_tokens = (
        stack(test, preprocess),
        tokenize([c for s in test for c in s.captions]),
    )
    tokens = tokens.view(len(train), 5, -1)
    decay = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
    loss_of = open_clip.ClipLoss()
    steps = epochs * (len(train) // batch)
    warmup = min(200, steps // 10)
    log: list[dict[str, float]] = []
    step, began = 0, time.perf_counter()
    for epoch in range(1, epochs + 1):
        # Whole families, so that every batch has pictures that differ only in which shape has
        # which colour.
        families = torch.randperm(len(train) // FAMILY)
        order = (families[:, None] * FAMILY + torch.arange(FAMILY)).flatten()
        losses = []
        for start in range(0, len(order) - batch + 1, batch):
            rows = order[start : start + batch]
            part = step / steps
            scale = min(1.0, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * part))
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
            which = torch.randint(0, 5, (batch,))
            with torch.autocast("cpu", torch.bfloat16):
                batch_pixels = pixels[rows].float().contiguous(memory_format=torch.channels_last)
                image = model.encode_image(batch_pixels, normalize=True)
                text = model.encode_text(tokens[rows, which], normalize=True)
            image, text = image.float(), text.float()
            loss = loss_of(image, text, model.logit_scale.exp())
            loss = loss + spread * unevenness(torch.cat([image, text]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, math.log(100))
            losses.append(loss.item())
            step += 1
        row: dict[str, float] = {"epoch": epoch, "loss": round(float(np.mean(losses)), 4)}
        row["seconds"] = round(time.perf_counter() - began, 1)
        if epoch % 5 == 0 or epoch == epochs or epoch == 1:
            row |= {
                key: round(v, 4) for key, v in hit_rates(model, test_pixels, test_tokens).items()
            }
            _save(model, out)
        log.append(row)
        print(row, flush=True)
    _save(model, out)
    _write_log(out, log)


def _save(model: torch.nn.Module, out: Path) -> None:
    half = {key: value.half().contiguous() for key, value in model.state_dict().items()}
    save_file(half, str(out / WEIGHTS))


def _write_log(out: Path, log: list[dict[str, float]]) -> None:
    # The last epoch is always evaluated, so its row has every column.
    names = list(log[-1])
    with (out / "training_log.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(log)


if __name__ == "__main__":
    main()
