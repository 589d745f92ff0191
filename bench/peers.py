"""cmr beside its peers on the same vectors, alternating, each in its own processes.

    python bench/peers.py coco|msrvtt|large [--real VECTORS.npz] [--rounds 2] [--repeats 3]

Every contender does one task from vectors to hit_rate@10, in both directions if it can. In every
round each gets a process, does the task once on a few vectors, so that compilation does not count,
and then `--repeats` times. Time: the median and the best of all. Memory: the process's peak above
what it held before. cmr's figures cover the whole evaluation, including reading Parquet and writing
every rank; its metrics come from SQL.

Random vectors: this measures time and memory, not quality. --real repeats the vectors of a file to
the same shape instead, a little noise on each: `text` and `image`, unit rows, and `text_image`, the
image of each text.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import contenders
import numpy as np
from saved import Rows, save, show

from cmr.pipeline.bench.machine import forget_peak, peak_resident, resident
from cmr.pipeline.evaluate import evaluate
from cmr.pipeline.ingest import ingest_vectors
from cmr.pipeline.request import Request
from cmr.sources.npz import read_npz
from cmr.views import connect

SHAPES = {"coco": (25_000, 5_000), "msrvtt": (1_000, 1_000), "large": (10_000, 100_000)}
DIM = 512
# Added to each coordinate of repeated vectors, so that no two of them are the same.
NOISE = 0.02
# Texts, visuals, and the visual of each text.
Vectors = tuple[np.ndarray, np.ndarray, np.ndarray]
PRECISIONS = ("fp32", "bf16", "int8", "int4", "b1")
# These take many seconds at the larger shapes, or hold the whole matrix and its sort order.
ONCE = ("CLIP_benchmark", "MTEB", "argsort")
TOO_LARGE = ("argsort", "CLIP_benchmark", "open_clip")


def stored(folder: Path) -> Vectors:
    """The vectors that a bench keeps in its folder."""
    data = np.load(folder / "bench.npz")
    sides = {name.partition("_")[0]: data[name] for name in data.files}
    return sides["text"], sides["video"], data["ground_truth"]


def silent(description: str, total: int, unit: str):
    import contextlib

    return contextlib.nullcontext(lambda count: None)


def make_vectors(texts: int, visuals: int) -> Vectors:
    """Texts near their visuals, as unit float32 rows, and the visual of each text."""
    rng = np.random.default_rng(0)
    visual = rng.standard_normal((visuals, DIM), dtype=np.float32)
    truth = np.arange(texts) % visuals
    text = visual[truth] + 6 * rng.standard_normal((texts, DIM), dtype=np.float32)
    visual /= np.linalg.norm(visual, axis=1, keepdims=True)
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    return text, visual, truth


def real_vectors(path: Path, texts: int, visuals: int) -> Vectors:
    """The vectors of a file as often as this shape asks for, unit float32 rows."""
    given, rng = np.load(path), np.random.default_rng(0)
    image, text = given["image"], given["text"]
    copies = visuals // len(image)
    place = np.arange(texts) % (len(text) * copies)
    copy, which = np.divmod(place, len(text))
    sides = []
    for rows in (text[which], np.tile(image, (copies, 1))):
        noisy = rows + NOISE * rng.standard_normal(rows.shape, dtype=np.float32)
        sides.append(noisy / np.linalg.norm(noisy, axis=1, keepdims=True))
    return sides[0], sides[1], given["text_image"][which] + copy * len(image)


class Cmr:
    """A warehouse with the vectors, every representation stored."""

    def __init__(self, folder: Path) -> None:
        self.root = str(folder / "w")
        self.dim = stored(folder)[0].shape[1]

    @classmethod
    def make(
        cls,
        folder: Path,
        text: np.ndarray,
        visual: np.ndarray,
        truth: np.ndarray,
        precisions: tuple[str, ...] = PRECISIONS,
    ) -> Cmr:
        """Write the vectors and the warehouse into a folder; precisions are scored once."""
        dim = text.shape[1]
        path = folder / "bench.npz"
        np.savez(path, **{f"text_{dim}": text, f"video_{dim}": visual, "ground_truth": truth})
        made = cls(folder)
        ingest_vectors(made.root, "bench", "random", read_npz(str(path)))
        for precision in precisions:
            made.run(precision)
        return made

    def run(self, precision: str, **more: object) -> None:
        """Score one representation again, in both directions."""
        settings = {"protocols": ("full",), "force": True, **more}
        evaluate(self.root, Request(dims=(self.dim,), precisions=(precision,), **settings), silent)

    def hit_rate(self, precision: str) -> float:
        """The t2v figure that SQL computes from the ranks."""
        query = (
            "select value from metrics where measure = 'hit_rate' and k = 10 and "
            "direction = 't2v' and protocol = 'full' and precision = ?"
        )
        return connect(self.root).execute(query, [precision]).fetchone()[0]


def one(name: str, folder: Path, repeats: int) -> dict[str, object]:
    """Run one contender in this process: seconds, MiB above the start, and its figure."""
    vectors = stored(folder)
    value: object = None
    if name.startswith("cmr "):
        cmr = Cmr(folder)
        work: Callable[[], object] = lambda: cmr.run(name[4:])  # noqa: E731
        work()
    else:
        peer = contenders.PEERS[name]
        peer(*make_vectors(64, 64))
        work = lambda: peer(*vectors)  # noqa: E731
    before = resident()
    forget_peak()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        value = work()
        seconds.append(time.perf_counter() - start)
    peak = peak_resident()
    if name.startswith("cmr "):
        value = cmr.hit_rate(name[4:])
    return {"seconds": seconds, "mib": max(0, peak - before) / 2**20, "value": value}


def chosen(shape: str) -> list[str]:
    """The contenders that can handle a shape."""
    names = [f"cmr {precision}" for precision in PRECISIONS]
    for name in contenders.PEERS:
        too_large = shape == "large" and any(word in name for word in TOO_LARGE)
        if not too_large and (shape == "msrvtt" or "open_clip" not in name):
            names.append(name)
    return names


def compare(
    vectors: Vectors, names: Sequence[str], rounds: int, repeats: int, folder: Path
) -> Rows:
    """One row per contender, which take turns."""
    mine = tuple(name[4:] for name in names if name.startswith("cmr "))
    Cmr.make(folder, *vectors, precisions=mine)
    found: dict[str, list[dict]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in found:
            times = 1 if any(word in name for word in ONCE) else repeats
            command = [sys.executable, __file__, "--one", name]
            command += ["--folder", str(folder), "--repeats", str(times)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
            click.echo(f"{name}: {min(found[name][-1]['seconds']):.3f} s", err=True)
    seconds = {name: [s for run in runs for s in run["seconds"]] for name, runs in found.items()}
    base = statistics.median(seconds["cmr fp32"])
    rows = []
    for name, runs in found.items():
        value = runs[0]["value"]
        rows.append(
            {
                "contender": name,
                "median_s": round(statistics.median(seconds[name]), 3),
                "best_s": round(min(seconds[name]), 3),
                "times_cmr_fp32": round(statistics.median(seconds[name]) / base, 2),
                "peak_mib": round(max(run["mib"] for run in runs)),
                "t2v_hit_rate@10": None if value is None else round(value, 4),
                "repeats": len(seconds[name]),
            }
        )
    return rows


@click.command()
@click.argument("shape", type=click.Choice(list(SHAPES)), default="coco")
@click.option("--real", type=click.Path(exists=True, path_type=Path), help="A file of vectors.")
@click.option("--rounds", default=2, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@click.option("--out", default="bench/results", type=click.Path(path_type=Path))
@click.option("--one", "name", hidden=True)
@click.option("--folder", hidden=True, type=click.Path(path_type=Path))
def main(
    shape: str,
    real: Path | None,
    rounds: int,
    repeats: int,
    out: Path,
    name: str | None,
    folder: Path | None,
) -> None:
    """Run, print a table, and write it to a file."""
    if name and folder:
        print(json.dumps(one(name, folder, repeats)))
        return
    size = SHAPES[shape]
    vectors = real_vectors(real, *size) if real else make_vectors(*size)
    with tempfile.TemporaryDirectory() as made:
        rows = compare(vectors, chosen(shape), rounds, repeats, Path(made))
    show(rows)
    about = {"texts_visuals_dim": [*size, vectors[0].shape[1]], "rows": rows}
    save(out, f"{shape}-real" if real else shape, about)


if __name__ == "__main__":
    main()
