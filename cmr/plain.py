"""Opening regular files for reading, and nothing else: reading a pipe without a writer never ends.

Some devices never end either, and merely opening one can have an effect. A link counts as what it
points to.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class NotPlainError(OSError):
    """Something other than a plain file is there; as text it is the reason alone."""

    def __init__(self, reason: str, path: str | os.PathLike[str]) -> None:
        """`path` becomes `filename`, which the text of the error leaves out."""
        super().__init__(errno.EINVAL, reason, os.fspath(path))

    def __str__(self) -> str:
        """The reason, without number and path."""
        return str(self.strerror)


def open_plain(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a local plain file without blocking. Raises OSError if it is none, as `check_plain`."""
    check_plain(path)
    # It may have been replaced since: opened this way, a pipe does not block.
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _check(os.fstat(number), path)
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def check_plain(path: str | os.PathLike[str]) -> None:
    """Raise OSError, saying what it is, if something other than a plain file is there.

    FileNotFoundError if there is nothing, or if no file can have this name.
    """
    try:
        _check(os.stat(path), path)
    except ValueError:
        raise FileNotFoundError(errno.ENOENT, "no file can have this name") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotPlainError("it is a circular link", path) from None
        raise


def other_than_plain(path: str | os.PathLike[str]) -> str:
    """What is there instead of a plain file, as a clause; "" for a plain file or nothing."""
    try:
        check_plain(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _check(state: os.stat_result, path: str | os.PathLike[str]) -> None:
    kind = stat.S_IFMT(state.st_mode)
    if kind != stat.S_IFREG:
        raise NotPlainError(f"it is {_KINDS.get(kind, 'something else')}, not a file", path)
