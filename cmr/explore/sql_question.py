"""The page's SQL: read-only, of the warehouse alone, and within limits."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

from cmr.errors import CmrError
from cmr.warehouse.store import Store

if TYPE_CHECKING:
    import duckdb

# Rows and bytes of an answer, and seconds of a question.
ROWS, BYTES, SECONDS = 1000, 4_000_000, 60.0
# Rows that are read at a time.
BATCH = 250
# Larger whole numbers are none of JavaScript's.
EXACT = 2**53


class SqlQuestion:
    """One question. `answer` runs it in one thread; `stop` ends it from another."""

    def __init__(self, warehouse: Store, text: str, memory: int | None) -> None:
        """`memory`: bytes for the query, None for the default."""
        self._warehouse, self._text, self._memory = warehouse, text, memory
        self._con: duckdb.DuckDBPyConnection | None = None
        self._stopped: str | None = None

    def stop(self, why: str) -> None:
        """End it, with this sentence. To be repeated until it has ended."""
        self._stopped, con = why, self._con
        if con is not None:
            # It may have been closed meanwhile.
            with contextlib.suppress(Exception):
                con.interrupt()

    def answer(self) -> dict[str, Any]:
        """Columns and rows of the last statement's result, as JSON; `more` if it has others.

        Raises CmrError as `cmr sql --sandbox` does, and when it was stopped.
        """
        clock = time.perf_counter()
        try:
            found = self._answer()
        except CmrError:
            self._check()
            raise
        finally:
            self._con = None
        return {**found, "seconds": round(time.perf_counter() - clock, 3)}

    def _answer(self) -> dict[str, Any]:
        import pyarrow as pa

        from cmr.api.query import stream_query
        from cmr.export.row_formats import json_rows
        from cmr.views import connect

        self._check()
        self._con = connect(self._warehouse.root, "", memory=self._memory)
        with self._con:
            self._check()
            found = stream_query(self._con, self._text, self._warehouse, rows=BATCH, sandbox=True)
            columns = [
                {
                    "name": field.name,
                    "numeric": pa.types.is_integer(field.type) or pa.types.is_floating(field.type),
                }
                for field in found.schema
            ]
            rows: list[Any] = []
            size, more = 0, False
            for batch in found:
                self._check()
                for text in json_rows(batch):
                    size += len(text)
                    more = len(rows) == ROWS or size > BYTES
                    if more:
                        break
                    rows.append([_shown(one) for one in json.loads(text).values()])
                if more:
                    break
        return {"columns": columns, "rows": rows, "more": more}

    def _check(self) -> None:
        if self._stopped is not None:
            raise CmrError(self._stopped)


def _shown(value: Any) -> Any:
    """A value in JSON, as a text where the page would round it."""
    return str(value) if isinstance(value, int) and abs(value) > EXACT else value
