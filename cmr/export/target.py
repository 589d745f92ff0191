"""A file or folder that appears under its name only when it is complete."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cmr import parts
from cmr.errors import CmrError

# Every exported folder has this file, which says what was exported.
MARK = "cmr-export.json"
_OLD = ".old"
# How long to wait until somebody reads a pipe.
READER_SECONDS = 10.0


@contextlib.contextmanager
def replacing(target: str, force: bool) -> Iterator[Path]:
    """A path beside the target to write a file or folder to; it is renamed once that is done.

    An existing target is replaced only with `force`, and a folder only if it is empty or an
    export (it holds MARK). If anything fails, the target stays as it was; a killed process leaves
    `.NAME.part-…` beside it, which the next export to that name removes. Anything that is not a
    plain file or folder, such as a pipe, is written to directly; for a link, its target is
    replaced. Raises CmrError if nothing can be written, and for a pipe that nobody reads.
    """
    path = Path(os.path.expanduser(target)).absolute()
    if path.is_symlink():
        path = Path(os.path.realpath(path))
        if path.is_symlink():
            raise CmrError(f"cannot write {target}: it is a circular link")
    if _special(path):
        with _explained(target), _reader_of(path):
            yield path
        return
    if not path.name or not path.parent.is_dir():
        raise CmrError(f"cannot write {target}: there is no folder {path.parent}")
    with _explained(target):
        _clear_dead(path)
    if os.path.lexists(path) and not force:
        raise CmrError(f"{target} exists; --force replaces it")
    if path.is_dir() and any(path.iterdir()) and not (path / MARK).is_file():
        raise CmrError(f"{target} is a folder that no export made, so it is not replaced")
    part = path.parent / f"{_beginning(path)}{parts.mark()}"
    try:
        with _explained(target):
            yield part
            _flush(part)
            _keep_mode(part, path)
            _put(part, path)
    finally:
        _remove(part)
        # DuckDB's write-ahead log.
        _remove(part.with_name(f"{part.name}.wal"))


@contextlib.contextmanager
def _explained(target: str) -> Iterator[None]:
    """Turn disk failures into one sentence; DuckDB and HDF5 report them in their own words."""
    import duckdb
    import pyarrow as pa

    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, duckdb.Error, pa.ArrowException, CmrError) as error:
        number = error.errno if isinstance(error, OSError) else None
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        full = os.strerror(errno.ENOSPC).lower() in str(error).lower()
        if isinstance(error, CmrError) and not full:
            raise
        if number == errno.ENOSPC or full:
            raise CmrError(
                f"no space left to write {target}; nothing half-written remains"
            ) from None
        reason = os.strerror(number) if number else words
        raise CmrError(f"cannot write {target}: {reason}") from None


def opened(path: Path) -> BinaryIO:
    """Open the file to write, which must not exist yet, or the pipe or device."""
    return path.open("wb" if _special(path) else "xb")


def _beginning(path: Path) -> str:
    # Short enough that with the mark it fits the limit on names, however long the target's is.
    return f".{path.name.encode()[:180].decode(errors='ignore')}.part-"


def _keep_mode(part: Path, path: Path) -> None:
    """Keep the permissions of the file that is replaced; a new one gets the umask's."""
    with contextlib.suppress(OSError):
        if part.is_file() and path.is_file():
            part.chmod(stat.S_IMODE(path.stat().st_mode))


def _special(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextlib.contextmanager
def _reader_of(path: Path) -> Iterator[None]:
    """Wait a while for a reader of a pipe: opening it for writing would block forever."""
    if not stat.S_ISFIFO(path.stat().st_mode):
        yield
        return
    number, end = -1, time.monotonic() + READER_SECONDS
    while number < 0:
        try:
            number = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > end:
                raise CmrError(f"cannot write {path}: it is a pipe that nobody reads") from None
            time.sleep(0.05)
    try:
        yield
    finally:
        os.close(number)


def _put(part: Path, path: Path) -> None:
    """Rename over the target; an existing folder is moved aside first."""
    if not (path.is_dir() and not path.is_symlink()):
        if part.is_dir() and os.path.lexists(path):
            path.unlink()
        os.replace(part, path)
        return
    aside = path.parent / f"{_beginning(path)}{parts.mark()}{_OLD}"
    os.rename(path, aside)
    try:
        os.replace(part, path)
    except OSError:
        os.rename(aside, path)
        raise
    _remove(aside)


def _flush(part: Path) -> None:
    """Flush to disk, so that the name never precedes the content, even after a power cut."""
    for path in [part] if part.is_file() else part.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())


def _clear_dead(path: Path) -> None:
    """Remove what killed exports to the same name left; restore a folder moved aside."""
    for other in path.parent.glob(f"{glob.escape(_beginning(path))}*"):
        end = other.name.removeprefix(_beginning(path))
        if not parts.left_behind(end):
            continue
        if end.endswith(_OLD) and not os.path.lexists(path):
            os.rename(other, path)
        else:
            _remove(other)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
