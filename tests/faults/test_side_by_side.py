"""Writers beside one another, and readers beside them: everybody ends well, with whole answers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.faults.test_damaged_files import OPTIONS

SECONDS = 60 if os.environ.get("CMR_FAULTS") == "all" else 6
ASKED = "select count(*) as n, round(sum(value), 9) as total from metrics"


def run(*args):
    done = subprocess.run(
        [sys.executable, "-m", "cmr", *map(str, args)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done


def test_writers_and_readers_at_once(evaluated_with):
    """Runs are scored again and again while others ask: one state from begin to end."""
    root = evaluated_with(*OPTIONS)
    asked = ("sql", ASKED, "--format", "csv", "-w", root)
    truth = run(*asked).stdout
    end = time.monotonic() + SECONDS

    def write(_):
        while time.monotonic() < end:
            run("evaluate", *OPTIONS, "--force", "-w", root)

    def read(_):
        count = 0
        while time.monotonic() < end or not count:
            done = run(*asked)
            assert done.stdout == truth
            assert done.stderr == ""
            count += 1

    with ThreadPoolExecutor(6) as pool:
        for done in [*pool.map(write, range(4 if SECONDS > 30 else 2)), *pool.map(read, range(2))]:
            assert done is None
    assert "are sound" in run("warehouse", "verify", "-w", root).stdout
