"""Text that cannot steer a terminal; streams closed, full or ASCII; targets of --output."""

from __future__ import annotations

import io
import os
import pty
import re
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import cmr.cli
from cmr.cli.terminal import _Spelled, visible
from cmr.errors import CmrError
from cmr.export import target
from cmr.export.target import replacing
from cmr.report.written_files import publish
from tests import warehouses

STEERING = "a\x1b[31m\x9b2J\x07\x7f\u202eb\u2066\u200b\ud800\u2028c"
SPELLED = r"a\x1b[31m\x9b2J\x07\x7f\u202eb\u2066\u200b\ud800\u2028c"


@pytest.fixture
def root(tmp_path):
    relevance = np.eye(6, 5, dtype=int)
    made = warehouses.new(tmp_path / "w")
    warehouses.add_dataset(made, "d", relevance)
    warehouses.add_run(made, "r", "d", np.random.default_rng(0).random((6, 5)), relevance)
    return tmp_path / "w"


def shell(line, root, **env):
    """Run a line of bash with $CMR and $W; returns exit code, stdout and stderr."""
    known = {"CMR": f"{sys.executable} -m cmr", "W": str(root), **env}
    done = subprocess.run(
        ["bash", "-c", line], env={**os.environ, **known}, capture_output=True, check=False
    )
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def test_what_steers_a_terminal_is_spelled():
    assert visible(STEERING) == SPELLED
    for plain in ("naïve 日本\u3000語 \xa0 👩\u200d🔬", "two\nlines"):
        assert visible(plain) == plain
    assert visible("two\nlines", lines=False) == r"two\x0alines"


def test_bytes_to_a_terminal_are_spelled_wherever_they_are_cut():
    text = STEERING.replace("\ud800", "") + "日本語 é\n"
    for step in (1, 2, 3, 1000):
        out = io.BytesIO()
        spelled = _Spelled(out)
        data = text.encode()
        for at in range(0, len(data), step):
            spelled.write(data[at : at + step])
        spelled.flush()
        assert out.getvalue().decode() == visible(text), step


def test_no_command_prints_past_it():
    """Everything that the command line says goes through `say`, but for generated scripts."""
    folder = Path(cmr.cli.__file__).parent
    for path in folder.glob("*.py"):
        found = re.findall(r"(?:click\.s?echo|(?<![\w.])print)\(.*", path.read_text())
        assert (
            path.name in ("terminal.py", "streams.py", "slurm_command.py", "completion_command.py")
            or not found
        ), path


@pytest.mark.slow
def test_on_a_terminal_every_format_is_spelled_and_elsewhere_exact(root):
    query = "select 'x' || chr(27) || '[31m' || chr(8238) as t"
    for form in ("csv", "json", "table"):
        master, slave = pty.openpty()
        command = [sys.executable, "-m", "cmr", "sql", query, "-w", str(root), "--format", form]
        done = subprocess.run(command, stdout=slave, stderr=slave, stdin=slave, check=False)
        os.close(slave)
        shown = os.read(master, 65536).decode()
        os.close(master)
        assert done.returncode == 0
        assert "\x1b[31m" not in shown
        assert "\u202e" not in shown
        assert "x\\" in shown
    assert (
        shell(f'$CMR sql "{query}" -w $W --format csv', root)[1] == "t\nx\x1b[31m\u202e\n".encode()
    )


def test_errors_are_spelled_too(cmr, root, tmp_path):
    for args in (
        ("sql", "select 1", "-w", f"{tmp_path}/\x1b[31m\nx"),
        ("sql", 'from "\x1b[31m"', "-w", root),
        ("evaluate", "-w", tmp_path, "--dims", "\x1b[31m", "x\x1b[2J"),
        ("\x1b[31m",),
        ("--\x1b[31m",),
        ("export", "\x1b[31m"),
    ):
        code = 1 if args[0] == "sql" else 2
        error = cmr(*args, code=code).stderr
        assert "\x1b" not in error
        assert "x1b" in error


CLOSED = [
    ("$CMR sql 'from runs' -w $W >&-", 1, "cmr: cannot write to stdout: Bad file descriptor"),
    ("$CMR sql 'from range(99999)' --format csv -w $W > /dev/full", 1, "cmr: "),
    ("$CMR --help > /dev/full", 1, "cmr: cannot write to stdout: No space left"),
    ("$CMR sql 'from runs' -w $W 2>&-", 0, ""),
    ("$CMR sql 'from nothing' -w $W 2>&-", 1, ""),
    ("$CMR sql -w $W <&-", 1, "cmr: the query is empty"),
    ("$CMR sql 'from runs' -w $W <&- >&- 2>&-", 1, ""),
    (r"printf 'select \xff' | $CMR sql - -w $W", 1, "cmr: stdin is not UTF-8: byte 8 is 0xff"),
    ("$CMR evaluate --dataset $'\\xff' -w $W", 1, r"cmr: the argument \udcff is not UTF-8"),
    ("$CMR sql 'select 1' -w '~no_such_user/x'", 1, "cmr: there is no warehouse at"),
    ("set -o pipefail; $CMR sql 'from range(3000000)' -w $W --format csv | head -1", 141, ""),
]


