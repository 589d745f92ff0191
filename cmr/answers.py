"""Running queries to the end, and turning DuckDB's errors into one sentence."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
from duckdb.sqltypes import DuckDBPyType

from cmr.errors import CmrError

# DuckDB warns about this copy each time; a small result may be copied.
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result", category=UserWarning)
T = TypeVar("T")
Shape = Callable[[duckdb.DuckDBPyRelation], duckdb.DuckDBPyRelation]
# How often a query is tried when files change under it, and the pause in between.
TRIES, RETRY_SECONDS = 3, 0.05
# DuckDB messages whose advice does not apply here, and what to say instead.
_SAID = {
    r"(File .*) requires the extension (\w+) to be loaded": (
        r"\1 is out of reach: a query reads the warehouse and local files, and no extension such "
        r"as \2 is loaded"
    ),
    r'"(\w+)" is not in the catalog, but it exists in the (\w+) extension': (
        r"there is no function \1: no extension such as \2 is loaded"
    ),
    r'(Cannot access file ".*") - file system operations are disabled': (
        r"\1: in a sandbox a query reads only the warehouse"
    ),
    # Includes what cmr's own macros say about their arguments.
    r"^Invalid Input Error: (.*)": r"\1",
    r"^Out of Memory Error: (.*)": r"not enough memory: \1; --memory gives a query more",
}


def fetch(
    con: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[Any] | dict[str, Any] | None = None,
    shape: Shape | None = None,
    fits: Callable[[list[DuckDBPyType]], bool] | None = None,
) -> pa.Table:
    """A query's whole result, passed through `shape` unless `fits` accepts its column types.

    With `shape` alone DuckDB plans the query twice, for its types and for its rows, but copies no
    rows on the way. Raises CmrError with DuckDB's reason in one sentence.

    DuckDB may open a file several times during a query: one that another process replaces in
    between reads as damaged, so the query is tried again.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            return _stoppable(con, lambda: _asked(con, query, params, shape, fits))
        except duckdb.Error as error:
            # DuckDB has no error class for this, unlike for mistakes in the query.
            if not tries_left or type(error) is not duckdb.Error:
                raise CmrError(explain(error)) from None
        time.sleep(RETRY_SECONDS)
    raise AssertionError("the last try returns or raises")


def _asked(
    con: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[Any] | dict[str, Any] | None,
    shape: Shape | None,
    fits: Callable[[list[DuckDBPyType]], bool] | None,
) -> pa.Table:
    if shape is None or fits is not None:
        found = con.execute(query, params)
        if shape is None or (fits and fits([column[1] for column in found.description or ()])):
            return found.to_arrow_table()
    return shape(con.sql(query, params=params)).to_arrow_table()


def _stoppable(con: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Run the work in a thread, so that Ctrl-C reaches Python at once and stops the query."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            return done.result()
        except KeyboardInterrupt:
            con.interrupt()
            raise


def explain(error: Exception) -> str:
    """DuckDB's message as one sentence, with its hint but without its excerpt of the query.

    An error raised by a remote warehouse's files arrives as a traceback; its last line is used.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if any(
        line.startswith("Traceback (") or line.endswith("Traceback (most recent call last):")
        for line in lines
    ):
        return lines[-1].partition(": ")[2] or lines[-1]
    keep = [line for line in lines if line and not line.startswith(("LINE ", "^"))]
    for pattern, words in _SAID.items():
        if found := re.search(pattern, keep[0] if keep else ""):
            return found.expand(words)
    return " ".join(keep[:3])


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
