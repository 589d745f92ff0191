"""Every engine that is installed, on one data set: the table of docs/engines.md.

    python bench/engines.py [--warehouse w] [--dataset scenes] [--dim 512]

Each engine is evaluated with its own defaults and with the further settings below, then all of them
are timed in turns by `cmr bench`, and the view `contenders` is printed as Markdown. Without
--warehouse one is made by `cmr demo`. Keep the machine free of other work.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

import cmr
from cmr.score.search.scorer_kinds import BUILT_IN, TORCH, scorer_kind, scorer_names

# Beside an engine's defaults: what its users turn first.
FURTHER = {
    "faiss": ("factory=OPQ32_128,IVF32,PQ32x4fs,nprobe=8",),
    "faiss-hnsw": ("ef=64",),
    "faiss-ivf": ("nprobe=8",),
    "faiss-ivfpq": ("nprobe=8",),
    "faiss-rabitq": ("bits=2,4",),
    "lancedb": ("index=ivf-hnsw-sq", "index=none"),
    "pgvector": ("type=halfvec", "type=bit,oversample=8", "index=none"),
    "sqlite-vec": ("type=int8", "type=bit", "type=bit-rescored"),
}


def run(*arguments: str) -> None:
    """One command of cmr. Raises CalledProcessError where it fails."""
    subprocess.run((sys.executable, "-m", "cmr", *arguments), check=True, stdout=sys.stderr)


def engines() -> list[str]:
    """The engines whose packages are there."""
    found = []
    for name in scorer_names():
        kind = scorer_kind(name)
        if name not in BUILT_IN and all(map(kind.is_there, kind.modules)):
            found.append(name)
    return found


def measure(root: str, dataset: str, dim: int, scorers: Sequence[str]) -> None:
    """Evaluate and time them all on the native vectors, as fp32, in the direction t2v."""
    here = ("-w", root, "--dataset", dataset, "--dims", str(dim), "--directions", "t2v")
    fp32 = ("--precisions", "fp32")
    full = ("--protocols", "full")
    run("evaluate", *here, "--precisions", "fp32,fp16,int8,int4", *full)
    run("evaluate", *here, "--precisions", "rabitq1,rabitq2,rabitq4,b1", "--asymmetric", *full)
    timed = ("--stages", "batch,single", "--candidates", "500")
    run("bench", *here, "--precisions", "fp16,int8,int4", "--scorers", TORCH, *timed)
    for name in scorers:
        run("evaluate", *here, *fp32, *full, "--scorer", name)
    # In turns, all with their defaults.
    run("bench", *here, *fp32, "--scorers", ",".join((TORCH, *scorers)), *timed)
    for name in scorers:
        for one in FURTHER.get(name, ()):
            options = ("--scorer-options", one)
            run("evaluate", *here, *fp32, *full, "--scorer", name, *options)
            run("bench", *here, *fp32, "--scorers", name, *options, *timed)


def table(root: str) -> str:
    """The view `contenders` by recall@10, in Markdown."""
    rows = (
        cmr.open(root)
        .sql(
            "from contenders where measure = 'recall' and k = 10 and direction = 't2v' "
            "order by bytes, p50_ms"
        )
        .dicts()
    )
    lines = [
        "| contender | bytes | recall@10 kept | ann_recall | lost by codes | by search | p50 ms | "
        "p95 ms | p99 ms | queries/s | front |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]

    def told(value: float | None, digits: int) -> str:
        return "" if value is None else f"{value:,.{digits}f}"

    for row in rows:
        kept = f"{row['kept']:.4f} [{row['kept_low']:.4f}, {row['kept_high']:.4f}]"
        lines.append(
            f"| {row['contender']} | {row['bytes']:,.0f} | {kept} | {told(row['ann_recall'], 4)} | "
            f"{told(row['lost_by_codes'], 4)} | {told(row['lost_by_search'], 4)} | "
            f"{told(row['p50_ms'], 3)} | {told(row['p95_ms'], 3)} | {told(row['p99_ms'], 3)} | "
            f"{told(row['queries_per_second'], 0)} | {'yes' if row['best'] else ''} |"
        )
    return "\n".join(lines)


@click.command()
@click.option("--warehouse", help="A warehouse with the data set.  [default: that of cmr demo]")
@click.option("--dataset", default="scenes", show_default=True)
@click.option("--dim", default=512, show_default=True, help="The native dimension.")
@click.option("--scorers", help="Engines, with commas.  [default: all that are installed]")
def main(warehouse: str | None, dataset: str, dim: int, scorers: str | None) -> None:
    """Measure, and print the table."""
    named = scorers.split(",") if scorers else engines()
    with tempfile.TemporaryDirectory() as scratch:
        root = warehouse or str(Path(scratch) / "w")
        if warehouse is None:
            run("demo", "-w", root, "--out", str(Path(scratch) / "report"))
        measure(root, dataset, dim, named)
        versions = {}
        for name in named:
            versions |= scorer_kind(name).versions()
        click.echo(f"{platform.processor() or platform.machine()}, {cmr.__version__}; "
                   + ", ".join(f"{name} {one}" for name, one in versions.items()))  # fmt: skip
        click.echo(table(root))


if __name__ == "__main__":
    main()
