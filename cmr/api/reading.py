"""SQL that only reads, which is what DuckDB lets stand as a subquery.

A statement's type does not tell: a PIVOT whose values are not listed is several statements at once,
and a SELECT whose WITH holds a COPY or an INSERT writes. As a subquery DuckDB's parser takes
nothing but a query, PIVOT included, and its binder refuses a WITH that writes.
"""

from __future__ import annotations

import re

import duckdb

from cmr.errors import CmrError

_WRITING = re.compile(r"WITH clause containing an? (\w+) statement must be at the top level")
_QUERIES = (
    duckdb.StatementType.SELECT,
    duckdb.StatementType.EXPLAIN,
    duckdb.StatementType.MULTI,
)
# They run nothing of what they look at, and some of them cannot stand as a subquery.
_LOOKING = ("show", "describe", "desc")
Tokens = list[tuple[int, str]]


def readings(con: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    """Each of the statements in `text`, in a form in which DuckDB runs it only if it reads.

    Raises duckdb.Error where DuckDB cannot parse it, CmrError for a statement that is no query.
    """
    return [_reading(con, one) for one in con.extract_statements(text)]


def explained(reason: str) -> CmrError:
    """DuckDB's reason for refusing a reading form; ours where that has kept it from writing."""
    found = _WRITING.search(reason)
    if found is None:
        return CmrError(reason)
    return CmrError(f"cmr sql only reads; a WITH that holds a {found[1]} statement is refused")


def _reading(con: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> str:
    text = str(statement.query)
    if statement.type not in _QUERIES:
        raise _refused(statement)
    tokens = _tokens(text)
    while tokens and tokens[-1][1] == ";":
        text = text[: tokens.pop()[0]]
    for start in _starts(tokens):
        query = f"from (\n{text[start:]}\n)"
        if _parses(con, query):
            return text[:start] + query
    if statement.type == duckdb.StatementType.SELECT and tokens[0][1] in _LOOKING:
        return text
    raise _refused(statement)


def _starts(tokens: Tokens) -> list[int]:
    """Where the query may begin: at the start, or behind EXPLAIN, ANALYZE and their options."""
    at = 0
    if tokens[0][1] != "explain":
        return [tokens[0][0]]
    while at < len(tokens) and tokens[at][1] in ("explain", "analyze"):
        at += 1
    places = [at]
    if at < len(tokens) and tokens[at][1] == "(":
        closing = [place for place in range(at, len(tokens)) if tokens[place][1] == ")"]
        places += [place + 1 for place in closing[:1]]
    return [tokens[place][0] for place in places if place < len(tokens)]


def _tokens(text: str) -> Tokens:
    """(offset, lower-case text) of everything in a statement but its comments."""
    found = duckdb.tokenize(text)
    ends = [offset for offset, _ in found[1:]] + [len(text)]
    return [
        (offset, text[offset:end].strip().lower())
        for (offset, kind), end in zip(found, ends, strict=True)
        if kind != duckdb.token_type.comment
    ]


def _parses(con: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Whether it is one statement."""
    try:
        return len(con.extract_statements(query)) == 1
    except duckdb.Error:
        return False


def _refused(statement: duckdb.Statement) -> CmrError:
    kind = statement.type
    if kind == duckdb.StatementType.MULTI:
        return CmrError("cmr sql only reads; what is more than a query is refused")
    return CmrError(f"cmr sql only reads; {kind.name.replace('_', ' ')} statements are refused")
