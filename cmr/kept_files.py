"""What can be computed again about a warehouse, in a folder of its own in the user's cache.

What is about none has a folder by another name in the place of the warehouse's.

A file's name has what it is made from and what it holds: one that does not match its name is not
read. All of them may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from cmr import caches
from cmr.identity import identity, kept_name

_PREFIX = "rows-"


def there(root: str, part: str) -> list[Path]:
    """The files about the warehouse at `root` that have `part` in their names."""
    folders = [folder / _name(root) for folder in caches.readable()]
    return [
        path for folder in folders if caches.trusted(folder) for path in caches.named(folder, part)
    ]


def read(stem: str, files: Iterable[Path], kind: str = "parquet") -> Iterator[bytes]:
    """The contents of those of some files that were kept as `stem` and are as they were written."""
    for path in files:
        if path.name.startswith(f"{stem}-"):
            with contextlib.suppress(OSError):
                data = path.read_bytes() if caches.trusted(path) else b""
                if path.name == kept_name(stem, data, kind):
                    yield data


def keep(root: str, stem: str, data: bytes, kind: str = "parquet") -> Path | None:
    """Write a file atomically; returns it. Without a folder for caches, do nothing."""
    place = caches.folder()
    if place is None:
        return None
    folder, kept = place / _name(root), None
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=place) as scratch:
        made = Path(scratch, "made")
        made.write_bytes(data)
        made.chmod(0o600)
        folder.mkdir(mode=0o700, exist_ok=True)
        target = folder / kept_name(stem, data, kind)
        os.replace(made, target)
        kept = target
    _clear(folder, "*")
    _clear(place, f"{_PREFIX}*")
    return kept


def _name(root: str) -> str:
    """A warehouse's folder in the cache, so that no question lists the files of all others."""
    return f"{_PREFIX}{identity(root=root)}"


@cache
def _clear(folder: Path, pattern: str) -> None:
    """Every change of a warehouse leaves some behind: once a process is often enough.

    A folder in which nothing was written for so long is of a warehouse that is gone, or at rest.
    """
    for old in folder.glob(pattern):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > caches.KEPT_SECONDS:
                shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
