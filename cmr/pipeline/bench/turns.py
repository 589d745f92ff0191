"""Taking turns: every contender in a process of its own, one of them at work at any time.

Each round gives every contender one turn, in the other order than the round before, so that a
machine that grows slower or hotter does so for all alike. The processes are there all the time and
wait. They are forked from one that has only imported the libraries, where the system can fork.
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

# Seconds before each turn: threads of the turn before spin for a while when their work is done.
PAUSE = 0.02
_PRELOAD = ["cmr.pipeline.bench.timed_work", "usearch.index", "psutil"]


@dataclass
class _Runner:
    task: Task
    process: BaseProcess
    pipe: Connection


class _LostError(Exception):
    """A process that said why, or is no more."""


def race(tasks: Sequence[Task], repeats: int, advance: Advance) -> list[Measured | Failed]:
    """Time every lane of every task `repeats` times, in turns.

    `advance` is told of every turn. A task that fails leaves the others in the race.
    """
    failed: dict[int, Failed] = {}
    turns: list[dict[Lane, list[Turn]]] = [{lane: [] for lane in task.lanes} for task in tasks]
    prints: dict[int, Footprint] = {}
    runners: list[_Runner] = []
    try:
        runners += [_start(task) for task in tasks]
        places = range(len(tasks))

        def ask(at: int, what: Lane | None) -> Any:
            """A runner's answer; None once it has failed."""
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
    """Let a runner prepare (the first time), time a lane, or sum up (None)."""
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
    return f"its process ended with code {code} before it had answered"


def _stop(runner: _Runner) -> None:
    runner.pipe.close()
    runner.process.join(1)
    if runner.process.is_alive():
        runner.process.kill()
        runner.process.join()


def serve(pipe: Connection, task: Task) -> None:
    """A measuring process: prepares when first asked, then times lanes, last sums up.

    Errors are reported in one sentence. It ends when its parent has gone.
    """
    # Ctrl-C is for the command, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        pipe.recv()
        try:
            from cmr.pipeline.bench.timed_work import prepare

            # Collecting garbage need not look through all that the libraries made.
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
