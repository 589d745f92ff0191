"""Taking turns: every contender has its own process, and only one works at a time.

Each round gives every contender one turn, in the reverse order of the previous round, so that a
machine that gets slower or hotter affects all alike. The processes exist throughout and wait. Where
the system can fork, they are forked from one that has only imported the libraries.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from cmr.errors import CmrError
from cmr.pipeline.bench.measuring_task import Failed, Footprint, Lane, Measured, Task, Turn
from cmr.progressbar import Advance

# Pause in seconds before each turn: threads of the previous turn keep spinning for a while.
PAUSE = 0.02
# pyarrow imports pandas, where it is installed, when it is first given a list.
_PRELOAD = ["cmr.pipeline.bench.timed_work", "usearch.index", "psutil", "pandas"]


@dataclass
class _Runner:
    task: Task
    process: BaseProcess
    pipe: Connection


class _LostError(Exception):
    """A process that reported an error, or has died."""


def race(tasks: Sequence[Task], repeats: int, advance: Advance) -> list[Measured | Failed]:
    """Time every lane of every task `repeats` times, in turns.

    `advance` is called for every turn. If a task fails, the others continue.
    """
    failed: dict[int, Failed] = {}
    turns: list[dict[Lane, list[Turn]]] = [{lane: [] for lane in task.lanes} for task in tasks]
    prints: dict[int, Footprint] = {}
    runners: list[_Runner] = []
    try:
        runners += [_start(task) for task in tasks]
        places = range(len(tasks))

        def ask(at: int, what: Lane | None) -> Any:
            """A runner's answer; None if it has failed."""
            if at in failed:
                return None
            try:
                return _ask(runners[at], what)
            except _LostError as reason:
                failed[at] = Failed(tasks[at], f"{tasks[at].label}: {reason}")
                return None

        for at in places:
            ask(at, None)
        for number in range(repeats):
            for at in places if number % 2 == 0 else reversed(places):
                for lane in tasks[at].lanes:
                    time.sleep(PAUSE)
                    done = ask(at, lane)
                    if done is not None:
                        turns[at][lane].append(done)
                    advance(1)
        for at in places:
            found = ask(at, None)
            if found is not None:
                prints[at] = found
    finally:
        for runner in runners:
            _stop(runner)
    return [
        failed[at] if at in failed else Measured(tasks[at], turns[at], prints[at]) for at in places
    ]


def _start(task: Task) -> _Runner:
    can_fork = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if can_fork else "spawn")
    if can_fork:
        context.set_forkserver_preload(_PRELOAD)
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, task), daemon=True)
    try:
        process.start()
    finally:
        there.close()
    return _Runner(task, process, here)


def _ask(runner: _Runner, what: Lane | None) -> Any:
    """Make a runner prepare (the first time), time a lane, or report its footprint (None)."""
    try:
        runner.pipe.send(what)
        kind, content = runner.pipe.recv()
    except (EOFError, OSError):
        runner.process.join(5)
        raise _LostError(_how_it_ended(runner.process.exitcode)) from None
    if kind == "failed":
        raise _LostError(content)
    return content


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
        hint = ", as happens when memory runs out" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{hint}"
    return f"its process ended with code {code} before answering"


def _stop(runner: _Runner) -> None:
    runner.pipe.close()
    runner.process.join(1)
    if runner.process.is_alive():
        runner.process.kill()
        runner.process.join()


def serve(pipe: Connection, task: Task) -> None:
    """A measuring process: prepares on the first request, then times lanes, then reports memory.

    Errors are reported in one sentence. It ends when its parent has gone.
    """
    # Ctrl-C is handled by the command, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        pipe.recv()
        try:
            from cmr.pipeline.bench.timed_work import prepare

            # Keeps garbage collection from scanning everything that the libraries created.
            gc.freeze()
            work = prepare(task)
            pipe.send(("done", True))
            while (lane := pipe.recv()) is not None:
                pipe.send(("done", work.turn(lane)))
            pipe.send(("done", work.footprint()))
        except (EOFError, BrokenPipeError):
            raise
        except CmrError as error:
            pipe.send(("failed", str(error)))
        except MemoryError:
            pipe.send(("failed", "memory ran out"))
        except Exception as error:
            lines = str(error).splitlines() or [""]
            pipe.send(("failed", f"{type(error).__name__}: {lines[0]}"))
