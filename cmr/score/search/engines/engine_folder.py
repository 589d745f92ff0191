"""Folders for an engine's files, which go with its index."""

from __future__ import annotations

import contextlib
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path

from cmr import caches
from cmr.errors import CmrError

_BLOCK = 512


def folder_of(index: object, library: str) -> Path:
    """A new folder, mode 700, that goes when `index` does or the process ends.

    See `new_folder`.
    """
    path = new_folder(library)
    weakref.finalize(index, shutil.rmtree, path, ignore_errors=True)
    return path


@contextlib.contextmanager
def passing_folder(library: str) -> Iterator[Path]:
    """Such a folder for as long as something is done in it."""
    path = new_folder(library)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def new_folder(library: str) -> Path:
    """One that stays until it is taken away, or until the command after this process's end.

    Raises CmrError where there is no room for one.
    """
    name = caches.spill()
    try:
        if not name:
            raise OSError("there is no temporary folder that nobody else can write in")
        path = Path(name)
        path.mkdir(mode=0o700)
    except OSError as error:
        raise CmrError(f"{library} needs a folder for its files: {error}") from None
    return path


def bytes_in(folder: Path) -> int:
    """Bytes of all files in a folder, without the holes in them."""
    states = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum(min(one.st_size, one.st_blocks * _BLOCK) for one in states)
