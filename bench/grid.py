"""The published grid by cmr and by the published loop, and cost against size.

    python bench/grid.py grid|linear [--out bench/results]

grid: 3 dimensions x 3 precisions x 5 C x 2 directions at the COCO 5k shape, once by cmr (with
`full` and `expected` in the same pass) and once by the protocol of the published scripts in its
plain form: for every query draw C, compute inner products, argsort. Both start from the vectors of
every dimension; the loop only needs the ranks of the first relevant item, as do the scripts.

linear: one representation at four sizes, from 2,500 x 2,500 to 20,000 x 20,000, a factor of 64.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from peers import DIM, SHAPES, Cmr, make_vectors, save, show, silent

from cmr.pipeline.evaluate import evaluate
from cmr.pipeline.request import Request

DIMS, PRECISIONS, POOLS = (128, 256, 512), ("fp16", "int8", "int4"), (100, 200, 300, 400, 500)


def published(queries: np.ndarray, items: np.ndarray, truth: np.ndarray, pool: int) -> float:
    """hit_rate@10 as the published scripts compute it."""
    rng = np.random.default_rng(42)
    hits = 0
    for query in range(len(queries)):
        drawn = rng.choice(len(items), pool, replace=False)
        drawn = drawn[drawn != truth[query]][: pool - 1]
        candidates = np.concatenate([[truth[query]], drawn])
        order = np.argsort(-(items[candidates] @ queries[query]))
        hits += 0 in order[:10]
    return hits / len(queries)


def loop(text: np.ndarray, visual: np.ndarray, truth: np.ndarray) -> None:
    """The whole grid: the scripts hold every precision as float32, with rounded values."""
    first = np.unique(truth, return_index=True)[1]
    for dim in DIMS:
        for _ in PRECISIONS:
            a, b = text[:, :dim].copy(), visual[:, :dim].copy()
            for pool in POOLS:
                published(a, b, truth, pool)
                published(b, a, first, pool)


def grid(repeats: int) -> list[dict[str, object]]:
    text, visual, truth = make_vectors(*SHAPES["coco"])
    with tempfile.TemporaryDirectory() as folder:
        cmr = Cmr.make(Path(folder), text, visual, truth)
        request = Request(
            dims=DIMS,
            precisions=PRECISIONS,
            candidates=POOLS,
            dim_methods=("truncate",),
            force=True,
        )
        evaluate(cmr.root, request, silent)
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            evaluate(cmr.root, request, silent)
            times.append(time.perf_counter() - start)
    start = time.perf_counter()
    loop(text, visual, truth)
    plain = time.perf_counter() - start
    mine = statistics.median(times)
    return [
        {"contender": "cmr, sampled, full and expected", "seconds": round(mine, 2), "times": 1},
        {"contender": "loop", "seconds": round(plain, 1), "times": round(plain / mine, 1)},
    ]


def linear(repeats: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for size in (2_500, 5_000, 10_000, 20_000):
        with tempfile.TemporaryDirectory() as folder:
            cmr = Cmr.make(Path(folder), *make_vectors(size, size))
            row: dict[str, object] = {"texts": size, "visuals": size, "dim": DIM}
            for precision in ("fp32", "int8"):
                times = []
                for _ in range(repeats):
                    start = time.perf_counter()
                    cmr.run(precision)
                    times.append(time.perf_counter() - start)
                seconds = statistics.median(times)
                row[f"{precision}_s"] = round(seconds, 3)
                row[f"{precision}_ns_a_score"] = round(seconds / size**2 * 1e9, 2)
            rows.append(row)
    return rows


@click.command()
@click.argument("what", type=click.Choice(["grid", "linear"]))
@click.option("--repeats", default=3, show_default=True)
@click.option("--out", default="bench/results", type=click.Path(path_type=Path))
def main(what: str, repeats: int, out: Path) -> None:
    """Run, print a table, and write it to a file."""
    rows = grid(repeats) if what == "grid" else linear(repeats)
    show(rows)
    save(out, what, {"rows": rows})


if __name__ == "__main__":
    main()
