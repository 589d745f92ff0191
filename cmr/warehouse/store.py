"""The only writer of the warehouse, and its catalogue.

Commit protocol: data files first, each under a name unique to its writer; then the catalogue row
that names them. What no catalogue row names does not exist for a reader, so a killed process leaves
nothing half-visible.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from cmr.errors import CmrError, DamageWarning, MissingFileError
from cmr.rows import Row
from cmr.warehouse import layout, schemas
from cmr.warehouse.catalogue_rows import read_row, recorded, seal
from cmr.warehouse.locks import held_locks, locked
from cmr.warehouse.marker import damaged_anchors, format_of, write_anchors
from cmr.warehouse.schemas import ADDED, EMBEDDING_KEYS, Table
from cmr.warehouse.sound_rows import read_rows
from cmr.warehouse.storage import PART, Storage
from cmr.warehouse.verified import faults, remedy_of

# Seconds that a file stays after its row was replaced, for readers that began before.
HOUR = 3600.0


class Store:
    """An open warehouse. Get one from `Store.create` or `Store.open`."""

    def __init__(self, storage: Storage) -> None:
        """Wrap a root that is known to contain a warehouse."""
        self.storage = storage
        self.root = storage.root
        # SHA-256 of files written here, and of their footers.
        self._sums: dict[str, tuple[str, str]] = {}

    @classmethod
    def open(cls, root: str, read_only: bool = False) -> Store:
        """Open the warehouse at `root`; `read_only`: as of `Storage`.

        Raises CmrError if there is none.
        """
        storage = _storage(root, read_only)
        try:
            marker = storage.read_bytes(layout.MARKER)
        except (FileNotFoundError, NotADirectoryError):
            if storage.listing("datasets"):
                raise CmrError(
                    f"{storage.path(layout.MARKER)} is missing; `cmr ingest` writes it again"
                ) from None
            raise CmrError(
                f"there is no warehouse at {storage.root}; `cmr ingest` makes one"
            ) from None
        found = format_of(marker)
        if found is None:
            raise CmrError(
                f"{storage.path(layout.MARKER)} is damaged; `cmr ingest` writes it again"
            )
        if found != layout.FORMAT:
            raise CmrError(
                f"the warehouse at {storage.root} has format {found}; cmr reads {layout.FORMAT}"
            )
        return cls(storage)

    @classmethod
    def create(cls, root: str) -> Store:
        """Open the warehouse at `root`; if needed, create it, or its damaged marker and anchors."""
        storage = _storage(root)
        if not storage.exists(layout.MARKER):
            if storage.is_local:
                _make_folder(storage.root)
            with cls(storage).claim("create"):
                write_anchors(storage, layout.ANCHORED)
        elif bad := damaged_anchors(storage):
            with cls(storage).claim("create"):
                write_anchors(storage, bad)
        return cls.open(root)

    @contextlib.contextmanager
    def claim(self, name: str, wait: bool = True) -> Iterator[None]:
        """Hold the exclusive right to write `name`; other processes wait for it.

        Raises BusyError if it is held and this one may not `wait`. The operating system frees the
        claim of a killed process. An object store has no locks: there two writers both do the work,
        and the last catalogue row wins.
        """
        if not self.writable():
            raise CmrError(f"the warehouse at {self.root} is read-only")
        if not self.storage.is_local:
            yield
            return
        with locked(self.root, name, wait):
            yield

    def held_claims(self, remove_older: float | None = None) -> tuple[set[str], list[str]]:
        """Claims that are held now, and the paths of lock files that are not held.

        `remove_older`: as in `held_locks`.
        """
        return held_locks(self.storage, remove_older)

    def writable(self) -> bool:
        """Whether files can be written here, as far as that is known beforehand."""
        if self.storage.read_only:
            return False
        return not self.storage.is_local or _writable(self.root)

    def write(self, table: Table, keys: Mapping[str, object], data: Iterable[pa.Table]) -> str:
        """Write one data file into a partition; returns its path for the catalogue row.

        Each table of `data` becomes a row group, so it can be a stream.
        """
        where = layout.partition(table.name, keys)
        relative = f"{where}/{secrets.token_hex(8)}.parquet"
        raw = table.name == "embeddings"
        # Codes do not compress and their dictionaries overflow: plain pages read fastest.
        options: dict[str, Any] = (
            {"compression": "none", "use_dictionary": False, "write_statistics": False}
            if raw
            else {"compression": "zstd"}
        )
        self.storage.write(relative, table.schema, data, **options)
        self._sums[relative] = self.storage.checksum(relative), self.storage.footer(relative)
        return relative

    def checksum(self, relative: str) -> str:
        """SHA-256 of a data file that this object wrote, from when it was written."""
        return self._sums[relative][0]

    def write_embeddings(self, keys: Mapping[str, Any], data: Iterable[pa.Table]) -> str:
        """Write one embedding set's vectors; `keys` are all of EMBEDDING_KEYS."""
        schema = schemas.embeddings_schema(keys["dim"], keys["precision"])
        table = Table("embeddings", EMBEDDING_KEYS, schema)
        return self.write(table, {key: keys[key] for key in EMBEDDING_KEYS}, data)

    def commit(self, table: Table, name: str, row: Mapping[str, Any]) -> None:
        """Publish a catalogue row; one with the same name is replaced atomically.

        Adds the row's own checksum and those of its files, which were written here or named by the
        previous row. Files that only the previous row named stay for its readers: see `sweep`. Only
        for the holder of the claim on it.
        """
        missing = set(table.schema.names) - set(row) - set(ADDED)
        if missing:
            raise ValueError(f"catalogue row of {table.name} lacks {sorted(missing)}")
        with warnings.catch_warnings():
            # It is about to be replaced.
            warnings.simplefilter("ignore", DamageWarning)
            before = self.find(table, name) or {}
        digests, footers = recorded(before), recorded(before, "footers")
        for file, (digest, footer) in self._sums.items():
            digests[file], footers[file] = digest, footer
        sums = {
            "checksums": [digests.get(file) for file in row["files"]],
            "footers": [footers.get(file) for file in row["files"]],
        }
        path = layout.catalogue_path(table, name)
        self._retire(set(before.get("files") or ()) - set(row["files"]))
        self.storage.write_row(path, seal(table, name, {**row, **sums}))
        self.storage.clear_parts(path)

    def find(self, table: Table, name: str) -> Row | None:
        """The catalogue row with this name, or None; warns about a damaged one, which is None."""
        path = layout.catalogue_path(table, name)
        # Reading shows whether the object exists: asking first would cost another request.
        if self.storage.is_local and not self.storage.exists(path):
            return None
        try:
            return read_row(table, path, self.storage.read(path))
        except MissingFileError:
            return None
        except CmrError as error:
            tell(error)
            return None

    def catalogue(self, table: Table, strict: bool = False) -> list[Row]:
        """Every row of a catalogue table, by file name; damaged ones are left out, with a warning.

        `strict`: read each from its file and raise CmrError for a damaged one, for callers that act
        on files no row names.
        """
        rows: list[Row] = []
        for found in read_rows(self.storage, table, afresh=strict):
            if not isinstance(found, CmrError):
                rows.append(found)
            elif strict:
                raise found
            else:
                tell(found)
        return rows

    def catalogue_of(self, table: Table, start: str) -> list[Row]:
        """The rows whose names begin with `start`; damaged ones are left out."""
        names = [
            name
            for name in self.storage.listing(table.name)
            if name.startswith(f"{table.name}/{start}") and name.endswith(".parquet")
        ]

        def read(name: str) -> Row | None:
            try:
                return read_row(table, name, self.storage.read(name))
            except CmrError:
                return None

        return [row for row in self.storage.each(read, names) if row is not None]

    def remove(self, table: Table, name: str) -> None:
        """Remove a catalogue row; its files, which no row names then, stay for their readers."""
        before = self.find(table, name)
        self._retire(before["files"] if before else ())
        self.storage.delete(layout.catalogue_path(table, name))

    def read(
        self, row: Mapping[str, Any], table: Table, files: Iterable[str] | None = None
    ) -> pa.Table:
        """The rows in those files of a catalogue row that belong to `table`, in order.

        `files`: only these of them. Raises CmrError for a damaged one.
        """
        start = f"{table.name}/"
        mine = [
            path for path in (row["files"] if files is None else files) if path.startswith(start)
        ]
        self.check(row, mine)
        parts = [part.cast(table.schema) for part in self.storage.each(self.storage.read, mine)]
        return pa.concat_tables(parts) if parts else table.schema.empty_table()

    def check(self, row: Mapping[str, Any], files: Sequence[str]) -> None:
        """Raise CmrError, naming the first, if files of a row are damaged or missing."""
        sums = recorded(row)
        for path, why in faults(self.storage, [(name, sums.get(name)) for name in files]).items():
            raise CmrError(f"{self.storage.path(path)} {why}; {remedy_of(path, row)}")

    def sweep(self, partition: str, keep: Iterable[str] | Callable[[], Iterable[str]]) -> None:
        """Remove unfinished files from a partition, and those an hour old that `keep` lacks.

        These are left by killed writers, or were named by rows that have been replaced since:
        `commit` and `remove` touch such files, so that readers of the row have an hour. Only for
        the holder of the claim on that partition, and only on a local disk; elsewhere a function
        `keep` is not even called.
        """
        if not self.storage.is_local:
            return
        there = self.storage.listing(partition)
        # Nobody else writes here, so an unfinished file is a killed writer's, whatever its age.
        unfinished = {path for path in there if PART in path.rpartition("/")[2]}
        for path in unfinished:
            self.storage.delete(path)
        # Mostly nothing is that old, and then `keep` need not be looked up.
        if not (old := self._older([path for path in there if path not in unfinished], HOUR)):
            return
        kept = set(keep() if callable(keep) else keep)
        # Check again, because a row may have been replaced meanwhile.
        for path in self._older([path for path in old if path not in kept], HOUR):
            self.storage.delete(path)

    def _older(self, paths: Sequence[str], age: float) -> list[str]:
        """The local files among these that have not changed for `age` seconds."""
        before = time.time() - age
        states = self.storage.states(paths)
        return [
            path for path, (_, changed) in zip(paths, states, strict=True) if changed / 1e9 < before
        ]

    def _retire(self, files: Iterable[str]) -> None:
        """Touch files that no row names from now on, so that their age starts here."""
        if self.storage.is_local:
            for name in files:
                with contextlib.suppress(OSError):
                    os.utime(self.storage.path(name))


def tell(error: CmrError) -> None:
    """Warn about a damaged file, which is left out."""
    warnings.warn(str(error), DamageWarning, stacklevel=3)


def _make_folder(path: str) -> None:
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise CmrError(f"cannot make the warehouse {path}: {error.strerror}") from None


def _storage(root: str, read_only: bool = False) -> Storage:
    storage = Storage(root, read_only)
    if storage.is_local and os.path.exists(storage.root) and not os.path.isdir(storage.root):
        raise CmrError(f"the warehouse {storage.root} is a file, not a folder")
    return storage


def _writable(root: str) -> bool:
    """Whether the folder is writable; its mode counts even for the superuser."""
    mode = os.stat(root).st_mode
    return bool(mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)) and os.access(root, os.W_OK)
