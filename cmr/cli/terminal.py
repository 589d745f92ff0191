"""What people see: text that cannot steer a terminal, and streams that may be closed or ASCII."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import IO, Any, cast

import click

from cmr.errors import CmrError

# Scripts and emoji need these two to join or part letters, and they do nothing else.
_JOINERS = "\u200c\u200d"
# Controls, formats (directions and their overrides, zero widths, tags), surrogates, line and
# paragraph separators, and what has no letter.
_SPELLED = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def visible(text: str, lines: bool = True) -> str:
    """Text whose control and invisible letters are spelled out, such as \\x1b and \\u202e.

    `lines`: line feeds stay.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or (lines and letter == "\n") else _spelled(letter)
        for letter in text
    )


def _spelled(letter: str) -> str:
    if letter in _JOINERS or unicodedata.category(letter) not in _SPELLED:
        return letter
    code = ord(letter)
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def say(text: str = "", err: bool = False) -> None:
    """A line on stdout or stderr; all text that may hold names, paths or captions goes through."""
    click.echo(visible(text), err=err)


def complain(text: str) -> None:
    """A user's mistake or a failure on stderr, on one line."""
    say(f"cmr: {visible(text, lines=False)}", err=True)


def stdout_bytes() -> IO[bytes]:
    """Stdout for a text format's bytes: exact, but on a terminal spelled as tables are."""
    out = sys.stdout.buffer
    return cast("IO[bytes]", _Spelled(out)) if sys.stdout.isatty() else out


class _Spelled(io.RawIOBase):
    """Writes UTF-8 to a terminal with its control letters spelled out."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self._rest = out, b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        whole = self._rest + bytes(data)
        # A letter may be cut at the end, and comes whole with what follows.
        cut = next((n for n in range(1, 4) if whole[-n : -n + 1 or None] >= b"\xc0"), 0)
        self._rest = whole[len(whole) - cut :]
        self._out.write(visible(whole[: len(whole) - cut].decode(errors="replace")).encode())
        return len(data)

    def flush(self) -> None:
        rest, self._rest = self._rest, b""
        self._out.write(visible(rest.decode(errors="replace")).encode())
        self._out.flush()


def read_stdin() -> str:
    """All of stdin as text. Raises CmrError if it is not UTF-8."""
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CmrError(
            f"stdin is not UTF-8: byte {error.start + 1} is {data[error.start]:#04x}"
        ) from None


def check_arguments(arguments: list[str]) -> None:
    """Raise CmrError for an argument that is not text; its other bytes have come as surrogates."""
    for one in arguments:
        try:
            one.encode()
        except UnicodeEncodeError:
            raise CmrError(
                f"the argument {visible(one)} is not UTF-8, or this locale is not "
                f"({sys.getfilesystemencoding()}); PYTHONUTF8=1 makes Python take UTF-8"
            ) from None


@contextlib.contextmanager
def streams() -> Iterator[None]:
    """Run a command with streams that may be closed at its start, full at its end, or ASCII.

    What stdout did not take is said, and makes a success a failure; a reader that left early is
    no failure.
    """
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace" if stream is sys.stdout else "backslashreplace")
    code: Any = 0
    try:
        yield
    except SystemExit as error:
        code = error.code
    except OSError as error:
        # Of --help, which click prints by itself.
        code = 1
        if not unwritable():
            complain(f"cannot write to stdout: {error.strerror or error}")
    if unwritable():
        code = code or 1
    sys.exit(code)


def unwritable() -> bool:
    """Whether what waits in stdout cannot be written, and then say so once.

    A reader that left early is no failure.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        abandon_stdout()
    except (OSError, ValueError) as error:
        abandon_stdout()
        complain(f"cannot write to stdout: {getattr(error, 'strerror', None) or error}")
        return True
    return False


def abandon_stdout() -> None:
    """Send what Python still writes on its way out nowhere, for it would complain again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_closed() -> None:
    """Put something at 0, 1 and 2 where nothing is, or files of the warehouse would come there.

    Stdout stays one that cannot be written, so that a lost result is noticed.
    """
    modes = {0: os.O_RDONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}
    for number, mode in modes.items():
        try:
            os.fstat(number)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            found = os.open(os.devnull, mode)
            if found != number:
                os.dup2(found, number)
                os.close(found)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
