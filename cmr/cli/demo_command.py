"""`cmr demo`: the whole pipeline on the embedded data set."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import click

from cmr.cli.options import warehouse_option
from cmr.cli.progress import progress
from cmr.cli.terminal import say
from cmr.progressbar import waiting


@click.command()
@warehouse_option
@click.option(
    "--out",
    default="report",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Folder of the report.",
)
def demo(warehouse: str, out: str) -> None:
    """Draw scenes, encode, evaluate the published grid, and report.

    2,000 pictures, 10,000 captions, the model scenes-tiny: under two minutes on two cores. The
    second time there is nothing to do.

    \b
    cmr demo
    cmr sql "from leaderboard"
    """
    clock = time.perf_counter()
    with waiting(progress, "loading libraries"):
        from cmr.pipeline.demo import run_demo

    done = run_demo(warehouse, out, progress, lambda text: say(text, err=True))
    if done.new:
        from cmr.cli.answer_summary import tell_answer

        tell_answer(warehouse, done.shown)
    else:
        say("nothing to do: data, runs and report already exist")
    say(f"report: {done.report}")
    say(f"{time.perf_counter() - clock:.1f} s", err=True)
    if done.new:
        where = "" if warehouse == "warehouse" else f" -w {shlex.quote(warehouse)}"
        say(f"open {shlex.quote(str(Path(done.report) / 'index.html'))}")
        say(f"try: cmr recommend --retain 0.95{where}")
        say(f'     cmr sql "select query_id, best_rank, query from hard_queries limit 5"{where}')
