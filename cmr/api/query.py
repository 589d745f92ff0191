"""Read-only queries over a warehouse: all at once, or as a stream."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from cmr.answers import explain, fetch
from cmr.api.reading import explained, readings
from cmr.api.values import fits_arrow, in_arrow
from cmr.errors import CmrError
from cmr.materialised import prepare
from cmr.progressbar import ProgressBar, no_bar
from cmr.views import lock

if TYPE_CHECKING:
    from cmr.warehouse.store import Store

# Rows that a stream yields at a time.
ROWS = 65_536


def run_query(
    con: duckdb.DuckDBPyConnection,
    text: str,
    warehouse: Store,
    bar: ProgressBar = no_bar,
    params: Sequence[Any] | dict[str, Any] | None = None,
    sandbox: bool = False,
    shown: bool = False,
) -> pa.Table:
    """Run the statements in `text`, which must only read, and return the result of the last.

    Measures that are not stored yet are computed and stored first. `params` belong to the last
    statement. `sandbox`: files outside the warehouse are not read. The connection's configuration
    is locked. `shown`: the result will be printed, which takes more memory than another copy of its
    rows. Raises CmrError for SQL that is wrong or would change something.
    """
    *before, last = _ready(con, text, warehouse, bar, sandbox)
    for statement in before:
        _fetch(con, statement, None, shown=False)
    table = _fetch(con, last, params, shown)
    return table.rename_columns(distinct(table.column_names))


def each_result(
    con: duckdb.DuckDBPyConnection,
    text: str,
    warehouse: Store,
    bar: ProgressBar = no_bar,
    sandbox: bool = False,
) -> Iterator[pa.Table]:
    """The result of every statement in `text`, in turn, to be printed; otherwise as `run_query`."""
    for statement in _ready(con, text, warehouse, bar, sandbox):
        table = _fetch(con, statement, None, shown=True)
        yield table.rename_columns(distinct(table.column_names))


def stream_query(
    con: duckdb.DuckDBPyConnection,
    text: str,
    warehouse: Store,
    bar: ProgressBar = no_bar,
    params: Sequence[Any] | dict[str, Any] | None = None,
    rows: int = ROWS,
    sandbox: bool = False,
) -> pa.RecordBatchReader:
    """The same as a stream of batches of about `rows` rows; the whole is never in memory."""
    *before, last = _ready(con, text, warehouse, bar, sandbox)
    for statement in before:
        _fetch(con, statement, None, shown=False)
    with _sentences():
        reader = in_arrow(con.sql(last, params=params)).to_arrow_reader(rows)
    schema = pa.schema(
        [
            field.with_name(name)
            for field, name in zip(reader.schema, distinct(reader.schema.names), strict=True)
        ]
    )

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for batch in reader:
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            # Arrow reports DuckDB's errors in a running query as OSError.
            raise CmrError(explain(error)) from None

    return pa.RecordBatchReader.from_batches(schema, batches())


def _ready(
    con: duckdb.DuckDBPyConnection, text: str, warehouse: Store, bar: ProgressBar, sandbox: bool
) -> list[str]:
    """Check every statement and store missing measures; the statements, of which none has run."""
    with _sentences():
        statements = readings(con, text)
    if not statements:
        raise CmrError("the query is empty")
    prepare(con, warehouse, text, bar=bar)
    lock(con, warehouse.storage, sandbox)
    return statements


def _fetch(
    con: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[Any] | dict[str, Any] | None,
    shown: bool,
) -> pa.Table:
    with _sentences():
        return fetch(con, query, params, in_arrow, fits_arrow if shown else None)


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    """Turn DuckDB's errors into CmrError."""
    try:
        yield
    except CmrError as error:
        raise explained(str(error)) from None
    except duckdb.Error as error:
        raise explained(explain(error)) from None


def distinct(names: Sequence[str]) -> list[str]:
    """Column names, with numbers appended to repeated ones, since JSON keeps one of each."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        count = seen.get(name, 0)
        seen[name] = count + 1
        found.append(f"{name}_{count}" if count else name)
    return found