@pytest.mark.slow
@pytest.mark.parametrize(("line", "code", "said"), CLOSED)
def test_streams_that_are_not_there(root, line, code, said):
    found, _, error = shell(line, root)
    assert found == code, error
    assert error.startswith(said)
    assert len(error.splitlines()) == bool(said)


@pytest.mark.slow
def test_ascii_locales(root):
    query = "select 'é 日' as t"
    ascii_ = {"PYTHONIOENCODING": "ascii"}
    code, out, _ = shell(f'$CMR sql "{query}" -w $W', root, **ascii_)
    assert (code, b"? ?" in out) == (0, True)
    code, out, _ = shell(f'$CMR sql "{query}" -w $W --format csv', root, **ascii_)
    assert (code, out) == (0, "t\né 日\n".encode())
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code, _, error = shell(f'$CMR sql "{query}" -w $W', root, **plain)
    assert (code, error.count("\n")) == (1, 1)
    assert "PYTHONUTF8=1" in error
    code, out, _ = shell("$CMR sql 'select chr(233) as t' -w $W", root, **plain)
    assert (code, b"?" in out) == (0, True)


def test_output_keeps_what_is_no_plain_file(cmr, root, tmp_path):
    """A pipe is written to, a link's file is replaced, a folder is refused, loops too."""

    def ask(out, code=0):
        return cmr(
            "sql", "select 1 as a", "-w", root, "--format", "csv", "--output", out, code=code
        )

    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    ask(pipe)
    reader.join(10)
    assert heard == [b"a\n1\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    ask("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    (tmp_path / "real").write_text("old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    ask(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "a\n1\n"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640
    (tmp_path / "dangling").symlink_to("made")
    ask(tmp_path / "dangling")
    assert (tmp_path / "made").read_text() == "a\n1\n"
    (tmp_path / "loop").symlink_to("loop")
    assert "circular link" in ask(tmp_path / "loop", code=1).stderr
    ask(tmp_path, code=2)


def test_a_neighbours_part_is_left_alone(cmr, root, tmp_path):
    out = tmp_path / "o" / "x.csv"
    out.parent.mkdir()
    neighbours = [out.with_name(name) for name in ("x.csv.part", ".x.csv.part-ffffffff-1-abcd")]
    for path in neighbours:
        path.write_text("theirs")
    cmr("sql", "select 1 as a", "-w", root, "--format", "csv", "--output", out)
    assert [path.read_text() for path in neighbours] == ["theirs", "theirs"]
    assert len(list(out.parent.iterdir())) == 3


def test_four_at_once_to_one_name(tmp_path):
    """All succeed, and one whole file stands."""
    out, together = tmp_path / "x", threading.Barrier(4)

    def write(which):
        for _ in range(25):
            with replacing(str(out), True) as path:
                together.wait()
                path.write_text(which * 10_000)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, "abcd"))
    assert out.read_text() in [which * 10_000 for which in "abcd"]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_report_replaces_plain_files_alone(tmp_path, kind):
    there = tmp_path / "b.html"
    make = {"link": lambda: there.symlink_to("x"), "pipe": lambda: os.mkfifo(there),
            "folder": there.mkdir}  # fmt: skip
    make[kind]()
    (tmp_path / "a.html").write_text("old")
    with pytest.raises(CmrError, match=r"b\.html is not a regular file"):
        publish(str(tmp_path), [("a.html", b"new"), ("b.html", b"new")])
    assert (tmp_path / "a.html").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
def test_a_pipe_that_nobody_reads(cmr, root, tmp_path, monkeypatch):
    """It is waited for a while; a reader that comes late gets everything."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(target, "READER_SECONDS", 0.2)
    asked = ("select 1 as a", "-w", root, "--output", pipe)
    for command in (("sql", *asked, "--format", "csv"), ("export", "csv", *asked),
                    ("export", "parquet", *asked)):  # fmt: skip
        error = cmr(*command, code=1).stderr
        assert error == f"cmr: cannot write {pipe}: it is a pipe that nobody reads\n"
    monkeypatch.setattr(target, "READER_SECONDS", 60)
    heard = []
    reader = threading.Timer(0.5, lambda: heard.append(pipe.read_bytes()))
    reader.start()
    cmr("sql", *asked, "--format", "csv")
    reader.join(10)
    assert heard == [b"a\n1\n"]
