"""Files from users, local or in an object store (`s3://…`, any URL that fsspec knows)."""

from __future__ import annotations

import glob
import os
import posixpath
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeVar

from cmr.errors import CmrError
from cmr.plain import open_plain, other_than_plain

Made = TypeVar("Made")


def is_url(path: str) -> bool:
    """Whether it names an object in a store rather than a local file."""
    return "://" in path


def is_file(path: str) -> bool:
    """Whether there is such a file. Raises CmrError if a store cannot be reached."""
    return bool(_ask(path, "isfile")) if is_url(path) else Path(path).is_file()


def is_folder(path: str) -> bool:
    """Whether there is such a folder. Raises CmrError if a store cannot be reached."""
    return bool(_ask(path, "isdir")) if is_url(path) else Path(path).is_dir()


def no_file(path: str) -> CmrError:
    """The error for a path where there is no regular file."""
    found = "" if is_url(path) else other_than_plain(path)
    return CmrError(f"{path} cannot be read: {found}" if found else f"there is no file {path}")


def open_file(path: str) -> IO[bytes]:
    """A plain file opened for reading and seeking. Raises OSError."""
    if not is_url(path):
        return open_plain(path)
    found: IO[bytes] = _told(path, lambda: _store(path)[0].open(_store(path)[1], "rb"))
    return found


def read_file(path: str) -> bytes:
    """All of a file. Raises OSError, FileNotFoundError if there is none."""
    if not is_url(path):
        with open_plain(path) as file:
            return file.read()
    return _told(path, lambda: bytes(_store(path)[0].cat_file(_store(path)[1])))


def read_part(path: str, first: int, size: int) -> bytes:
    """Some bytes of a file in a store. Raises OSError."""
    fs, name = _store(path)
    return _told(path, lambda: bytes(fs.cat_file(name, start=first, end=first + size)))


def matching(pattern: str) -> list[str]:
    """Paths or URLs that match a glob and are not folders, in order.

    A pipe or a dangling link is included, so that reading it is an error and it is not overlooked.
    """
    if not is_url(pattern):
        return sorted(path for path in glob.glob(pattern) if not Path(path).is_dir())
    fs, name = _store(pattern)
    return sorted(str(fs.unstrip_protocol(path)) for path in _told(pattern, lambda: fs.glob(name)))


def entries(folder: str) -> dict[str, bool]:
    """The direct content of a folder: {name: whether it is a folder}.

    Empty if there is no such folder. Raises OSError if it cannot be read.
    """
    try:
        if not is_url(folder):
            with os.scandir(folder) as there:
                return {one.name: _leads_to_folder(one) for one in there}
        fs, name = _store(folder)
        found = _told(folder, lambda: fs.ls(name, detail=True))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {
        PurePosixPath(str(one["name"]).rstrip("/")).name: one["type"] == "directory"
        for one in found
    }


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A circular link.
        return False


def join(folder: str, name: str) -> str:
    """A name below a folder."""
    return posixpath.join(folder, name)


def folder_of(path: str) -> str:
    """The folder that a file is in."""
    return posixpath.dirname(path) if is_url(path) else str(Path(path).parent)


def _store(url: str) -> tuple[Any, str]:
    """A store and its name for the object. fsspec keeps one connection per store."""
    import fsspec

    try:
        fs, name = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise CmrError(f"cannot open {url}: {error}") from None
    return fs, str(name)


def _ask(url: str, what: str) -> Any:
    fs, name = _store(url)
    try:
        return _told(url, lambda: getattr(fs, what)(name))
    except OSError as error:
        raise CmrError(f"cannot open {url}: {error}") from None


def _told(url: str, call: Callable[[], Made]) -> Made:
    """Translate a store's exceptions: all but a missing object become OSError."""
    try:
        return call()
    except (CmrError, FileNotFoundError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OSError(f"{url} cannot be read: {reason}") from None
