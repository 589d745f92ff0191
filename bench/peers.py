"""cmr beside its peers on the same vectors, alternating, in one process.

    python bench/peers.py coco|msrvtt|large [--repeats 3] [--out bench/results]

Every row is a task from vectors to hit_rate@10 (both directions where the peer gives both), with
the best and the median of the repeats, the ratio to cmr's fp32, and the figure itself, so that
they can be seen to agree. cmr's time is the whole evaluation, Parquet read and rows written.
Random vectors: this measures time, not quality.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np
import torch

from cmr.pipeline.evaluate import evaluate
from cmr.pipeline.ingest import ingest_vectors
from cmr.pipeline.request import Request
from cmr.sources.npz import read_npz
from cmr.views import connect

SHAPES = {"coco": (25_000, 5_000), "msrvtt": (1_000, 1_000), "large": (10_000, 100_000)}
DIM = 512
Result = float | None


def silent(description: str, total: int, unit: str):
    import contextlib

    return contextlib.nullcontext(lambda count: None)


class Bench:
    """The vectors, and every contender as a method that returns t2v hit_rate@10."""

    def __init__(self, texts: int, visuals: int, folder: Path) -> None:
        rng = np.random.default_rng(0)
        visual = rng.standard_normal((visuals, DIM), dtype=np.float32)
        self.truth = np.arange(texts) % visuals
        text = visual[self.truth] + 6 * rng.standard_normal((texts, DIM), dtype=np.float32)
        self.visual = visual / np.linalg.norm(visual, axis=1, keepdims=True)
        self.text = text / np.linalg.norm(text, axis=1, keepdims=True)
        self.a, self.b = torch.from_numpy(self.text), torch.from_numpy(self.visual)
        path = folder / "bench.npz"
        np.savez(path, text_512=self.text, video_512=self.visual, ground_truth=self.truth)
        self.root = str(folder / "w")
        ingest_vectors(self.root, "bench", "random", read_npz(str(path)))
        for precision in ("fp16", "bf16", "int8", "int4", "b1"):
            evaluate(self.root, self.request(precision), silent)

    def request(self, precision: str, **more: object) -> Request:
        return Request(
            dims=(DIM,), precisions=(precision,), protocols=("full",), force=True, **more
        )

    def cmr(self, precision: str) -> Callable[[], Result]:
        def run() -> Result:
            done = evaluate(self.root, self.request(precision), silent)
            self.last = done.run_ids
            return None

        return run

    def bare_product(self) -> Result:
        room = torch.empty(1024 * 512)
        for c in range(0, len(self.b), 512):
            for r in range(0, len(self.a), 1024):
                a, b = self.a[r : r + 1024], self.b[c : c + 512]
                torch.mm(a, b.T, out=room[: len(a) * len(b)].view(len(a), len(b)))
        return None

    def topk(self) -> Result:
        scores = self.a @ self.b.T
        top = scores.topk(10, dim=1).indices
        scores.topk(10, dim=0)
        return float((top == torch.from_numpy(self.truth)[:, None]).any(1).float().mean())

    def argsort(self) -> Result:
        scores = self.a @ self.b.T
        order = scores.argsort(dim=1, descending=True)[:, :10]
        scores.argsort(dim=0, descending=True)
        return float((order == torch.from_numpy(self.truth)[:, None]).any(1).float().mean())

    def clip_benchmark(self) -> Result:
        from clip_benchmark.metrics.zeroshot_retrieval import batchify, recall_at_k

        scores = self.a @ self.b.T
        positive = torch.zeros(scores.shape, dtype=torch.bool)
        positive[torch.arange(len(self.a)), torch.from_numpy(self.truth)] = True
        t2v = (batchify(recall_at_k, scores, positive, 64, "cpu", k=10) > 0).float().mean()
        batchify(recall_at_k, scores.T, positive.T, 64, "cpu", k=10)
        return float(t2v)

    def faiss_flat(self) -> Result:
        import faiss

        index = faiss.IndexFlatIP(DIM)
        index.add(self.visual)
        _, found = index.search(self.text, 10)
        return float((found == self.truth[:, None]).any(1).mean())

    def published_loop(self) -> Result:
        """One query at a time: draw C, dot, argsort; C = 500, one direction, 2,000 queries."""
        rng = np.random.default_rng(42)
        hits = 0
        queries = min(2000, len(self.text))
        for query in range(queries):
            pool = rng.choice(len(self.visual), 500, replace=False)
            pool[0] = self.truth[query]
            order = np.argsort(-(self.visual[pool] @ self.text[query]))[:10]
            hits += 0 in order
        return hits / queries


@click.command()
@click.argument("shape", type=click.Choice(list(SHAPES)))
@click.option("--repeats", default=3, show_default=True)
@click.option("--out", default="bench/results", type=click.Path(path_type=Path))
def main(shape: str, repeats: int, out: Path) -> None:
    """Run, print a table, and write it as a dated row."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(*SHAPES[shape], Path(folder))
        contenders: dict[str, Callable[[], Result]] = {
            **{f"cmr {p}": bench.cmr(p) for p in ("fp32", "bf16", "int8", "int4", "b1")},
            "bare tiled product fp32": bench.bare_product,
            "published loop (2,000 queries, C = 500)": bench.published_loop,
            "faiss flat, t2v only": bench.faiss_flat,
            "torch.topk, both ways": bench.topk,
        }
        if shape != "large":
            contenders["torch.argsort, both ways"] = bench.argsort
            contenders["CLIP_benchmark recall_at_k, both ways"] = bench.clip_benchmark
        times: dict[str, list[float]] = {name: [] for name in contenders}
        figures: dict[str, Result] = {}
        for _ in range(repeats):
            for name, run in contenders.items():
                start = time.perf_counter()
                try:
                    figures[name] = run()
                except ImportError as error:
                    print(f"{name}: not installed ({error})", file=sys.stderr)
                    continue
                times[name].append(time.perf_counter() - start)
        con = connect(bench.root)
        for precision in ("fp32", "bf16", "int8", "int4", "b1"):
            figures[f"cmr {precision}"] = con.execute(
                "select value from metrics where measure = 'hit_rate' and k = 10 and "
                "direction = 't2v' and precision = ?",
                [precision],
            ).fetchone()[0]
    rows = [
        {
            "contender": name,
            "best_s": round(min(found), 3),
            "median_s": round(statistics.median(found), 3),
            "times_cmr_fp32": round(
                statistics.median(found) / statistics.median(times["cmr fp32"]), 2
            ),
            "t2v_hit_rate@10": None if figures[name] is None else round(figures[name], 4),
        }
        for name, found in times.items()
        if found
    ]
    for row in rows:
        print("  ".join(f"{value!s:>10}" for value in list(row.values())[1:]), row["contender"])
    day = datetime.now(UTC).date().isoformat()
    machine = {"cores": torch.get_num_threads(), "processor": platform.processor()}
    result = {"day": day, "shape": shape, "texts_visuals": SHAPES[shape], "machine": machine}
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{day}-{shape}.json").write_text(json.dumps({**result, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
