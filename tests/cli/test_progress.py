"""Progress: lines where there is no terminal, and on one a display of all work in progress."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import time

import pytest

from cmr.cli import progress as shown
from cmr.cli.progress import progress
from cmr.cli.underway import Underway, lasting, short
from cmr.progressbar import waiting


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(shown, "EVERY", 0.2)


def test_a_line_now_and_then_where_there_is_no_terminal(often, capsys):
    with progress("encoding captions", 5000, "captions") as advance:
        advance(1000)
        time.sleep(0.5)
        advance(4000)
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 2
    assert lines[0].startswith("encoding captions: 1,000 of 5,000 captions, ")
    assert " captions/s, " in lines[0]
    assert lines[0].endswith(" s left")


def test_only_the_innermost_work_is_told(often, capsys):
    with waiting(progress, "writing the report"), progress("plots", 7, "plots"):
        time.sleep(0.5)
    said = capsys.readouterr()
    assert "report" not in said.err
    assert "plots: 0 of 7 plots, 0 s" in said.err
    assert said.out == ""


def test_what_is_short_or_nothing_is_silent(often, capsys):
    with waiting(progress, "loading"):
        pass
    with progress("nothing", 0, "files") as advance:
        advance(0)
        time.sleep(0.3)
    assert capsys.readouterr() == ("", "")
    assert not shown._open


def test_a_wait_says_how_long_it_has_lasted(often, capsys):
    with waiting(progress, "loading scenes-tiny") as advance:
        time.sleep(0.3)
        advance(1)
    assert capsys.readouterr().err.splitlines()[0] == "loading scenes-tiny: 0 s"


def test_failures_pass(often):
    with pytest.raises(ZeroDivisionError), progress("x", 3, "y"):
        raise ZeroDivisionError
    assert not shown._open


def test_words():
    assert [lasting(one) for one in (0.4, 119, 125, 7300)] == ["0 s", "119 s", "2 min", "2 h 2 min"]
    assert [short(one) for one in (0, 1.5, 12, 1200, 3e7)] == ["0", "1.5", "12", "1.2k", "30M"]
    assert str(Underway("reading", 1, "steps")).startswith("reading: 0 s")


SCRIPT = """
import sys, time
from cmr.cli import bars
from cmr.cli.progress import progress
from cmr.progressbar import waiting
bars.PATIENCE = 0.2
with waiting(progress, "short"): pass
with waiting(progress, "answering"):
    time.sleep(0.6)
    with progress("computing metrics", 20, "runs") as advance:
        for _ in range(20):
            advance(1); time.sleep(0.02)
        print("for the pipe")
assert not bars._shown
"""


@pytest.mark.slow
def test_bars_within_waits_on_a_terminal():
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=slave, check=False,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(slave)
    seen = io.BytesIO()
    try:
        while data := os.read(master, 65536):
            seen.write(data)
    except OSError:
        pass
    os.close(master)
    text = seen.getvalue().decode()
    assert done.returncode == 0, text
    assert done.stdout == b"for the pipe\n"
    assert "short" not in text
    assert "answering" in text
    assert "computing metrics" in text
    assert "runs/s" in text
