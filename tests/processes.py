"""The command line in processes of their own that can be killed at any moment of their work.

They are forked from one that has imported everything, so that a moment is one of the work and
not of the imports.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import time

IMPORTED = (
    "torch", "duckdb", "pyarrow.parquet", "cmr.cli.main", "cmr.cli.ingest_command",
    "cmr.cli.evaluate_command", "cmr.cli.bench_command", "cmr.cli.warehouse_command",
    "cmr.cli.runs_command", "cmr.cli.export_command", "cmr.cli.sql_command",
    "cmr.pipeline.evaluate", "cmr.pipeline.ingest", "cmr.views", "tests.processes",
    # What they import as they work.
    "cmr.cli.answer_summary", "cmr.score.pools", "cmr.score.warm_up", "cmr.sources.npz", "pandas",
)  # fmt: skip


def _context():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    return context


def _work(args, told):
    """A whole command, in a process group of its own; its text goes into a file."""
    os.setsid()
    with open(told, "w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    from cmr.cli.main import main

    main(args)


def begin(args, told):
    """Start a command; what it says goes into the file `told`."""
    process = _context().Process(target=_work, args=([str(arg) for arg in args], str(told)))
    process.start()
    return process


def end(process, seconds=240):
    """Wait for it; its exit code."""
    process.join(seconds)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def killed(args, told, after):
    """Start it and kill it, with all that it started, `after` seconds later."""
    process = begin(args, told)
    process.join(after)
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(process.pid, signal.SIGKILL)
    process.join()
    return process.exitcode


def timed(args, told):
    """Do it undisturbed; its seconds."""
    clock = time.monotonic()
    assert end(begin(args, told)) == 0, told.read_text()
    return time.monotonic() - clock


def moments(name, count, took):
    """Random moments of a work that takes so long, the same ones for the same name."""
    rng = random.Random(name)
    return [rng.uniform(0, 1.1) * took for _ in range(count)]
