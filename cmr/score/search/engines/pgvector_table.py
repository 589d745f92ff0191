"""pgvector: a table of a PostgreSQL, in a schema of cmr's own that is dropped afterwards.

An index is always used where there is one, though PostgreSQL would read a small table whole.
"""

from __future__ import annotations

import contextlib
import re
import threading
import weakref
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from cmr import parts
from cmr.errors import CmrError
from cmr.represent.precisions import Encoded
from cmr.score.search.engines.batches import as_lists, inserts
from cmr.score.search.engines.floats import Floats, floats
from cmr.score.search.engines.library_errors import refusals
from cmr.score.search.engines.postgres_server import PostgresServer
from cmr.score.search.indexes import Building, Ordinals, Scores
from cmr.score.search.scorer_options import Value

LIBRARY = "pgvector"
_SCHEMA = "cmr_"
_BUNDLED = "bundled"
# As COPY in binary begins and ends.
_HEAD, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
# The numbers of a column's type.
_NUMBERS = {"vector": ">f4", "halfvec": ">f2"}
_INDEX = {
    "hnsw": "USING hnsw ({on}) WITH (m = {m}, ef_construction = {ef_construction})",
    "ivfflat": "USING ivfflat ({on}) WITH (lists = {lists})",
}
_NEAREST = "SELECT id, item <#> %(q)b AS far FROM items {where} ORDER BY far LIMIT {count}"
_RESCORED = """
    SELECT id, item <#> %(q)b AS far FROM (
        SELECT id, item FROM items {where} ORDER BY {bits} <~> binary_quantize(%(q)b) LIMIT {wide}
    ) AS few ORDER BY far LIMIT {count}
"""


