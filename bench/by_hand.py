"""faiss, LanceDB and pgvector called by hand beside `cmr bench`, on the same vectors, in turns.

    python bench/by_hand.py [--warehouse w] [--dataset scenes] [--rounds 15] [--only faiss-flat]

By hand means: a process that imports the library and NumPy, not cmr, and times the library's own
calls (bench/by_hand_calls.py). cmr's are the processes of `cmr bench`. In every round each has a
turn, in the reverse order of the previous round. Without --warehouse one is made by `cmr demo`.
Keep the machine free of other work.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from by_hand_calls import CALLS

import cmr
from cmr.pipeline.bench.bench_request import BATCH, SINGLE, BenchRequest, BenchSearch
from cmr.pipeline.bench.contenders import contenders
from cmr.pipeline.bench.machine import cores
from cmr.pipeline.bench.measuring_task import Task
from cmr.pipeline.bench.schedule import Planner
from cmr.pipeline.bench.turns import PAUSE, serve
from cmr.score.search.engines.postgres_server import PostgresServer

# As `cmr bench` has them by default.
SINGLES, MANY, SEED = 200, 1000, 0
WORKER = Path(__file__).with_name("by_hand_calls.py")
# Seconds of each query, or of each batch.
Turn = Callable[[str], list[float]]


def exported(root: str, dataset: str, dim: int, folder: Path) -> None:
    """The vectors that `cmr bench` searches, its queries in the order in which it asks them."""
    opened = cmr.open(root)
    gallery, queries = (
        opened.embeddings(dataset=dataset, modality=side, dim=dim, precision="fp32").floats()
        for side in ("visual", "text")
    )
    draw = np.random.default_rng(SEED)
    draw.permutation(len(gallery))
    np.save(folder / "gallery.npy", gallery)
    np.save(folder / "singles.npy", queries[draw.permutation(len(queries))[:SINGLES]])
    order = np.random.default_rng(SEED).permutation(len(queries))
    np.save(folder / "batch.npy", queries[order[:MANY]])


@contextlib.contextmanager
def by_hand(name: str, folder: Path, dsn: str) -> Iterator[Turn]:
    """A process that knows the library alone."""
    command = (sys.executable, WORKER, name, folder, dsn)
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    question, answers = process.stdin, process.stdout
    assert question is not None
    assert answers is not None

    def turn(stage: str) -> list[float]:
        print(stage, file=question, flush=True)
        found: list[float] = json.loads(answers.readline())
        return found

    try:
        assert answers.readline() == "ready\n", f"{name} cannot be called by hand here"
        yield turn
    finally:
        question.close()
        process.wait()


@contextlib.contextmanager
def by_cmr(tasks: dict[str, Task]) -> Iterator[Turn]:
    """The processes of `cmr bench`, one for each stage."""
    context: Any = multiprocessing.get_context("forkserver")
    pipes = {}
    with contextlib.ExitStack() as stack:
        for stage, task in tasks.items():
            pipes[stage], there = context.Pipe()
            process = context.Process(target=serve, args=(there, task), daemon=True)
            process.start()
            there.close()
            stack.callback(process.join)
            stack.callback(pipes[stage].close)
            asked(pipes[stage], None)

        def turn(stage: str) -> list[float]:
            done = asked(pipes[stage], tasks[stage].lanes[0])
            return done.latencies or [done.seconds / done.queries * MANY]

        yield turn


def asked(pipe: Any, what: Any) -> Any:
    """A measuring process's answer."""
    pipe.send(what)
    kind, content = pipe.recv()
    assert kind == "done", content
    return content


def tasks_of(name: str, root: str, dataset: str, dim: int, dsn: str) -> dict[str, Task]:
    """What `cmr bench` would measure of the same index."""
    scorer, options = CALLS[name].scorer, CALLS[name].options
    if scorer == "pgvector":
        options = ",".join(filter(None, (options, f"dsn={dsn}")))
    search = BenchSearch(
        dataset=dataset, dims=(dim,), precisions=("fp32",), scorer_options=options or None
    )
    request = BenchRequest(search, (scorer,), (SINGLE, BATCH), candidates=(100,))
    store = cmr.open(root).store
    subject, found = contenders(store, request, no_bar)
    planner = Planner(store, request, subject, cores(), "cpu")
    return {"single": planner.jobs(SINGLE, found)[0].task,
            "batch": planner.jobs(BATCH, found)[0].task}  # fmt: skip


@contextlib.contextmanager
def no_bar(*_: object) -> Iterator[Callable[[int], None]]:
    """Progress that nobody sees."""
    yield lambda _: None


def compared(name: str, rounds: int, root: str, dataset: str, dim: int) -> dict[str, Any]:
    """Of both: every single query's seconds, and every batch's."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        exported(root, dataset, dim, folder)
        # The same server for both.
        server = PostgresServer() if "pgvector" in name else None
        dsn = server.dsn if server else ""
        turns = {
            "by hand": stack.enter_context(by_hand(name, folder, dsn)),
            "cmr bench": stack.enter_context(by_cmr(tasks_of(name, root, dataset, dim, dsn))),
        }
        found: dict[str, Any] = {who: {"single": [], "batch": []} for who in turns}
        for number in range(rounds):
            for stage in ("single", "batch"):
                for who in turns if number % 2 == 0 else reversed(turns):
                    time.sleep(PAUSE)
                    found[who][stage] += turns[who](stage)
    return found


def lines(name: str, found: dict[str, Any]) -> Iterator[str]:
    """Rows of the table."""

    def row(figure: str, of: Callable[[Any], float], digits: int) -> str:
        hand, ours = of(found["by hand"]), of(found["cmr bench"])
        told = " | ".join(f"{one:,.{digits}f}" for one in (hand, ours))
        return f"| {name} | {figure} | {told} | {ours / hand:.3f} |"

    for level in (50, 95):
        yield row(
            f"p{level} ms", lambda mine, at=level: float(np.percentile(mine["single"], at)) * 1e3, 4
        )
    yield row("queries/s", lambda mine: MANY / float(np.median(mine["batch"])), 0)


@click.command()
@click.option("--warehouse", help="A warehouse with the data set.  [default: that of cmr demo]")
@click.option("--dataset", default="scenes", show_default=True)
@click.option("--dim", default=512, show_default=True, help="The native dimension.")
@click.option("--rounds", default=15, show_default=True)
@click.option("--only", help=f"Of {', '.join(CALLS)}, with commas.  [default: all]")
def main(warehouse: str | None, dataset: str, dim: int, rounds: int, only: str | None) -> None:
    """Time both, and print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        root = warehouse or str(Path(scratch) / "w")
        if warehouse is None:
            demo = ("demo", "-w", root, "--out", str(Path(scratch) / "report"))
            subprocess.run((sys.executable, "-m", "cmr", *demo), check=True, stdout=sys.stderr)
        click.echo("| library | figure | by hand | cmr bench | cmr / by hand |")
        click.echo("|---|---|---:|---:|---:|")
        for name in only.split(",") if only else CALLS:
            click.echo("\n".join(lines(name, compared(name, rounds, root, dataset, dim))))


if __name__ == "__main__":
    main()
