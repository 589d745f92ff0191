"""What the tests of `cmr explore` share: a warehouse of drawn pictures, and a server over it."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlsplit

from click.testing import CliRunner

from cmr.cli.main import main
from cmr.sources.scenes_draw import render, scenes
from tests.conftest import TOY, unanswered

NASTY = '<img src=x onerror=alert(1)><script>alert(2)</script> a "red" circle & <b>bold</b>'


def run(*args):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.stdout


def drawn(once):
    """A folder with a warehouse `w`: scenes, and `photos` whose first caption is nasty."""

    def fill(folder):
        (folder / "photos").mkdir()
        lines = []
        for number, scene in enumerate(scenes("train", 12)):
            name = f"{number:02}.png"
            render(scene).save(folder / "photos" / name)
            lines.append([name, scene.captions[0] if number else NASTY])
        with (folder / "captions.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([["image", "caption"], *lines])
        at = ("-w", folder / "w", "--device", "cpu")
        run("ingest", "scenes", "--limit", "150", *at)
        run(
            "ingest", "pairs", *TOY, folder / "captions.csv", "--images", folder / "photos",
            "--dataset", "photos", *at,
        )  # fmt: skip
        with unanswered():
            run(
                "evaluate", "--dataset", "scenes", "--dims", "256,512", "--precisions",
                "fp32,int8", "--protocols", "full", "--hits", "10", "--folds", "0", *at,
            )  # fmt: skip

    return once("explored", fill)


@dataclass
class Served:
    """A running `cmr explore`."""

    address: str
    process: subprocess.Popen

    @property
    def port(self):
        return urlsplit(self.address).port

    @property
    def token(self):
        return parse_qs(urlsplit(self.address).query)["token"][0]

    def ask(self, path, body=None, token=True, **headers):
        """Status, headers and text of an answer; POST if there is a body."""
        at = HTTPConnection("127.0.0.1", self.port, timeout=120)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            given["X-Cmr-Token"] = self.token if token is True else token
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        at.request("GET" if body is None else "POST", path, body, given)
        answer = at.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read().decode("utf-8", "replace")
        at.close()
        return found

    def sql(self, text):
        status, _, found = self.ask("/sql", {"sql": text})
        return status, json.loads(found)

    def end(self):
        """Ctrl-C; the exit status and what it said."""
        self.process.send_signal(signal.SIGINT)
        said = self.process.communicate(timeout=30)[1]
        return self.process.returncode, said


@contextlib.contextmanager
def serving(root, *options):
    command = [sys.executable, "-m", "cmr", "explore", "-w", str(root), "--no-browser", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        yield Served(process.stdout.readline().strip(), process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
