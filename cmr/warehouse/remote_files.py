"""File objects over an object store, for Python and pyarrow: one to read, one to write."""

from __future__ import annotations

import contextlib
import hashlib
from typing import IO, Any, Protocol, cast


class Sink:
    """A sink for pyarrow that counts, hashes and passes bytes on."""

    def __init__(self, file: IO[bytes]) -> None:
        """`file`: an upload that has just begun."""
        self._file, self.size, self.digest = file, 0, hashlib.sha256()
        self.closed = False

    def write(self, data: Any) -> int:
        """Pass bytes on; returns how many."""
        view = memoryview(data)
        self._file.write(view)
        self.digest.update(view)
        self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        """How many bytes were written."""
        return self.size

    def flush(self) -> None:
        """Do nothing: uploads have their own part size."""

    def writable(self) -> bool:
        """It is."""
        return True

    def readable(self) -> bool:
        """It is not."""
        return False

    def seekable(self) -> bool:
        """It is not."""
        return False

    def close(self) -> None:
        """Do nothing: pyarrow closes what it was given, but only `complete` ends the upload."""

    def complete(self) -> None:
        """Complete the upload; the file then exists."""
        self._file.close()

    def abandon(self) -> None:
        """Abort the upload; the file never exists."""
        with contextlib.suppress(Exception):
            cast(Any, self._file).discard()
        cast(Any, self._file).closed = True


class Files(Protocol):
    """Where files are read from."""

    def size(self, relative: str) -> int:
        """Bytes of a file. Raises FileNotFoundError."""

    def span(self, relative: str, start: int, end: int) -> bytes:
        """Bytes start:end of a file."""


class RemoteFile:
    """A seekable file for reading, as Python's files; only what is read is fetched."""

    def __init__(self, files: Files, relative: str) -> None:
        """Raises FileNotFoundError."""
        self._files, self._relative, self._at = files, relative, 0
        self.size = files.size(relative)
        self.closed = False
        self.mode = "rb"

    def read(self, count: int | None = -1) -> bytes:
        """The next `count` bytes, or the rest."""
        end = self.size if count is None or count < 0 else self._at + count
        data = self._files.span(self._relative, self._at, end)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position."""
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def tell(self) -> int:
        """The place."""
        return self._at

    def close(self) -> None:
        """Do nothing: nothing is held open."""
        self.closed = True

    def __enter__(self) -> RemoteFile:
        """Itself."""
        return self

    def __exit__(self, *what: object) -> None:
        """Close."""
        self.close()

    def readable(self) -> bool:
        """It is."""
        return True

    def writable(self) -> bool:
        """It is not."""
        return False

    def seekable(self) -> bool:
        """It is."""
        return True

    def flush(self) -> None:
        """Nothing to do."""
