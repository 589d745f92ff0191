"""Files below one root, on a local disk or an object store."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import io
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from cmr.errors import CmrError, MissingFileError
from cmr.identity import file_hash
from cmr.plain import check_plain, open_plain
from cmr.warehouse.remote import Remote, remote
from cmr.warehouse.remote_files import RemoteFile

# Seconds for which a listing of a remote catalogue is reused: a command needs it several times.
FRESH = 2.0
# Every page is written with a checksum, which is verified on reading.
_CHECKED = {"page_checksum_verification": True}
_WRITTEN = {"write_page_checksum": True}
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Entry:
    """A file, or a folder whose path ends with '/'.

    `changed`: time of its last change, in seconds since 1970; None if the store does not tell.
    """

    path: str
    bytes: int
    changed: float | None


def parquet_bytes(table: pa.Table) -> bytes:
    """A small table as the bytes of a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **_WRITTEN)
    return sink.getvalue()


# Part of the name of an unfinished file.
PART = ".part-"


class Storage:
    """A root folder or URL, and operations below it; paths are relative, with '/'."""

    def __init__(self, root: str, read_only: bool = False) -> None:
        """`root` is a folder or a URL (`s3://bucket/folder`, any fsspec scheme).

        `read_only`: writing and removing raise CmrError, whatever the folder's mode allows. Raises
        CmrError for a folder whose path is not UTF-8: neither DuckDB nor Arrow can name it.
        """
        self.read_only = read_only
        if root.startswith("file://"):
            root = unquote(urlsplit(root).path)
        self.remote: Remote | None = None
        if "://" not in root:
            path = Path(os.path.expanduser(root)).absolute()
            # DuckDB resolves ".." in file names, and the names are compared.
            self.root = self.base = os.path.realpath(path) if ".." in path.parts else str(path)
            try:
                self.root.encode()
            except UnicodeEncodeError:
                raise CmrError(f"the warehouse's path {self.root!a} is not UTF-8") from None
        else:
            self.root = self.base = root.rstrip("/")
            self.remote = remote(self.root)
        self._fs = pafs.LocalFileSystem()

    @property
    def is_local(self) -> bool:
        """Whether it is a local folder."""
        return self.remote is None

    def path(self, relative: str) -> str:
        """A file's full path or URL."""
        return f"{self.base}/{relative}"

    def exists(self, relative: str) -> bool:
        """Whether there is a file with this name."""
        if self.remote:
            return self.remote.exists(relative)
        return bool(self._fs.get_file_info(self.path(relative)).type == pafs.FileType.File)

    def each(self, work: Callable[[T], U], items: Sequence[T]) -> list[U]:
        """Apply `work`, such as `read`, to each file; on an object store many at a time."""
        if self.remote:
            return self.remote.each(work, items)
        return [work(item) for item in items]

    def listing(self, relative: str) -> list[str]:
        """Every file below a folder, as paths relative to the root; empty if there is none.

        This includes anything else that is not a folder, such as a pipe; reading it is an error.
        """
        if self.remote:
            return list(self.remote.listing(relative))
        selector = pafs.FileSelector(self.path(relative), allow_not_found=True, recursive=True)
        cut = len(self.base) + 1
        infos = self._fs.get_file_info(selector)
        return sorted(info.path[cut:] for info in infos if info.type != pafs.FileType.Directory)

    def files(self) -> list[Entry]:
        """Every file below the root, and on a disk every empty folder, by path."""
        if self.remote:
            return [Entry(*found) for found in self.remote.entries()]
        selector = pafs.FileSelector(self.base, allow_not_found=True, recursive=True)
        cut = len(self.base) + 1
        infos = self._fs.get_file_info(selector)
        full = {info.path.rpartition("/")[0] for info in infos}
        found = []
        for info in infos:
            folder = info.type == pafs.FileType.Directory
            if info.type == pafs.FileType.File or (folder and info.path not in full):
                path = info.path[cut:] + ("/" if folder else "")
                found.append(Entry(path, int(info.size or 0), info.mtime_ns / 1e9))
        return sorted(found, key=lambda entry: entry.path)

    def read(self, relative: str, columns: list[str] | None = None) -> pa.Table:
        """One Parquet file. Raises CmrError, naming it, if it is missing or damaged."""
        if self.remote and columns is None:
            with self._reading(relative):
                return pq.ParquetFile(
                    pa.BufferReader(self.remote.read(relative)), **_CHECKED
                ).read()
        with self.parquet(relative) as file:
            return file.read(columns=columns)

    def read_rows(self, folder: str) -> dict[str, pa.Table | CmrError]:
        """The small Parquet files right below a folder of an object store by name.

        One that cannot be read is the CmrError that says why. It takes one listing, and of what
        that shows to be new many are read at a time.
        """
        assert self.remote
        marks = {
            name: mark
            for name, mark in self.remote.listing(folder, FRESH).items()
            if name.endswith(".parquet") and not name.endswith("/_anchor.parquet")
        }
        found: dict[str, pa.Table | CmrError] = {}
        for name, data in self.remote.read_small(marks).items():
            try:
                with self._reading(name):
                    found[name] = pq.ParquetFile(pa.BufferReader(data), **_CHECKED).read()
            except CmrError as error:
                found[name] = error
        return found

    def read_small(self, relative: str) -> pa.Table | CmrError:
        """A Parquet file of few rows, or why it cannot be read."""
        try:
            with self.parquet(relative) as file:
                # To wake other threads takes longer than to read a row.
                return file.read(use_threads=False)
        except CmrError as error:
            return error

    @contextlib.contextmanager
    def parquet(self, relative: str) -> Iterator[pq.ParquetFile]:
        """Open a Parquet file, to be read group by group; errors as in `read`."""
        with self._reading(relative):
            if self.remote:
                with pq.ParquetFile(
                    RemoteFile(self.remote, relative), pre_buffer=True, **_CHECKED
                ) as file:
                    yield file
            else:
                check_plain(self.path(relative))
                with pq.ParquetFile(self.path(relative), filesystem=self._fs, **_CHECKED) as file:
                    yield file

    @contextlib.contextmanager
    def _reading(self, relative: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise MissingFileError(f"the warehouse lacks {self.path(relative)}") from None
        except (pa.ArrowInvalid, pa.ArrowIOError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0]
            raise CmrError(
                f"{self.path(relative)} is not a readable Parquet file: {reason}"
            ) from None

    def write(
        self, relative: str, schema: pa.Schema, tables: Iterable[pa.Table], **options: Any
    ) -> int:
        """Write one Parquet file that appears whole or not at all; returns its bytes.

        A local file is written under another name first and renamed; an object store shows
        an object only once its upload is complete.
        """
        self._refuse_if_read_only()
        if self.remote:
            return self.remote.write_parquet(relative, schema, tables, **_WRITTEN, **options)
        with (
            self._writing(relative) as written,
            pq.ParquetWriter(written, schema, filesystem=self._fs, **_WRITTEN, **options) as writer,
        ):
            for table in tables:
                writer.write_table(table, row_group_size=max(1, table.num_rows))
        return os.path.getsize(self.path(relative))

    def write_bytes(self, relative: str, data: bytes) -> None:
        """Write a small file, whole or not at all."""
        self._refuse_if_read_only()
        if self.remote:
            self.remote.put(relative, data)
            return
        with self._writing(relative) as written:
            Path(written).write_bytes(data)

    def write_row(self, relative: str, table: pa.Table) -> None:
        """Write a catalogue row's Parquet file, whole or not at all; in one request."""
        self._refuse_if_read_only()
        if self.remote:
            self.remote.put(relative, parquet_bytes(table))
        else:
            self.write(relative, table.schema, [table])

    def read_bytes(self, relative: str) -> bytes:
        """A small file's bytes. Raises OSError, FileNotFoundError if there is none."""
        if self.remote:
            return self.remote.read(relative)
        with open_plain(self.path(relative)) as file:
            return file.read()

    def clear_parts(self, relative: str) -> None:
        """Remove unfinished versions of this local file that killed writers left."""
        if self.is_local:
            path = Path(self.path(relative))
            for part in path.parent.glob(f"{glob.escape(path.name)}{PART}*"):
                part.unlink(missing_ok=True)

    def size(self, relative: str) -> int:
        """Bytes of a file."""
        if self.remote:
            return self.remote.size(relative)
        return int(self._fs.get_file_info(self.path(relative)).size)

    def states(self, relatives: Iterable[str]) -> list[tuple[int, int]]:
        """Bytes and time of the last change, in ns, of each file; -1 for a missing one.

        On an object store all are (0, 0): there, names are unique and contents never change.
        """
        if self.remote:
            return [(0, 0) for _ in relatives]
        infos = self._fs.get_file_info([self.path(name) for name in relatives])
        return [(-1 if info.size is None else info.size, info.mtime_ns or -1) for info in infos]

    def checksum(self, relative: str) -> str:
        """SHA-256 of a file's bytes."""
        if self.remote:
            return self.remote.checksum(relative)
        return file_hash(self.path(relative))

    def footer(self, relative: str) -> str:
        """SHA-256 of a Parquet file's footer, which describes its pages."""
        with self._open(relative) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 8))
            length = int.from_bytes(file.read(8)[:4], "little")
            file.seek(max(0, size - 8 - length))
            return hashlib.sha256(file.read(length + 8)).hexdigest()

    def _open(self, relative: str) -> IO[bytes] | RemoteFile:
        if self.remote:
            return RemoteFile(self.remote, relative)
        return open_plain(self.path(relative))

    def delete(self, relative: str) -> None:
        """Remove a file; it is no error if it is already gone."""
        self._refuse_if_read_only()
        if self.remote:
            self.remote.delete(relative)
        else:
            Path(self.path(relative)).unlink(missing_ok=True)

    def _refuse_if_read_only(self) -> None:
        if self.read_only:
            raise CmrError(f"the warehouse at {self.root} was opened for reading only")

    @contextlib.contextmanager
    def _writing(self, relative: str) -> Iterator[str]:
        """A temporary name for writing a local file, which is renamed at the end."""
        target = self.path(relative)
        written = f"{target}{PART}{secrets.token_hex(4)}"
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            yield written
            os.replace(written, target)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.unlink(written)
            if isinstance(error, OSError):
                raise CmrError(self._explain(relative, error)) from None
            raise

    def _explain(self, relative: str, error: OSError) -> str:
        if error.errno == errno.ENOSPC:
            return f"no space left to write {self.path(relative)}; nothing half-written remains"
        return f"cannot write {self.path(relative)}: {error.strerror or error}"
