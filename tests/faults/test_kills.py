"""Killed at a random moment, run again: the same as undisturbed, and no other figure between."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import npz_arrays
from tests.faults.test_damaged_files import OPTIONS, QUESTIONS, figures

KILLS = 40 if os.environ.get("CMR_FAULTS") == "all" else 1
ASK = ("metrics", "items", "hits", "vectors")


def start(*args):
    return subprocess.Popen(
        [sys.executable, "-m", "cmr", *map(str, args)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def finish(*args):
    process = start(*args)
    out, said = process.communicate()
    assert process.returncode == 0, (args, out, said)
    return out


def answers(root):
    return {
        name: figures(finish("sql", QUESTIONS[name], "--format", "csv", "-w", root)) for name in ASK
    }


@pytest.mark.parametrize(
    "command",
    ["ingest", "evaluate", "force", "compact", "vacuum"],
)
def test_killed_and_run_again(command, tmp_path, cmr):
    import numpy as np

    np.savez(tmp_path / "data.npz", **npz_arrays())
    commands = {
        "ingest": ("ingest", "npz", tmp_path / "data.npz", "--dataset", "d"),
        "evaluate": ("evaluate", *OPTIONS),
        "force": ("evaluate", *OPTIONS, "--force"),
        "compact": ("warehouse", "compact", "--wait", "0"),
        "vacuum": ("warehouse", "vacuum", "--older", "0"),
    }
    before = {"ingest": (), "evaluate": ("ingest",)}.get(command, ("ingest", "evaluate"))
    origin = tmp_path / "origin"
    for name in before:
        cmr(*commands[name], "-w", origin)
    whole = tmp_path / "whole"
    if before:
        shutil.copytree(origin, whole)
    clock = time.monotonic()
    finish(*commands[command], "-w", whole)
    took = time.monotonic() - clock
    truth = answers(whole)
    rng = random.Random(command)
    for _ in range(KILLS):
        root = tmp_path / "w"
        shutil.rmtree(root, ignore_errors=True)
        if before:
            shutil.copytree(origin, root)
        process = start(*commands[command], "-w", root)
        time.sleep(rng.uniform(0.2, 1.0) * took)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if before:
            found = figures(finish("sql", QUESTIONS["metrics"], "--format", "csv", "-w", root))
            assert found <= truth["metrics"]
        finish(*commands[command], "-w", root)
        assert answers(root) == truth
