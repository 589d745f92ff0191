"""Files below one root, on a local disk or an object store."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from cmr.errors import CmrError


@dataclass(frozen=True)
class Entry:
    """A file, or a folder whose path ends with '/'.

    `changed`: of its last change, in seconds since 1970; None where the store does not tell.
    """

    path: str
    bytes: int
    changed: float | None


# What stores call the time of the last change.
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "created")


class Storage:
    """A root folder or URL and what one may do below it; paths are relative, with '/'."""

    def __init__(self, root: str) -> None:
        """`root` is a folder or a URL (`s3://bucket/folder`, any fsspec scheme)."""
        self.is_local = "://" not in root
        if self.is_local:
            self.root = str(Path(root).expanduser().absolute())
            self.fs: pafs.FileSystem = pafs.LocalFileSystem()
            self.base = self.root
        else:
            self.root = root.rstrip("/")
            self.fs, self.base = _remote(self.root)

    def path(self, relative: str) -> str:
        """The path that this root's filesystem understands."""
        return f"{self.base}/{relative}"

    def exists(self, relative: str) -> bool:
        """Whether there is a file of this name."""
        return bool(self.fs.get_file_info(self.path(relative)).type == pafs.FileType.File)

    def listing(self, relative: str) -> list[str]:
        """Every file below a folder, as paths relative to the root; empty if there is none."""
        selector = pafs.FileSelector(self.path(relative), allow_not_found=True, recursive=True)
        cut = len(self.base) + 1
        infos = self.fs.get_file_info(selector)
        return sorted(info.path[cut:] for info in infos if info.type == pafs.FileType.File)

    def files(self) -> list[Entry]:
        """Every file below the root, and on a disk every folder that holds none, by path."""
        if not self.is_local:
            return self._remote_files()
        selector = pafs.FileSelector(self.base, allow_not_found=True, recursive=True)
        cut = len(self.base) + 1
        infos = self.fs.get_file_info(selector)
        full = {info.path.rpartition("/")[0] for info in infos}
        found = []
        for info in infos:
            folder = info.type == pafs.FileType.Directory
            if info.type == pafs.FileType.File or (folder and info.path not in full):
                path = info.path[cut:] + ("/" if folder else "")
                found.append(Entry(path, int(info.size or 0), info.mtime_ns / 1e9))
        return sorted(found, key=lambda entry: entry.path)

    def _remote_files(self) -> list[Entry]:
        """The same of an object store, which Arrow does not ask for times."""
        store = self.fs.handler.fs
        cut = len(self.base) + 1
        found = []
        for path, info in store.find(self.base, detail=True).items():
            time = next((info[key] for key in _TIMES if info.get(key) is not None), None)
            if isinstance(time, datetime):
                time = time.timestamp()
            changed = float(time) if isinstance(time, int | float) else None
            found.append(Entry(path[cut:], int(info.get("size") or 0), changed))
        return sorted(found, key=lambda entry: entry.path)

    def read(self, relative: str, columns: list[str] | None = None) -> pa.Table:
        """One Parquet file. Raises CmrError, naming it, if it is missing or damaged."""
        with self.parquet(relative) as file:
            return file.read(columns=columns)

    @contextlib.contextmanager
    def parquet(self, relative: str) -> Iterator[pq.ParquetFile]:
        """An open Parquet file, to be read group by group; errors as in `read`."""
        try:
            with pq.ParquetFile(self.path(relative), filesystem=self.fs) as file:
                yield file
        except FileNotFoundError:
            raise CmrError(f"the warehouse lacks {self.path(relative)}") from None
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
        target = self.path(relative)
        written = f"{target}.part-{secrets.token_hex(4)}" if self.is_local else target
        with self._writing(relative, written):
            if self.is_local:
                os.makedirs(os.path.dirname(target), exist_ok=True)
            with pq.ParquetWriter(written, schema, filesystem=self.fs, **options) as writer:
                for table in tables:
                    writer.write_table(table, row_group_size=max(1, table.num_rows))
            if self.is_local:
                os.replace(written, target)
        return int(self.fs.get_file_info(target).size)

    def write_bytes(self, relative: str, data: bytes) -> None:
        """Write a small file, whole or not at all."""
        target = self.path(relative)
        written = f"{target}.part-{secrets.token_hex(4)}" if self.is_local else target
        with self._writing(relative, written):
            if self.is_local:
                os.makedirs(os.path.dirname(target), exist_ok=True)
            with self.fs.open_output_stream(written) as stream:
                stream.write(data)
            if self.is_local:
                os.replace(written, target)

    def read_bytes(self, relative: str) -> bytes:
        """A small file's bytes."""
        with self.fs.open_input_stream(self.path(relative)) as stream:
            return bytes(stream.read())

    def clear_parts(self, relative: str) -> None:
        """Remove what killed writers of this local file left under its other names."""
        if self.is_local:
            path = Path(self.path(relative))
            for part in path.parent.glob(f"{glob.escape(path.name)}.part-*"):
                part.unlink(missing_ok=True)

    def size(self, relative: str) -> int:
        """Bytes of a file."""
        return int(self.fs.get_file_info(self.path(relative)).size)

    def states(self, relatives: Iterable[str]) -> list[tuple[int, int]]:
        """Bytes and time of the last change, in ns, of each file; -1 of one that is missing."""
        infos = self.fs.get_file_info([self.path(name) for name in relatives])
        return [(-1 if info.size is None else info.size, info.mtime_ns or -1) for info in infos]

    def checksum(self, relative: str) -> str:
        """SHA-256 of a file's bytes."""
        digest = hashlib.sha256()
        with self.fs.open_input_stream(self.path(relative)) as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest()

    def delete(self, relative: str) -> None:
        """Remove a file; one that is gone already is no error."""
        with contextlib.suppress(FileNotFoundError):
            self.fs.delete_file(self.path(relative))

    @contextlib.contextmanager
    def _writing(self, relative: str, written: str) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            with contextlib.suppress(OSError):
                if self.is_local:
                    os.unlink(written)
            if isinstance(error, OSError):
                raise CmrError(self._explain(relative, error)) from None
            raise

    def _explain(self, relative: str, error: OSError) -> str:
        if error.errno == errno.ENOSPC:
            return f"no space left to write {self.path(relative)}; nothing half-written remains"
        return f"cannot write {self.path(relative)}: {error.strerror or error}"


def _remote(url: str) -> tuple[pafs.FileSystem, str]:
    """A filesystem for a URL: fsspec's, because every scheme has one and DuckDB takes it too."""
    import fsspec

    try:
        fs, base = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise CmrError(f"cannot open {url}: {error}") from None
    return pafs.PyFileSystem(pafs.FSSpecHandler(fs)), base.rstrip("/")
