"""The published grid by cmr and by the published loop.

    python bench/grid.py [--out bench/results]

3 dimensions x 3 precisions x 5 C x 2 directions at the COCO 5k shape, once by cmr (with
`full` and `expected` in the same pass) and once by the protocol of the published scripts in its
plain form: for every query draw C, compute inner products, argsort. Both start from the vectors of
every dimension; the loop only needs the ranks of the first relevant item, as do the scripts.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from peers import SHAPES, Cmr, make_vectors, silent
from saved import save, show

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


@click.command()
@click.option("--repeats", default=3, show_default=True)
@click.option("--out", default="bench/results", type=click.Path(path_type=Path))
def main(repeats: int, out: Path) -> None:
    """Run, print a table, and write it to a file."""
    rows = grid(repeats)
    show(rows)
    save(out, "grid", {"rows": rows})


if __name__ == "__main__":
    main()
