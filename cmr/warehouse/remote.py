"""A warehouse's files on an object store, through fsspec.

Requests cost time and money, so none is repeated for what cannot have changed: a data file's name
is unique to its writer and its content never changes, and a catalogue row is read again only when
the listing shows that it changed. Rows are fetched many at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from cmr.errors import CmrError
from cmr.warehouse.remote_files import Sink

T = TypeVar("T")
U = TypeVar("U")
# The extra that installs the package for a scheme.
EXTRAS = {"s3": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure"}
# Concurrent requests.
PARALLEL = 32
# Bytes read from a file's end at first: all of a small file, or a large one's footer.
TAIL = 256 * 2**10
# Bytes of file ends that are cached.
KEPT = 256 * 2**20


@lru_cache(maxsize=32)
def remote(url: str) -> Remote:
    """The files below a URL, the same object for the same URL.

    Raises CmrError if no installed package knows the scheme.
    """
    import fsspec

    try:
        # A cached listing would hide what others write.
        fs, base = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        extra = EXTRAS.get(url.partition(":")[0])
        hint = f"; pip install '.[{extra}]'" if extra else ""
        raise CmrError(f"cannot open {url}: {error}{hint}") from None
    return Remote(fs, base.rstrip("/"), url)


class Remote:
    """Files below a URL; paths are relative to it, with '/'."""

    def __init__(self, fs: Any, base: str, url: str) -> None:
        """`fs`: an fsspec filesystem. `base`: the root as it names it. `url`: as people name it."""
        self.fs, self.base, self.url = fs, base, url
        self._sizes: dict[str, int] = {}
        self._sums: dict[str, str] = {}
        self._small: dict[str, tuple[str, bytes]] = {}
        self._tails: dict[str, bytes] = {}
        self._listed: dict[str, tuple[int, float, dict[str, str]]] = {}
        self._held = 0
        # Number of writes and removals made here.
        self.changes = 0

    def exists(self, relative: str) -> bool:
        """Whether there is such a file."""
        try:
            self.size(relative)
        except FileNotFoundError:
            return False
        return True

    def size(self, relative: str) -> int:
        """Bytes of a file; requested only once. Raises FileNotFoundError."""
        if relative not in self._sizes:
            with self._said(relative):
                found = self.fs.info(f"{self.base}/{relative}")
            if found["type"] != "file":
                raise FileNotFoundError(relative)
            self._sizes[relative] = int(found["size"])
        return self._sizes[relative]

    def listing(self, folder: str, age: float = 0.0) -> dict[str, str]:
        """Every file below a folder, with a mark that changes with its content.

        `age`: seconds for which an earlier listing is reused, if nothing was written here since.
        """
        changes, when, marks = self._listed.get(folder, (-1, 0.0, {}))
        if changes != self.changes or time.monotonic() - when > age:
            marks = self._list(folder)
            self._listed[folder] = self.changes, time.monotonic(), marks
        return marks

    def _list(self, folder: str) -> dict[str, str]:
        try:
            with self._said(folder):
                found = self.fs.find(f"{self.base}/{folder}".rstrip("/"), detail=True)
        except FileNotFoundError:
            return {}
        cut = len(self.base) + 1
        marks = {}
        for path, info in sorted(found.items()):
            self._sizes[path[cut:]] = int(info["size"])
            names = ("size", "ETag", "etag", "LastModified", "last_modified", "mtime", "created")
            marks[path[cut:]] = repr([info.get(name) for name in names])
        return marks

    def entries(self) -> list[tuple[str, int, float | None]]:
        """Every file by path: bytes, and time of writing in seconds since 1970, or None."""
        try:
            with self._said(""):
                found = self.fs.find(self.base, detail=True)
        except FileNotFoundError:
            return []
        cut = len(self.base) + 1
        return [
            (path[cut:], int(info["size"]), _written(info)) for path, info in sorted(found.items())
        ]

    def read(self, relative: str) -> bytes:
        """A whole file. Raises FileNotFoundError."""
        with self._said(relative):
            # Without a start, some filesystems request the size first.
            return bytes(self.fs.cat_file(f"{self.base}/{relative}", start=0))

    def read_small(self, marks: dict[str, str]) -> dict[str, bytes]:
        """Small files by name, given with their marks; unchanged ones come from the cache."""
        new = [name for name, mark in marks.items() if self._small.get(name, ("",))[0] != mark]

        def read(name: str) -> bytes | None:
            try:
                return self.read(name)
            except FileNotFoundError:
                return None  # removed since it was listed

        for name, data in zip(new, self.each(read, new), strict=True):
            if data is None:
                self._small.pop(name, None)
            else:
                self._small[name] = (marks[name], data)
        return {name: self._small[name][1] for name in marks if name in self._small}

    def each(self, work: Callable[[T], U], items: Sequence[T]) -> list[U]:
        """Apply `work` to every item, many at a time; results in order."""
        if len(items) < 2:
            return [work(item) for item in items]
        with ThreadPoolExecutor(min(PARALLEL, len(items))) as pool:
            return list(pool.map(work, items))

    def span(self, relative: str, start: int, end: int) -> bytes:
        """Bytes start:end of a file, from the cache if it has them."""
        if relative in self._small:
            return self._small[relative][1][start:end]
        size = self.size(relative)
        end = min(end, size)
        if start >= end:
            return b""
        first = max(0, size - TAIL)
        if relative not in self._tails and start >= first:
            self._keep(relative, self._get(relative, first, size))
        tail = self._tails.get(relative)
        if tail is not None and start >= first:
            return tail[start - first : end - first]
        return self._get(relative, start, end)

    def _get(self, relative: str, start: int, end: int) -> bytes:
        with self._said(relative):
            return bytes(self.fs.cat_file(f"{self.base}/{relative}", start=start, end=end))

    def _keep(self, relative: str, data: bytes) -> None:
        while self._tails and self._held + len(data) > KEPT:
            self._held -= len(self._tails.pop(next(iter(self._tails)), b""))
        self._tails[relative] = data
        self._held += len(data)

    def put(self, relative: str, data: bytes) -> None:
        """Write a small file in one request: it is replaced entirely or stays as it was."""
        with self._said(relative):
            self.fs.pipe_file(f"{self.base}/{relative}", data)
        self._forget(relative)

    def write_parquet(
        self, relative: str, schema: pa.Schema, tables: Iterable[pa.Table], **options: Any
    ) -> int:
        """Upload a Parquet file as a stream; it exists only once complete. Returns its bytes."""
        with self._said(relative):
            sink = Sink(self.fs.open(f"{self.base}/{relative}", "wb"))
            try:
                with pq.ParquetWriter(sink, schema, **options) as writer:
                    for table in tables:
                        writer.write_table(table, row_group_size=max(1, table.num_rows))
                sink.complete()
            except BaseException:
                sink.abandon()
                raise
        self._forget(relative)
        self._sizes[relative], self._sums[relative] = sink.size, sink.digest.hexdigest()
        return sink.size

    def checksum(self, relative: str) -> str:
        """SHA-256 of a file; already known if it was written here."""
        if relative not in self._sums:
            digest = hashlib.sha256()
            size = self.size(relative)
            for at in range(0, size, 2**24):
                # A small file is cached, because a file that is checked will also be read.
                digest.update(self.span(relative, at, min(size, at + 2**24)))
            self._sums[relative] = digest.hexdigest()
        return self._sums[relative]

    def delete(self, relative: str) -> None:
        """Remove a file; it is no error if it is already gone."""
        with contextlib.suppress(FileNotFoundError), self._said(relative):
            self.fs.rm_file(f"{self.base}/{relative}")
        self._forget(relative)

    def _forget(self, relative: str) -> None:
        self.changes += 1
        for kept in (self._sizes, self._sums, self._small):
            kept.pop(relative, None)
        self._held -= len(self._tails.pop(relative, b""))

    @contextlib.contextmanager
    def _said(self, relative: str) -> Iterator[None]:
        """Turn a store library's errors into one sentence; FileNotFoundError passes unchanged."""
        try:
            yield
        except (CmrError, FileNotFoundError, MemoryError):
            raise
        except Exception as error:
            if not _is_of_store(error):
                raise
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CmrError(f"{self.url}/{relative}: {said}") from None


def _is_of_store(error: Exception) -> bool:
    """Whether an error comes from the store or the network, and not from a bug of ours."""
    family = type(error).__module__.partition(".")[0]
    ours = ("builtins", "cmr", "numpy", "pyarrow")
    return isinstance(error, OSError) or family not in ours


def _written(info: dict[str, Any]) -> float | None:
    for name in ("LastModified", "last_modified", "mtime", "created"):
        value = info.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return None
