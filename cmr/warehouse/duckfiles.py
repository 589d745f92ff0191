"""A remote warehouse as DuckDB sees it: the catalogue determines which files there are.

DuckDB would list a table's folders and open every file in them, including those of killed writers.
Here a pattern is resolved by the catalogue rows, which have been read already, so a table is never
listed, and a file that no row names is never opened.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from fsspec.spec import AbstractFileSystem

from cmr.errors import CmrError
from cmr.warehouse import layout
from cmr.warehouse.remote import Remote
from cmr.warehouse.remote_files import RemoteFile
from cmr.warehouse.schemas import CATALOGUE, TABLES
from cmr.warehouse.storage import Storage

# Seconds for which a listing of the catalogue is reused: a query needs it many times.
FRESH = 10.0


class DuckFiles(AbstractFileSystem):  # type: ignore[misc]
    """The files of one warehouse, for `duckdb.register_filesystem`."""

    cachable = False

    def __init__(self, storage: Storage) -> None:
        """`storage`: must be remote, at a URL."""
        super().__init__()
        if storage.remote is None:
            raise ValueError("a local warehouse needs no such filesystem")
        self.protocol = storage.root.partition("://")[0]
        self._storage, self._root = storage, storage.root
        self._remote: Remote = storage.remote
        self._named: list[str] = []
        self._state: tuple[int, float] = (-1, 0.0)

    def glob(self, path: str, **kwargs: Any) -> list[str]:
        """The files that match a pattern, as URLs."""
        pattern = self._relative(path)
        table = pattern.partition("/")[0]
        if "[" in table:
            # Several tables; those that the warehouse lacks have no file.
            mine = [name for name in TABLES if fnmatchcase(f"{name}/", f"{table}/")]
            found = [name for one in mine for name in self._files(one) if self._has(name)]
            rest = _flat(pattern.partition("/")[2])
            return [
                f"{self._root}/{name}" for name in found if fnmatchcase(name.split("/", 1)[1], rest)
            ]
        if "*" in table:
            found = self._storage.listing("")
        elif "*" not in pattern:
            return [path] if self._remote.exists(pattern) else []
        else:
            found = self._files(table)
        return [f"{self._root}/{name}" for name in found if fnmatchcase(name, _flat(pattern))]

    def _has(self, name: str) -> bool:
        """Whether an anchor exists: the warehouse may be older than its table."""
        return name in self._named or self._remote.exists(name)

    def _files(self, table: str) -> list[str]:
        """The files of a table that catalogue rows name, and its anchor if it is needed."""
        now = time.monotonic()
        if self._state[0] != self._remote.changes or now - self._state[1] > FRESH:
            named: list[str] = []
            for one in CATALOGUE:
                for name, rows in self._storage.read_rows(one.name).items():
                    if not isinstance(rows, CmrError):
                        named.append(name)
                        for files in rows["files"].to_pylist():
                            named += files
            self._named, self._state = named, (self._remote.changes, now)
        mine = sorted(name for name in self._named if name.startswith(f"{table}/"))
        if table in TABLES:
            return mine or [layout.anchor_path(TABLES[table])]
        if table == layout.EMBEDDINGS.name:
            # Its anchor has the columns of every precision.
            return [*mine, layout.anchor_path(layout.EMBEDDINGS)]
        return self._storage.listing(table)

    def _relative(self, path: str) -> str:
        return str(path).removeprefix(f"{self._root}/")

    def open(self, path: str, mode: str = "rb", **kwargs: Any) -> RemoteFile:
        """Open a file for reading; DuckDB does not write any."""
        if mode != "rb":
            raise PermissionError(f"{path} is read only")
        try:
            return RemoteFile(self._remote, self._relative(path))
        except FileNotFoundError:
            raise FileNotFoundError(f"the warehouse lacks {path}") from None

    def exists(self, path: str, **kwargs: Any) -> bool:
        """Whether there is such a file."""
        return self._remote.exists(self._relative(path))

    isfile = exists

    def isdir(self, path: str) -> bool:
        """Folders do not exist on an object store."""
        return False

    def size(self, path: str) -> int:
        """Bytes of a file."""
        return self._remote.size(self._relative(path))

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """A file's details in fsspec's form."""
        return {"name": path, "size": self.size(path), "type": "file"}

    def modified(self, path: str) -> datetime:
        """A constant, because a file with a given name never changes."""
        return datetime(2000, 1, 1, tzinfo=UTC)

    def unstrip_protocol(self, name: str) -> str:
        """Names are URLs already."""
        return name


def _flat(pattern: str) -> str:
    """The pattern for `fnmatch`, whose star crosses folders; brackets are literal."""
    return pattern.replace("[", "[[]").replace("**/", "*")
