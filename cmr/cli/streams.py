"""Standard streams that are closed, or whose reader goes away, which any command can meet."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import IO

# What a shell says of a program that the signal SIGPIPE has ended, as it does most.
BROKEN_PIPE = 128 + 13


@contextlib.contextmanager
def streams() -> Iterator[None]:
    """Replace closed streams by stand-ins, and write what is buffered at the end.

    A reader that has left, such as head, ends the process silently, with BROKEN_PIPE. What
    cannot be written otherwise is a sentence, and exit code 1.
    """
    _stand_in()
    for stream, errors in ((sys.stdout, "replace"), (sys.stderr, "backslashreplace")):
        # What an ASCII locale has no letter for is no reason to stop.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    out, err = sys.stdout, sys.stderr
    try:
        try:
            yield
        finally:
            # Click puts something silent in their place, and exits with 1, where a reader has left.
            left = sys.stdout is not out
            sys.stdout, sys.stderr = out, err
            out.flush()
            err.flush()
            if left:
                raise SystemExit(BROKEN_PIPE)
    except OSError as error:
        for stream in (out, err):
            _drop(stream)
        if error.errno == errno.EPIPE:
            raise SystemExit(BROKEN_PIPE) from None
        if isinstance(error.__context__, SystemExit) and error.__context__.code:
            # It was said already.
            raise error.__context__ from None
        print(f"cmr: cannot write to stdout: {error.strerror}", file=sys.stderr)
        raise SystemExit(1) from None


def reader_has_left() -> bool:
    """Whether stdout or stderr is no longer read; a file or a socket may be the cause, too."""
    watch = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            watch.register(stream.fileno(), 0)
    return any(event & select.POLLERR for _, event in watch.poll(0))


def _stand_in() -> None:
    """Open what is closed: else the next file takes its number, and prints go into that file.

    Writing to the stand-in of stdout fails as writing to a closed one does.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def _drop(stream: IO[str]) -> None:
    """Discard what a stream still holds; Python would complain when closing it."""
    try:
        stream.flush()
    except OSError:
        void = os.open(os.devnull, os.O_WRONLY)
        os.dup2(void, stream.fileno())
        os.close(void)
        stream.flush()
