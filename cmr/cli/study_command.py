"""`cmr study`: a whole study from one file, each step a command that resumes."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from cmr.cli.terminal import say
from cmr.errors import CmrError

if TYPE_CHECKING:
    from cmr.cli.study_file import Step

# What `cmr study init` writes, unless a file is named.
DEFAULT = "study.toml"


@click.command()
@click.argument("file")
@click.argument("name", required=False)
@click.option(
    "--dry-run", is_flag=True, help="Check every value, say what would be done, and do nothing."
)
def study(file: str, name: str | None, dry_run: bool) -> None:
    """Run a study: what FILE, a TOML file, says to ingest, evaluate, bench and report.

    Every step is a command of cmr with its options. What is finished is not done again, so the
    same command resumes a study that was stopped. `cmr study init [NAME]` writes a file with
    comments to begin with, study.toml if no name is given.

    \b
    cmr study init
    cmr study study.toml --dry-run
    cmr study study.toml
    """
    from cmr.cli.main import main
    from cmr.cli.study_file import read_study

    if file == "init":
        _write(name or DEFAULT)
        return
    if name is not None:
        raise CmrError(f"a study is one file, not also {name}; `cmr study init NAME` writes one")
    root, steps = read_study(file, main)
    if dry_run:
        from cmr.cli.study_checks import check_steps
        from cmr.cli.study_plan import outlook

        check_steps(root, steps, main)
        for number, step in enumerate(steps, 1):
            say(f"{number}. {step.command}")
            for line in outlook(root, step):
                say(f"   {line}")
        return
    for number, step in enumerate(steps, 1):
        _run(step, f"step {number} of {len(steps)}")


def _run(step: Step, which: str) -> None:
    """Run one command; if it ends with an error, so does the study."""
    from cmr.cli.main import main

    say(f"{which}: {step.command}", err=True)
    clock = time.perf_counter()
    try:
        main.main([step.name, *step.arguments], prog_name="cmr", standalone_mode=False)
    except click.UsageError as error:
        raise CmrError(f"{which}: {error.format_message()}") from None
    except SystemExit as stop:
        if stop.code:
            say(f"{which} ended with exit code {stop.code}; the same command resumes", err=True)
            sys.exit(stop.code)
    say(f"{which}: {time.perf_counter() - clock:.1f} s", err=True)


def _write(path: str) -> None:
    from cmr.cli.study_file import EXAMPLE
    from cmr.export.target import opened, replacing

    if os.path.lexists(path):
        raise CmrError(f"{path} exists already; `cmr study init NAME` writes another")
    with replacing(path, force=False) as part, opened(part) as stream:
        stream.write(EXAMPLE.encode())
    say(f"{path}: now change it, and run `cmr study {path}`")