class PgvectorTable:
    """A table of one gallery, with the index that was asked for."""

    def __init__(self, items: Encoded, building: Building) -> None:
        """Fill and index it. Raises CmrError where PostgreSQL refuses to."""
        import psycopg

        options = building.options
        self._error = psycopg.Error
        self._type, self._kind = str(options["type"]), str(options["index"])
        self._column = "halfvec" if self._type == "halfvec" else "vector"
        # Of bits, those of an expression, and the vectors themselves to rank again.
        self._bits = f"(binary_quantize(item)::bit({items.dim}))"
        self._rows = len(items)
        self._local = threading.local()
        self._settings: list[str] = []
        self._limit: int | None = None
        self._dsn, server = _reached(str(options["dsn"]))
        with refusals(LIBRARY, self._error):
            self._schemas = _begun(self._dsn)
            opened: list[Any] = []
            self._opened = opened
            weakref.finalize(self, _dropped, self._dsn, self._schemas[0], opened, server)
            self._fill(floats(items), building)
            self._make_index(building)
            size = self._connection.execute("SELECT pg_total_relation_size('items')").fetchone()
            self.index_bytes = int(size[0])
        self.search_with(options)

    def _fill(self, vectors: Floats, building: Building) -> None:
        dim, database, attribute = vectors.shape[1], self._connection, building.attribute
        more = "" if attribute is None else ", attribute integer"
        database.execute(f"CREATE TABLE items (id integer, item {self._column}({dim}){more})")
        of_row = _row(dim, _NUMBERS[self._column], attribute is not None)
        with database.cursor().copy("COPY items FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(_HEAD)
            for first, part in inserts(vectors, building.advance):
                rows = np.zeros(len(part), of_row)
                rows["fields"], rows["id_bytes"], rows["dim"] = 2, 4, dim
                if attribute is not None:
                    rows["fields"], rows["attribute_bytes"] = 3, 4
                    rows["attribute"] = attribute[first : first + len(part)]
                rows["item_bytes"] = 4 + dim * rows["item"].itemsize
                rows["id"], rows["item"] = np.arange(first, first + len(part)), part
                copy.write(rows.tobytes())
            copy.write(_END)

    def _make_index(self, building: Building) -> None:
        options = building.options
        if self._kind in _INDEX:
            bits = self._type == "bit"
            on = f"{self._bits} bit_hamming_ops" if bits else f"item {self._column}_ip_ops"
            how = _INDEX[self._kind].format(on=on, **options)
            self._connection.execute(f"CREATE INDEX ON items {how}")
        # Without a filter there is no such column.
        if building.attribute is not None and options.get("filter_index") == "btree":
            self._connection.execute("CREATE INDEX ON items (attribute)")
        self._connection.execute("ANALYZE items")

    def search_with(self, options: Mapping[str, Value]) -> None:
        """See `Tunable`."""
        self._oversample = int(options["oversample"])
        settings = {"hnsw.ef_search": options["ef"], "ivfflat.probes": options["probes"]}
        goes_on = options.get("iterative_scan", "off")
        # Unknown to a pgvector before 0.8, where it is off.
        if self._kind in _INDEX and goes_on != "off":
            settings[f"{self._kind}.iterative_scan"] = goes_on
        self._settings = [f"SET {name} = {value}" for name, value in settings.items()]

    def search_below(self, limit: int | None) -> None:
        """See `Filterable`."""
        self._limit = limit

    def search(self, queries: Encoded, count: int, threads: int = 0) -> tuple[Ordinals, Scores]:
        """See `Searcher.search`; one query after the other."""
        with refusals(LIBRARY, self._error):
            found = self.ready(queries, count, threads)()
        index, far = as_lists(found, len(queries), count)
        return index, np.where(index < 0, -np.inf, -far)

    def ready(self, queries: Encoded, count: int, threads: int = 0) -> Callable[[], Any]:
        """See `Ready`; by this thread's own connection."""
        fewer = min(count, self._rows)
        wide = min(self._rows, fewer * self._oversample)
        ask = _RESCORED if self._type == "bit" else _NEAREST
        # Numbers of the text, for PostgreSQL plans a parameter's limit as if it were any.
        where = "" if self._limit is None else f"WHERE attribute < {self._limit}"
        ask = ask.format(bits=self._bits, count=fewer, wide=wide, where=where)
        execute, asked = self._connection.execute, [{"q": one} for one in floats(queries)]
        return lambda: [execute(ask, one).fetchall() for one in asked]

    @property
    def _connection(self) -> Any:
        """That of this thread, which finds the schema, and searches as it was told last."""
        local = self._local
        if not hasattr(local, "connection"):
            local.connection, local.settings = _connected(self._dsn), None
            self._opened.append(local.connection)
            path = ", ".join(f'"{name}"' for name in self._schemas)
            local.connection.execute(f"SET search_path = {path}")
            if self._kind in _INDEX:
                local.connection.execute("SET enable_seqscan = off")
            _teach_vectors(local.connection, self._column)
        if local.settings is not self._settings:
            for one in self._settings:
                local.connection.execute(one)
            local.settings = self._settings
        return local.connection


def _row(dim: int, numbers: str, filtered: bool) -> np.dtype[Any]:
    """A row of the table as COPY reads it in binary."""
    more = [("attribute_bytes", ">i4"), ("attribute", ">i4")] if filtered else []
    return np.dtype(
        [("fields", ">i2"), ("id_bytes", ">i4"), ("id", ">i4"), ("item_bytes", ">i4"),
         ("dim", ">i2"), ("unused", ">i2"), ("item", numbers, dim), *more]
    )  # fmt: skip


def _reached(dsn: str) -> tuple[str, PostgresServer | None]:
    """How to connect: to a server of one's own, or to one that is started for it."""
    if dsn == _BUNDLED:
        server = own_server()
        return server.dsn, server
    import psycopg

    with refusals(LIBRARY, psycopg.Error):
        if psycopg.conninfo.conninfo_to_dict(dsn).get("password"):
            raise CmrError(
                "options are recorded with a run: leave the password out of dsn, and give it by "
                "PGPASSWORD or ~/.pgpass"
            )
    return dsn, None


_running: list[weakref.ref[PostgresServer]] = []


def own_server() -> PostgresServer:
    """The one of this process, for as long as a table is in it."""
    server = _running[-1]() if _running else None
    if server is None:
        server = PostgresServer()
        _running[:] = [weakref.ref(server)]
    return server


def _connected(dsn: str) -> Any:
    import psycopg

    return psycopg.connect(dsn, autocommit=True, application_name="cmr")


def _begun(dsn: str) -> tuple[str, str]:
    """Make a schema, whose name comes first; the other is pgvector's.

    What killed processes of this machine left there goes. Raises CmrError without pgvector.
    """
    schema = _SCHEMA + parts.mark().replace("-", "_")
    with contextlib.closing(_connected(dsn)) as database:
        ask = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)"
        for (name,) in database.execute(ask, [_SCHEMA]).fetchall():
            if re.fullmatch(r"\w+", name) and parts.left_behind(_mark_of(name)):
                database.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')
        where = (
            "SELECT nspname FROM pg_extension, pg_namespace AS space"
            " WHERE extname = 'vector' AND space.oid = extnamespace"
        )
        there = database.execute(where).fetchone()
        if there is None:
            raise CmrError("pgvector is not in this database: CREATE EXTENSION vector adds it")
        database.execute(f'CREATE SCHEMA "{schema}"')
    return schema, str(there[0])


def _mark_of(schema: str) -> str:
    return schema.removeprefix(_SCHEMA).replace("_", "-")


def _dropped(dsn: str, schema: str, opened: list[Any], server: PostgresServer | None) -> None:
    """Drop a schema. `server` runs until then."""
    import psycopg

    for connection in opened:
        connection.close()
    with contextlib.suppress(psycopg.Error), contextlib.closing(_connected(dsn)) as database:
        database.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


def _teach_vectors(connection: Any, column: str) -> None:
    """Let NumPy's vectors be sent to it as they are in memory, rather than as text."""
    found = connection.execute("SELECT oid FROM pg_type WHERE oid = %s::regtype", [column])
    connection.adapters.register_dumper(np.ndarray, _dumper(column, found.fetchone()[0]))


@cache
def _dumper(column: str, number: int) -> type[Any]:
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    def dump(_: object, vector: Floats) -> bytes:
        return len(vector).to_bytes(2, "big") + bytes(2) + vector.astype(numbers).tobytes()

    numbers = _NUMBERS[column]
    return type("VectorDumper", (Dumper,), {"format": Format.BINARY, "oid": number, "dump": dump})
