"""A whole study from one file, as `cmr study` runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cmr.errors import CmrError

# How the command line begins the sentence of a mistake, and the code that it then ends with.
_MISTAKE, _MISTAKEN = "cmr: ", 1


@dataclass(frozen=True)
class Studied:
    """What a study printed, and how it ended.

    `exit_code`: 0, or that of the step that ended it, such as a gate that did not pass. `output`:
    stdout, of a dry run what would be done. `messages`: stderr, with the time of each step.
    """

    exit_code: int
    output: str
    messages: str

    def __str__(self) -> str:
        """What was printed."""
        return self.output


def study(path: str | os.PathLike[str], dry_run: bool = False) -> Studied:
    """Run the study in a TOML file, or with `dry_run` check its values and say what it would do.

    What is finished is not done again. Its steps are commands, which run in another process, from
    the folder that is current here. Raises CmrError for a mistake in the file, and for a step that
    ends with one.
    """
    command = [sys.executable, "-m", "cmr", "study", os.fspath(path)]
    # This very cmr, also where it is not installed.
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [*command, *(["--dry-run"] if dry_run else [])],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    if done.returncode == _MISTAKEN:
        lines = done.stderr.splitlines()
        said = [line for line in lines if line.startswith(_MISTAKE)] or lines or ["it failed"]
        raise CmrError(said[-1].removeprefix(_MISTAKE))
    return Studied(done.returncode, done.stdout, done.stderr)
