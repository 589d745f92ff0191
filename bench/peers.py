"""cmr beside its peers on the same vectors, alternating, in one process.

    python bench/peers.py coco|msrvtt|large [--repeats 3] [--out bench/results]

Every contender does one task from vectors to hit_rate@10, both directions where it can. Each is
run once on a few vectors first, so that nobody's compiling counts. Time: the median and the best
of the repeats. Memory: the most that the process grew by meanwhile, sampled. cmr's figures are
of the whole evaluation, Parquet read and every rank written; its metrics come from SQL.

Random vectors: this measures time and memory, not quality.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import contenders
import numpy as np
import psutil
import torch

from cmr.pipeline.evaluate import evaluate
from cmr.pipeline.ingest import ingest_vectors
from cmr.pipeline.request import Request
from cmr.sources.npz import read_npz
from cmr.views import connect

SHAPES = {"coco": (25_000, 5_000), "msrvtt": (1_000, 1_000), "large": (10_000, 100_000)}
DIM = 512
PRECISIONS = ("fp32", "bf16", "int8", "int4", "b1")
# These hold the whole matrix and its order, or take minutes a repeat.
ONCE = ("CLIP_benchmark", "MTEB", "open_clip")
TOO_LARGE = ("argsort", "CLIP_benchmark", "open_clip")


def silent(description: str, total: int, unit: str):
    import contextlib

    return contextlib.nullcontext(lambda count: None)


def make_vectors(texts: int, visuals: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texts near their visuals, as unit float32 rows, and the visual of each text."""
    rng = np.random.default_rng(0)
    visual = rng.standard_normal((visuals, DIM), dtype=np.float32)
    truth = np.arange(texts) % visuals
    text = visual[truth] + 6 * rng.standard_normal((texts, DIM), dtype=np.float32)
    visual /= np.linalg.norm(visual, axis=1, keepdims=True)
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    return text, visual, truth


class Cmr:
    """A warehouse with the same vectors, every representation stored."""

    def __init__(self, folder: Path, text: np.ndarray, visual: np.ndarray, truth: np.ndarray):
        path = folder / "bench.npz"
        np.savez(path, **{f"text_{DIM}": text, f"video_{DIM}": visual, "ground_truth": truth})
        self.root = str(folder / "w")
        ingest_vectors(self.root, "bench", "random", read_npz(str(path)))
        for precision in PRECISIONS:
            self.run(precision)

    def run(self, precision: str, **more: object) -> None:
        """Score one representation in both directions, again."""
        settings = {"protocols": ("full",), "force": True, **more}
        evaluate(self.root, Request(dims=(DIM,), precisions=(precision,), **settings), silent)

    def hit_rate(self, precision: str) -> float:
        """What SQL says of the ranks, the t2v figure."""
        query = (
            "select value from metrics where measure = 'hit_rate' and k = 10 and "
            "direction = 't2v' and protocol = 'full' and precision = ?"
        )
        return connect(self.root).execute(query, [precision]).fetchone()[0]


def measure(work: Callable[[], object]) -> tuple[float, float, object]:
    """Seconds, growth of resident memory in MiB at its peak, and the result."""
    process, done, peak = psutil.Process(), threading.Event(), 0
    before = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        result = work()
    finally:
        seconds = time.perf_counter() - start
        done.set()
        watcher.join()
    return seconds, peak / 2**20, result


def chosen(shape: str) -> dict[str, contenders.Contender]:
    """The peers that can do a shape, each warmed up."""
    found = {}
    text, visual, truth = make_vectors(64, 64)
    for name, run in contenders.PEERS.items():
        if shape == "large" and any(word in name for word in TOO_LARGE):
            continue
        if shape != "msrvtt" and "open_clip" in name:
            continue
        try:
            run(text, visual, truth)
        except ImportError as error:
            click.echo(f"{name}: not installed ({error})", err=True)
            continue
        found[name] = run
    return found


def compare(shape: str, repeats: int, folder: Path) -> list[dict[str, object]]:
    """A row a contender."""
    vectors = make_vectors(*SHAPES[shape])
    peers = chosen(shape)
    cmr = Cmr(folder, *vectors)
    work: dict[str, Callable[[], object]] = {
        **{f"cmr {p}": (lambda p=p: cmr.run(p)) for p in PRECISIONS},
        **{name: (lambda run=run: run(*vectors)) for name, run in peers.items()},
    }
    found: dict[str, list[tuple[float, float, object]]] = {name: [] for name in work}
    for repeat in range(repeats):
        for name, run in work.items():
            if not (repeat and any(word in name for word in ONCE)):
                found[name].append(measure(run))
                click.echo(f"{name}: {found[name][-1][0]:.2f} s", err=True)
    base = statistics.median(row[0] for row in found["cmr fp32"])
    rows = []
    for name, runs in found.items():
        seconds = statistics.median(row[0] for row in runs)
        value = cmr.hit_rate(name[4:]) if name.startswith("cmr ") else runs[0][2]
        rows.append(
            {
                "contender": name,
                "median_s": round(seconds, 3),
                "best_s": round(min(row[0] for row in runs), 3),
                "times_cmr_fp32": round(seconds / base, 2),
                "peak_mib": round(max(row[1] for row in runs)),
                "t2v_hit_rate@10": None if value is None else round(value, 4),
                "repeats": len(runs),
            }
        )
    return rows


def save(out: Path, name: str, result: dict[str, object]) -> None:
    """Write a dated file; the rows of the day before stay."""
    day = datetime.now(UTC).date().isoformat()
    machine = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"day": day, "bench": name, "machine": machine, **result}, indent=1)
    (out / f"{day}-{name}.json").write_text(text + "\n", encoding="utf-8")


def show(rows: list[dict[str, object]]) -> None:
    """Print rows as a Markdown table."""
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join("" if v is None else str(v) for v in row.values()) + " |")


@click.command()
@click.argument("shape", type=click.Choice(list(SHAPES)))
@click.option("--repeats", default=3, show_default=True)
@click.option("--out", default="bench/results", type=click.Path(path_type=Path))
def main(shape: str, repeats: int, out: Path) -> None:
    """Run, print a table, and keep it."""
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(shape, repeats, Path(folder))
    show(rows)
    save(out, shape, {"texts_visuals_dim": [*SHAPES[shape], DIM], "rows": rows})


if __name__ == "__main__":
    main()
