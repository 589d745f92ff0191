"""Seconds against size: n texts and n visuals, from 2,500 to 20,000, a factor of 64 in scores.

    python bench/sizes.py [--rounds 2] [--repeats 3] [--out bench/results]

Contenders take turns at each size, as in bench/peers.py, and do the same in both directions.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from peers import DIM, compare, make_vectors
from saved import save, show

SIZES = (2_500, 5_000, 10_000, 20_000)
CONTENDERS = (
    "cmr fp32",
    "cmr int8",
    "bare tiled product, fp32",
    "torch.topk, both ways",
    "faiss flat, both ways",
)


@click.command()
@click.option("--rounds", default=2, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@click.option("--out", default="bench/results", type=click.Path(path_type=Path))
def main(rounds: int, repeats: int, out: Path) -> None:
    """Run, print a table, and write it to a file."""
    rows = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            vectors = make_vectors(size, size)
            rows += [
                {"size": size} | row
                for row in compare(vectors, CONTENDERS, rounds, repeats, Path(folder))
            ]
    show(rows)
    save(out, "sizes", {"dim": DIM, "rows": rows})


if __name__ == "__main__":
    main()
