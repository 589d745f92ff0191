"""Text to and from a terminal: UTF-8, and unable to control the terminal."""

from __future__ import annotations

import codecs
import io
import shutil
import sys
import unicodedata
from typing import IO, Any, cast

import click

from cmr.errors import CmrError

# Scripts and emoji need these two to join or separate letters, and they do nothing else.
_JOINERS = "\u200c\u200d"
# Controls, formats (directions and their overrides, zero widths, tags), surrogates, line and
# paragraph separators, and unassigned characters.
_SPELLED = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def visible(text: str, lines: bool = True) -> str:
    """Text with its control and invisible characters escaped, such as \\x1b and \\u202e.

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
    """Print a line; all text that may hold names, paths or captions goes through here."""
    click.echo(visible(text), err=err)


def tell(sentence: str) -> None:
    """Print a sentence; on a terminal its lines end between words."""
    if sys.stdout.isatty():
        from cmr.cli.fitted_tables import wrapped

        sentence = wrapped(visible(sentence), shutil.get_terminal_size().columns)
    say(sentence)


def complain(text: str) -> None:
    """Print a user's mistake or a failure on stderr, on one line."""
    say(f"cmr: {visible(text, lines=False)}", err=True)


def stdout_bytes() -> IO[bytes]:
    """Stdout for a text format's bytes: exact, but escaped on a terminal, as tables are."""
    out = sys.stdout.buffer
    return cast("IO[bytes]", _Spelled(out)) if sys.stdout.isatty() else out


class _Spelled(io.RawIOBase):
    """Writes UTF-8 to a terminal with its control characters escaped."""

    def __init__(self, out: IO[bytes]) -> None:
        # A character may be split between two writes; its bytes wait for the rest.
        self._out = out
        self._letters = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._out.write(visible(self._letters.decode(bytes(data))).encode())
        return len(data)

    def flush(self) -> None:
        self._out.write(visible(self._letters.decode(b"", final=True)).encode())
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
    """Raise CmrError for an argument that is not text: its undecodable bytes are surrogates."""
    for one in arguments:
        try:
            one.encode()
        except UnicodeEncodeError:
            raise CmrError(
                f"the argument {visible(one)} is not UTF-8, or this locale is not "
                f"({sys.getfilesystemencoding()}); PYTHONUTF8=1 makes Python use UTF-8"
            ) from None
