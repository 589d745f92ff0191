"""sqlite-vec: a virtual table of vectors in a SQLite file, searched vector by vector.

Its distances are of cosines, or of bits (Hamming); it has no inner product.
"""

from __future__ import annotations

import ctypes
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.represent.precisions import Encoded
from cmr.score.search.engines.batches import as_lists, inserts
from cmr.score.search.engines.engine_folder import bytes_in, folder_of
from cmr.score.search.engines.floats import Floats, floats
from cmr.score.search.engines.library_errors import refusals
from cmr.score.search.indexes import Building, Ordinals, Scores
from cmr.score.search.scorer_options import Value

LIBRARY = "sqlite-vec"
# The most that one search of such a table may return.
MOST = 4096
_BITS = 8

_COLUMNS = {
    "float": "code float[{dim}] distance_metric=cosine",
    "int8": "code int8[{dim}] distance_metric=cosine",
    "int8-fitted": "code int8[{dim}] distance_metric=cosine",
    "bit": "code bit[{dim}]",
    "bit-rescored": "code bit[{dim}], vector float[{dim}]",
}
# A vector, bound as ?2 or ?1, as the column `code` holds it.
_CODES = {
    "float": "{0}",
    "int8": "vec_quantize_int8({0}, 'unit')",
    "int8-fitted": "vec_int8({0})",
    "bit": "vec_quantize_binary({0})",
    "bit-rescored": "vec_quantize_binary({0})",
}
_NEAREST = "SELECT rowid, distance FROM items WHERE code MATCH {code} AND k = ?2{where}"
_RESCORED = """
    SELECT rowid, vec_distance_cosine(vector, ?1) AS exact FROM (
        SELECT rowid, vector FROM items WHERE code MATCH {code} AND k = ?3{where}
    ) ORDER BY exact LIMIT ?2
"""
_loading = threading.Lock()


class SqliteVecTable:
    """A table of one gallery in a file of its own."""

    def __init__(self, items: Encoded, building: Building) -> None:
        """Fill it. Raises CmrError where SQLite or sqlite-vec refuses to."""
        self._type = str(building.options["type"])
        self._code = _CODES[self._type]
        if self._type.startswith("bit") and items.dim % _BITS:
            raise CmrError(
                f"{LIBRARY} packs bits by eight: type {self._type} needs a dimension that is "
                f"a multiple of 8, not {items.dim}"
            )
        self._dim = items.dim
        self._limit: int | None = None
        self._folder = folder_of(self, LIBRARY)
        self._local = threading.local()
        vectors = floats(items)
        # Of vectors that are all zero, any.
        self._scale = 127 / (float(np.abs(vectors).max()) or 1.0)
        with refusals(LIBRARY, sqlite3.Error):
            self._fill(vectors, building)
        self._rows = len(vectors)
        self.index_bytes = bytes_in(self._folder)
        self.search_with(building.options)

    def _fill(self, vectors: Floats, building: Building) -> None:
        attribute = building.attribute
        columns = _COLUMNS[self._type].format(dim=self._dim)
        if attribute is not None:
            columns += ", attribute integer"
        table = self._connection
        table.execute(f"CREATE VIRTUAL TABLE items USING vec0({columns})")
        both = self._type == "bit-rescored"
        names, extra = ("rowid, code, vector", ", ?2") if both else ("rowid, code", "")
        if attribute is not None:
            names, extra = f"{names}, attribute", f"{extra}, ?3"
        insert = f"INSERT INTO items({names}) VALUES (?1, {self._code.format('?2')}{extra})"
        for first, part in inserts(vectors, building.advance):
            with table:
                rows: Iterator[tuple[Any, ...]] = enumerate(map(self._bytes, part), first)
                if attribute is not None:
                    numbers = attribute[first : first + len(part)].tolist()
                    rows = ((*row, one) for row, one in zip(rows, numbers, strict=True))
                table.executemany(insert, rows)

    def search_with(self, options: Mapping[str, Value]) -> None:
        """See `Tunable`."""
        self._oversample = int(options["oversample"])

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """See `Searcher.search`; one query after the other."""
        with refusals(LIBRARY, sqlite3.Error):
            found = self.ready(queries, count, threads)()
        index, distances = as_lists(found, len(queries), count)
        return index, np.where(index < 0, -np.inf, self._similarities(distances))

    def ready(self, queries: Encoded, count: int, threads: int = 0) -> Callable[[], Any]:
        """See `Ready`; by this thread's own connection.

        Raises CmrError for lists that are longer than sqlite-vec returns.
        """
        fewer = min(count, self._rows)
        if fewer > MOST:
            raise CmrError(f"{LIBRARY} returns lists of at most {MOST} items, not {fewer}")
        rescored = self._type == "bit-rescored"
        where = "" if self._limit is None else f" AND attribute < {self._limit}"
        ask = (_RESCORED if rescored else _NEAREST).format(
            code=self._code.format("?1"), where=where
        )
        wide = min(MOST, self._rows, fewer * self._oversample)
        more = (fewer, wide) if rescored else (fewer,)
        execute = self._connection.execute
        asked = [(one, *more) for one in map(self._bytes, floats(queries))]
        return lambda: [execute(ask, one).fetchall() for one in asked]

    def search_below(self, limit: int | None) -> None:
        """See `Filterable`."""
        self._limit = limit

    def _similarities(self, distances: Scores) -> Scores:
        """Cosines; of bits, the cosine of the angle that so many unequal ones stand for."""
        if self._type != "bit":
            return 1 - distances
        return np.cos(np.pi * np.clip(distances, 0, self._dim) / self._dim)

    def _bytes(self, vector: Floats) -> bytes:
        """A vector as it is handed over; of int8-fitted, codes over the gallery's own range."""
        if self._type != "int8-fitted":
            return vector.tobytes()
        codes: npt.NDArray[np.int8] = np.rint(vector * self._scale).clip(-128, 127).astype(np.int8)
        return codes.tobytes()

    @property
    def _connection(self) -> sqlite3.Connection:
        """That of this thread, for SQLite answers a connection's questions one by one."""
        held: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if held is None:
            held = self._local.connection = connected(self._folder / "items.db")
        return held


def connected(path: Path) -> sqlite3.Connection:
    """A connection to a file that has sqlite-vec loaded."""
    import sqlite_vec

    if hasattr(sqlite3.Connection, "enable_load_extension"):
        made = sqlite3.connect(path, check_same_thread=False)
        made.enable_load_extension(True)
        sqlite_vec.load(made)
        made.enable_load_extension(False)
        return made
    return _connected_by_c(path, sqlite_vec.loadable_path())


def _connected_by_c(path: Path, extension: str) -> sqlite3.Connection:
    """The same where Python was built without loading of extensions: by SQLite's own C functions.

    Raises CmrError where they are not to be had.
    """
    import _sqlite3

    try:
        sqlite = ctypes.CDLL(_sqlite3.__file__)
        library = ctypes.CDLL(f"{extension}.{'dylib' if sys.platform == 'darwin' else 'so'}")
        entry = ctypes.cast(library.sqlite3_vec_init, ctypes.c_void_p)
        begin, end = sqlite.sqlite3_auto_extension, sqlite.sqlite3_cancel_auto_extension
    except (OSError, AttributeError):
        raise CmrError(f"{LIBRARY} needs a Python whose sqlite3 can load extensions") from None
    # Every connection made meanwhile has it, those of other threads too.
    with _loading:
        begin(entry)
        try:
            return sqlite3.connect(path, check_same_thread=False)
        finally:
            end(entry)
