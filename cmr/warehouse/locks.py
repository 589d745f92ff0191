"""Locks of a local warehouse, which the operating system frees if a process is killed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from cmr.errors import CmrError
from cmr.warehouse.storage import Storage

FOLDER = ".locks"


class BusyError(CmrError):
    """Another process holds the lock."""


@contextlib.contextmanager
def locked(root: str, name: str, wait: bool) -> Iterator[None]:
    """Hold the lock called `name`; if it is held elsewhere, `wait` or raise BusyError."""
    # Slow to import, and readers do not need it.
    from filelock import FileLock, Timeout

    folder = os.path.join(root, FOLDER)
    lock = FileLock(os.path.join(folder, f"{name}.lock"))
    try:
        os.makedirs(folder, exist_ok=True)
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise BusyError(f"another process is writing {name} in {root}") from None
    except OSError as error:
        raise CmrError(f"the warehouse at {root} cannot be written: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


def held_locks(storage: Storage, remove_older: float | None) -> tuple[set[str], list[str]]:
    """Names of the locks that are held now, and the paths of lock files that are not held.

    `remove_older`: remove unheld files last changed before this time, in seconds since 1970. A
    lock file is removed while held here; a process that waited for it notices and makes a new one.
    """
    from filelock import FileLock, Timeout

    held, free = set(), []
    for path in storage.listing(FOLDER):
        name = path.removeprefix(f"{FOLDER}/").removesuffix(".lock")
        if not path.endswith(".lock"):
            continue
        lock = FileLock(storage.path(path))
        try:
            changed = os.stat(storage.path(path)).st_mtime
            lock.acquire(timeout=0)
        except FileNotFoundError:
            continue
        except (Timeout, OSError):
            held.add(name)
            continue
        try:
            if remove_older is None:
                free.append(path)
            elif changed <= remove_older:
                storage.delete(path)
                free.append(path)
        finally:
            lock.release()
    return held, free
