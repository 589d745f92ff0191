"""What is longer than the screen is shown in a pager, on a terminal only."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

# Lines are not folded, it ends by itself at the last line of a short text, colours are shown, and
# the text stays on the screen.
_FLAGS = "SFRX"
# Lines of the screen that are left for the command and the next prompt.
_LEFT = 2


@contextlib.contextmanager
def paged() -> Iterator[None]:
    """Print what is printed inside at its end, in a pager if it is longer than the screen."""
    out = sys.stdout
    if not out.isatty():
        yield
        return
    held = _Held(out.encoding)
    try:
        with contextlib.redirect_stdout(held):
            yield
    finally:
        show(held.getvalue())


class _Held(io.StringIO):
    """Text that waits for its end; a terminal to those who print it."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The terminal's."""
        return self._encoding

    def isatty(self) -> bool:
        """Whether tables have to fit."""
        return True


def show(text: str) -> None:
    """Print on the terminal, by the pager where it is longer and there is one."""
    screen = shutil.get_terminal_size(fallback=(0, 0)).lines
    # A terminal that does not know its height reports 0.
    command = _pager() if screen and text.count("\n") > screen - _LEFT else []
    if not (command and _by(command, text)):
        sys.stdout.write(text)
        sys.stdout.flush()


def _pager() -> list[str]:
    """The user's pager, or less; empty where there is none."""
    named = os.environ.get("PAGER")
    try:
        command = ["less", f"-{_FLAGS}"] if named is None else shlex.split(named)
    except ValueError:
        return []
    return command if command and command[0] != "cat" and shutil.which(command[0]) else []


def _by(command: list[str], text: str) -> bool:
    """Show by a pager, whoever leaves it first; False if it does not start."""
    # As git does: a pager that is only named shall behave, too.
    environment = {"LESS": _FLAGS, **os.environ}
    try:
        pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    except OSError:
        return False
    # Ctrl-C belongs to the pager while it runs.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        encoding = sys.stdout.encoding or "utf-8"
        with contextlib.suppress(BrokenPipeError):
            pager.communicate(text.encode(encoding, errors="replace"))
        pager.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    return True
