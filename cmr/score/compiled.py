"""numba's compiled kernels, kept between processes where that can be done.

numba looks for a place to keep them when a function is decorated, and fails where there is none:
a package that another user installed, without a home. What it reads back is unpickled and run, so
here a file whose digest does not fit is compiled anew, and so is everything where nothing can be
kept.
"""

# numba has no type stubs.
# mypy: disable-error-code="misc"

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numba
from numba.core import config
from numba.core.caching import FunctionCache, IndexDataCacheFile

from cmr import caches

_DIGEST = hashlib.sha256().digest_size


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit(cache=True, **options)`, which works where nothing can be kept, too.

    With `parallel=True` a function that takes a tuple of arrays must not write to them itself,
    but call one that does: numba takes what is written there for dead code and leaves it out.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        kernel = numba.njit(**options)(function)
        if not config.DISABLE_JIT:
            # Without a place the kernel keeps numba's cache that keeps nothing.
            with contextlib.suppress(RuntimeError), _place(function.__code__.co_filename):
                kernel._cache = _Cache(function)
        return kernel

    return decorate


class _Files(IndexDataCacheFile):
    """numba's files of one function, each with a digest of itself before it."""

    def _load_index(self) -> dict[Any, str]:
        try:
            version, stamp, overloads = pickle.loads(_read(self._index_path))
        except OSError:
            return {}
        return overloads if (version, stamp) == (self._version, self._source_stamp) else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._seal(self._index_path, (self._version, self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        return pickle.loads(_read(self._data_path(name)))

    def _save_data(self, name: str, data: Any) -> None:
        self._seal(self._data_path(name), data)

    def _seal(self, path: str, data: Any) -> None:
        plain = self._dump(data)
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(plain).digest() + plain)


class _Cache(FunctionCache):
    """numba's cache of one function; what goes wrong with it is as if nothing were kept."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        locator = self._impl.locator
        # numba looks at the function's own file alone, but what it calls is compiled into it.
        stamp = (*locator.get_source_stamp(), _sources(os.path.dirname(__file__)))
        self._cache_file = _Files(locator.get_cache_path(), self._impl.filename_base, stamp)

    @contextlib.contextmanager
    def _guard_against_spurious_io_errors(self) -> Iterator[None]:
        with contextlib.suppress(Exception):
            yield


@cache
def _sources(folder: str) -> str:
    """What tells the state of all sources in a folder: their sizes, and when they were written."""
    found = sorted(
        (entry.name, entry.stat().st_mtime_ns, entry.stat().st_size)
        for part in (folder, os.path.join(folder, "cpu"))
        for entry in os.scandir(part)
        if entry.name.endswith(".py")
    )
    return hashlib.sha256(repr(found).encode()).hexdigest()


def _read(path: str) -> bytes:
    """A file's content without its digest. Raises OSError where they do not fit."""
    with open(path, "rb") as file:
        whole = file.read()
    if hashlib.sha256(whole[_DIGEST:]).digest() != whole[:_DIGEST]:
        raise OSError(f"{path} is damaged")
    return whole[_DIGEST:]


@contextlib.contextmanager
def _place(source: str) -> Iterator[None]:
    """Let numba keep kernels beside their source where it can, else in cmr's own cache.

    Its own second choice is a folder in the home, which it makes even where there is no home.
    """
    beside = os.path.join(os.path.dirname(source), "__pycache__")
    there = beside if os.path.isdir(beside) else os.path.dirname(beside)
    found = None if config.CACHE_DIR or os.access(there, os.W_OK) else caches.folder()
    before = config.CACHE_DIR
    if found is not None:
        config.CACHE_DIR = str(found / "kernels")
    try:
        if not config.CACHE_DIR and not os.access(there, os.W_OK):
            raise RuntimeError("no place to keep kernels")
        yield
    finally:
        config.CACHE_DIR = before
