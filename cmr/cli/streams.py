"""Standard streams that are closed, or whose reader goes away: any command may have them."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import IO

# The exit code that a shell reports for a program killed by SIGPIPE, as most are.
BROKEN_PIPE = 128 + 13


@contextlib.contextmanager
def streams() -> Iterator[None]:
    """Replace closed streams by stand-ins, and flush buffers at the end.

    A reader that has left, such as head, ends the process silently with BROKEN_PIPE. Any other
    failure to write is one sentence and exit code 1.
    """
    _stand_in()
    for stream, errors in ((sys.stdout, "replace"), (sys.stderr, "backslashreplace")):
        # A character that an ASCII locale lacks is no reason to stop.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    out, err = sys.stdout, sys.stderr
    try:
        try:
            yield
        finally:
            # Where a reader has left, click replaces the streams by silent ones and exits with 1.
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
            # It was reported already.
            raise error.__context__ from None
        print(f"cmr: cannot write to stdout: {error.strerror}", file=sys.stderr)
        raise SystemExit(1) from None


def reader_has_left() -> bool:
    """Whether stdout or stderr has lost its reader; a file or a socket may be the cause, too."""
    watch = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            watch.register(stream.fileno(), 0)
    return any(event & select.POLLERR for _, event in watch.poll(0))


def _stand_in() -> None:
    """Open closed streams: otherwise the next file opened gets their number, and the prints.

    Writing to the stand-in for stdout fails, as writing to a closed one does.
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
