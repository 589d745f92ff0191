"""Where files that can be recreated are kept between runs, and whether they can be trusted.

In a private folder in the user's cache, or in the temporary folder, or nowhere: cmr works without
them, only slower. Anything that another user could have written is never read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cmr import parts

# Seconds after which what nobody wrote again is removed.
KEPT_SECONDS = 30 * 86_400
_SPILL, _ANCHORS = "spill-", "anchors-"
# Where Python looks for a temporary folder on Linux.
_TEMPORARY = ("/tmp", "/var/tmp", "/usr/tmp")
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def folder() -> Path | None:
    """The folder to write in, mode 700; None where there can be none."""
    for path in _places():
        with contextlib.suppress(OSError):
            # ~/.cache may be created, but not the home folder or the temporary folder.
            if path.parent.parent.is_dir() and path != _temporary():
                path.parent.mkdir(exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
            if not _mine(path):
                continue
            if path.lstat().st_mode & 0o077:
                path.chmod(0o700)
            if os.access(path, os.W_OK | os.X_OK) and _holds(path):
                return path
    return None


def readable() -> list[Path]:
    """The existing folders that nobody else can write to, whether this user can or not."""
    return [path for path in _places() if trusted(path)]


def named(folder: Path, part: str) -> list[Path]:
    """What has `part` in its name of all that lies in a folder; faster than a glob of thousands."""
    with contextlib.suppress(OSError):
        return [folder / name for name in sorted(os.listdir(folder)) if part in name]
    return []


def trusted(path: Path) -> bool:
    """Whether a file or folder is this user's or root's, no link, and others cannot write it."""
    try:
        state = path.lstat()
    except OSError:
        return False
    plain = stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)
    return plain and state.st_uid in (os.geteuid(), 0) and not state.st_mode & _OTHERS


def spill() -> str:
    """A path for what a query spills to disk, in the temporary folder; "" where there is none."""
    return _of_process(_SPILL)


def anchors() -> str:
    """A path for this process's anchors, in the temporary folder; "" where there is none."""
    return _of_process(_ANCHORS)


def _of_process(kind: str) -> str:
    """A new path in the temporary folder. Removes what killed processes left there."""
    base = _temporary()
    if base is None:
        return ""
    with contextlib.suppress(OSError):
        base.mkdir(mode=0o700, exist_ok=True)
        if _mine(base) and trusted(base):
            _clear_dead(str(base))
            return str(base / f"{kind}{parts.mark()}")
    return ""


@cache
def _clear_dead(base: str) -> None:
    """Remove what dead processes left; once per process is enough."""
    for kind in (_SPILL, _ANCHORS):
        for path in Path(base).glob(f"{kind}*"):
            if parts.left_behind(path.name.removeprefix(kind)):
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def any_home() -> Iterator[None]:
    """Provide a home folder while importing a library that fails without one."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = os.devnull
        try:
            yield
        finally:
            del os.environ["HOME"]
    else:
        yield


def _places() -> list[Path]:
    return [path for path in (_home(), _temporary()) if path is not None]


def _home() -> Path | None:
    """cmr's folder in the user's cache; None without a home."""
    import platformdirs

    try:
        path = Path(platformdirs.user_cache_dir("cmr"))
    except RuntimeError:
        return None
    # Some versions return "~/.cache", which would be created in the current folder.
    return path if path.is_absolute() else None


def _mine(path: Path) -> bool:
    state = path.lstat()
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid()


@cache
def _holds(path: Path) -> bool:
    """Whether data can be written: a full disk or exhausted quota still allows empty files."""
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"0" * 4096)
            file.flush()
        return True
    except OSError:
        return False


def _temporary() -> Path | None:
    try:
        base = tempfile.gettempdir()
    except OSError:
        return None
    # Python's last resort is the current folder, where nobody looks for a cache, unless it is one
    # that Python would have chosen anyway.
    here = base == os.path.abspath(os.curdir) and base not in _TEMPORARY
    if here and "TMPDIR" not in os.environ:
        return None
    return Path(base) / f"cmr-{os.geteuid()}"
