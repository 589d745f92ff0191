"""Every engine that is installed, on one data set: the table of docs/engines.md.

    python bench/engines.py [--warehouse w] [--dataset scenes] [--dim 512] [--into docs/engines.md]

Each engine is evaluated with its own defaults and with the further settings below; `cmr bench`
times batches, single queries, many clients and filters, all engines with their defaults in turns.
What the warehouse then knows is printed as Markdown (bench/engines_table.py), and with --into
written into that file, between the lines that name the data set. A second call measures only what
is missing. Without --warehouse one is made by `cmr demo`. Keep the machine free of other work.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click
from engines_table import Asked, table
from saved import replaced

import cmr
from cmr.pipeline.bench.machine import cores, processor
from cmr.score.search.scorer_kinds import BUILT_IN, TORCH, scorer_kind, scorer_names

# In the place of an engine's defaults, where these would take most of the time: faiss-ivfpq learns
# its rotation for a minute or more, in every fold and in every process that is timed.
INSTEAD = {"faiss-ivfpq": "opq=no"}
# Beside them: what its users turn first.
FURTHER = {
    "faiss": ("factory=OPQ32_128,IVF32,PQ32x4fs,nprobe=8",),
    "faiss-hnsw": ("ef=64",),
    "faiss-ivf": ("nprobe=8",),
    "faiss-ivfpq": ("opq=no,nprobe=8",),
    "faiss-rabitq": ("bits=2,4",),
    "lancedb": ("index=ivf-hnsw-sq;none",),
    "pgvector": ("type=halfvec", "type=bit,oversample=8", "index=none"),
    "sqlite-vec": ("type=int8;bit;bit-rescored",),
}
CLIENTS, FILTERS = (1, 4, 16), (0.5, 0.1, 0.01)
CODES, ASYMMETRIC = "fp32,fp16,int8,int4", "rabitq1,rabitq2,rabitq4,b1,pq64"


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


def measure(
    root: str, dataset: str, dim: int, scorers: Sequence[str], repeats: int, window: float
) -> None:
    """Evaluate and time them all on the native vectors, as fp32, in the direction t2v."""
    here = ("-w", root, "--dataset", dataset, "--dims", str(dim), "--directions", "t2v")
    fp32 = ("--precisions", "fp32")
    full = ("--protocols", "full")
    timed = (
        "--stages", "batch,single,clients,filters", "--candidates", "500",
        "--clients", ",".join(map(str, CLIENTS)), "--filters", ",".join(map(str, FILTERS)),
        "--repeats", str(repeats), "--window", str(window),
    )  # fmt: skip
    usual = [name for name in scorers if name not in INSTEAD]
    further = [(name, one) for name in scorers for one in FURTHER.get(name, ())]
    further += [(name, INSTEAD[name]) for name in scorers if name in INSTEAD]
    run("evaluate", *here, "--precisions", CODES, *full)
    run("evaluate", *here, "--precisions", ASYMMETRIC, "--asymmetric", *full)
    for name in usual:
        run("evaluate", *here, *fp32, *full, "--scorer", name)
    for name, one in further:
        run("evaluate", *here, *fp32, *full, "--scorer", name, "--scorer-options", one)
    run("bench", *here, "--precisions", "fp16,int8,int4", "--scorers", TORCH, *timed)
    run("bench", *here, "--precisions", ASYMMETRIC, "--asymmetric", "--scorers", TORCH, *timed)
    # In turns, all with their defaults.
    run("bench", *here, *fp32, "--scorers", ",".join((TORCH, *usual)), *timed)
    for name, one in further:
        run("bench", *here, *fp32, "--scorers", name, "--scorer-options", one, *timed)


def about(scorers: Sequence[str], asked: Asked, repeats: int, window: float, minutes: float) -> str:
    """Of what machine and versions the table is, and what its columns assume."""
    versions: dict[str, str] = {}
    for name in scorers:
        versions |= scorer_kind(name).versions()
    packages = ", ".join(f"{name} {one}" for name, one in sorted(versions.items()))
    return (
        f"{time.strftime('%Y-%m-%d')}, {processor()}, {cores()} cores, in {minutes:.0f} minutes, "
        f"{repeats} rounds, clients for {window:g} s each; cmr {cmr.__version__}, {packages}. "
        f"Machines and money: `cmr cost --items {asked.items} --qps {asked.qps} "
        f"--p99 {asked.p99}`."
    )


@click.command()
@click.option("--warehouse", help="A warehouse with the data set.  [default: that of cmr demo]")
@click.option("--dataset", default="scenes", show_default=True)
@click.option("--dim", default=512, show_default=True, help="The native dimension.")
@click.option("--scorers", help="Engines, with commas.  [default: all that are installed]")
@click.option("--repeats", default=5, show_default=True, help="Rounds of turns.")
@click.option("--window", default=0.5, show_default=True, help="Seconds that clients send for.")
@click.option("--items", default=1_000_000, show_default=True, help="Of the service's gallery.")
@click.option("--qps", default=1000, show_default=True, help="That the service answers.")
@click.option("--p99", default=100, show_default=True, help="Its milliseconds at most.")
@click.option("--into", type=click.Path(path_type=Path), help="A document to write it into, too.")
def main(
    warehouse: str | None, dataset: str, dim: int, scorers: str | None, repeats: int,
    window: float, items: int, qps: int, p99: int, into: Path | None,
) -> None:  # fmt: skip
    """Measure, and print the table."""
    named = scorers.split(",") if scorers else engines()
    asked = Asked(dataset, dim, CLIENTS, FILTERS, items, qps, p99)
    clock = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        root = warehouse or str(Path(scratch) / "w")
        if warehouse is None:
            run("demo", "-w", root, "--out", str(Path(scratch) / "report"))
        measure(root, dataset, dim, named, repeats, window)
        minutes = (time.perf_counter() - clock) / 60
        text = f"{about(named, asked, repeats, window, minutes)}\n\n{table(root, asked)}"
    click.echo(text)
    if into is not None:
        marks = f"<!-- bench/engines.py: {dataset} -->", "<!-- end of the table -->"
        page = replaced(into.read_text(encoding="utf-8"), *marks, text)
        into.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
