"""What a query reads, found by DuckDB's own parser: tables, views, macros, and what they read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import duckdb

from cmr.tokens import tokens

# Whether parsing a text failed, and the tables and functions that it names.
_PARSED = """
    select
        parsed ->> 'error' = 'true',
        json_extract_string(parsed, '$..table_name'),
        json_extract_string(parsed, '$..function_name')
    from (select json_serialize_sql(?::varchar)::json as parsed)
"""
Reads = Mapping[str, frozenset[str]]


def names_in(con: duckdb.DuckDBPyConnection, query: str) -> set[str]:
    """The tables and functions that a query names, in lower case.

    Where DuckDB has no parse to give, as for a PIVOT whose values are in the data, it is every
    word.
    """
    found: set[str] = set()
    try:
        statements = con.extract_statements(query)
    except duckdb.ParserException:
        return words(query)
    for statement in statements:
        text = str(statement.query)
        ((failed, tables, functions),) = con.execute(_PARSED, [text]).fetchall()
        named = {name.lower() for name in (*tables, *functions)}
        if "query_table" in named:
            ((parsed,),) = con.execute("select json_serialize_sql(?::varchar)", [text]).fetchall()
            named |= {name.lower() for name in _chosen(json.loads(parsed))} or words(text)
        found |= words(text) if failed else named
    return found


def _chosen(parsed: Any, within: bool = False) -> Iterator[str]:
    """The texts in the arguments of query_table: names of tables, one of which it reads.

    Those of the conditions on which it depends are none.
    """
    if isinstance(parsed, list):
        for one in parsed:
            yield from _chosen(one, within)
    elif isinstance(parsed, dict):
        within = within or parsed.get("function_name") == "query_table"
        if within and isinstance(parsed.get("text"), str):
            yield parsed["text"]
        for name, one in parsed.items():
            if name != "when_expr":
                yield from _chosen(one, within)


def words(text: str) -> set[str]:
    """Every word of a text, without quotation marks."""
    return {token.text.strip("'\"").lower() for token in tokens(text)}


def graph(con: duckdb.DuckDBPyConnection, queries: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Which others each view (given with its query) and each macro of a database reads."""
    macros: list[tuple[str, str]] = con.execute(
        "select function_name, case function_type when 'macro' then 'select ' else '' end "
        "|| macro_definition from duckdb_functions() "
        "where function_type in ('macro', 'table_macro') and not internal"
    ).fetchall()
    texts = {**queries, **dict(macros)}
    return {
        name: frozenset(names_in(con, text) & texts.keys() - {name}) for name, text in texts.items()
    }


def closure(reads: Reads, names: Iterable[str]) -> set[str]:
    """The named views and macros, and everything that they read."""
    found: set[str] = set()
    todo = [name for name in names if name in reads]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += reads[name]
    return found
