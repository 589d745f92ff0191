"""`cmr demo`: the whole pipeline on the embedded data set."""

from __future__ import annotations

import time

import click

from cmr.cli.options import warehouse_option
from cmr.cli.progress import progress
from cmr.cli.terminal import say


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

    1,000 pictures, 5,000 captions, the model scenes-tiny: under two minutes on two cores. The
    second time there is nothing to do.

    \b
    cmr demo
    cmr sql "from leaderboard"
    """
    from cmr.pipeline.demo import run_demo

    clock = time.perf_counter()
    done = run_demo(warehouse, out, progress, lambda text: say(text, err=True))
    if done.new:
        from cmr.cli.answer_summary import ask, print_answer

        print_answer(ask(warehouse, done.shown))
    else:
        say("nothing to do: data, runs and report already exist")
    say(f"report: {done.report}")
    say(f"{time.perf_counter() - clock:.1f} s", err=True)
