"""Readers of stdout that leave, streams that are closed, and disks that are full."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests import warehouses

LONG = "from range(200000)"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return str(warehouses.new(tmp_path_factory.mktemp("w")).root)


def run(args, root, shell):
    """The exit code and stderr of cmr in a shell's line, where CMR stands for the command."""
    line = " ".join(f"'{one}'" for one in args) + (f" -w {root}" if args[0][0] != "-" else "")
    done = subprocess.run(
        ["bash", "-c", shell.replace("CMR", f"{sys.executable} -m cmr {line}")],
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.split()[-1], done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "args",
    [
        ["sql", LONG, "--format", "csv"],
        ["sql", LONG, "--format", "parquet"],
        ["sql", "select 1"],
        ["export", "arrow", LONG],
        ["doctor"],
        ["--help"],
    ],
)
def test_a_reader_that_leaves(root, args):
    """Silent, with the exit code of a program that SIGPIPE has ended."""
    assert run(args, root, "CMR | true; echo ${PIPESTATUS[0]}") == ("141", "")


@pytest.mark.slow
def test_what_head_has_read_is_whole(root):
    line = f"{sys.executable} -m cmr sql '{LONG}' -w {root} --format csv | head -2"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("range\n0\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("args", [["sql", LONG, "--format", "csv"], ["sql", "select 1"]])
@pytest.mark.parametrize(
    ("where", "reason"),
    [(">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")],
)
def test_what_cannot_be_written_is_a_sentence(root, args, where, reason):
    if "/dev/full" in where and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    code, said = run(args, root, f"(CMR {where}); echo $?")
    assert code == "1"
    assert said.startswith("cmr: ")
    assert said.endswith(f"{reason}\n")
    assert said.count("\n") == 1


@pytest.mark.slow
def test_closed_stdin_and_stderr(root):
    assert run(["sql", "select 41 + 1 as n", "--format", "csv"], root, "CMR <&- 2>&-") == ("42", "")
