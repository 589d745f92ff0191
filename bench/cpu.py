"""CPU seconds of whole commands, beside `python -c "import duckdb"`.

    python bench/cpu.py [--warehouse w] [--rounds 5]

Each command runs in its own process; its user and system time on all cores counts, and the minimum
over the rounds is reported. The caches are warm: every command has run once before. Without
--warehouse one is made by `cmr demo`, which takes minutes. Evaluations have 60 texts and 30
visuals: a first one, and one that finds everything done. Nothing is written into the given
warehouse except what reading commands store.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np

import cmr

PYTHON = sys.executable
CMR = (PYTHON, "-m", "cmr")


def seconds(command: Sequence[str], env: dict[str, str]) -> float:
    """CPU seconds of one process. Raises CalledProcessError if it fails."""
    before = os.times()
    subprocess.run(command, check=True, capture_output=True, env=env)
    after = os.times()
    user = after.children_user - before.children_user
    return user + after.children_system - before.children_system


def vectors(path: Path) -> None:
    """60 texts and 30 visuals in two dimensions; text i belongs to visual i modulo 30."""
    rng = np.random.default_rng(0)
    content = rng.standard_normal((30, 40))
    truth = np.arange(60) % 30
    noisy = content[truth] + rng.standard_normal((60, 40))
    basis = rng.standard_normal((40, 16))
    arrays = {"ground_truth": truth}
    for dim, turn in ((40, np.eye(40)), (16, basis)):
        arrays[f"text_{dim}"] = (noisy @ turn).astype(np.float32)
        arrays[f"video_{dim}"] = (content @ turn).astype(np.float32)
    np.savez(path, **arrays)


@click.command()
@click.option("--warehouse", help="A warehouse with runs.  [default: a new one from cmr demo]")
@click.option("--rounds", default=5, show_default=True)
def main(warehouse: str | None, rounds: int) -> None:
    """Measure every command and print a table."""
    # Compiled modules are cached, as in an installed cmr.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)

        def run(*arguments: str) -> Callable[[], float]:
            return lambda: seconds((*CMR, *arguments), env)

        if warehouse is None:
            warehouse = str(folder / "demo")
            run("demo", "-w", warehouse)()
        here = ("-w", warehouse)
        runs = cmr.open(warehouse).sql("from runs where direction = 't2v' order by run_id").dicts()
        a, b = [row["run_id"] for row in runs[:2]]
        vectors(folder / "small.npz")
        run("ingest", "npz", str(folder / "small.npz"), "-w", str(folder / "before"))()
        evaluate = run("evaluate", "-w", str(folder / "small"), "--candidates", "10,20")

        def first() -> float:
            shutil.rmtree(folder / "small", ignore_errors=True)
            shutil.copytree(folder / "before", folder / "small")
            return evaluate()

        commands = {
            'python -c "import duckdb"': lambda: seconds((PYTHON, "-c", "import duckdb"), env),
            'cmr sql "select 1"': run("sql", "select 1", *here),
            'cmr sql "from leaderboard"': run("sql", "from leaderboard", *here),
            "cmr recommend": run("recommend", *here),
            "cmr compare": run("compare", a, b, *here),
            "cmr doctor": run("doctor", *here),
            "cmr evaluate, first": first,
            "cmr evaluate, again": evaluate,
        }
        click.echo("| command | CPU seconds |\n|---|---:|")
        for name, work in commands.items():
            work()
            click.echo(f"| {name} | {min(work() for _ in range(rounds)):.2f} |")


if __name__ == "__main__":
    main()
