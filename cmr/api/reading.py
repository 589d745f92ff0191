"""SQL that only reads: what DuckDB accepts as a subquery.

The type of a statement is not enough: a PIVOT whose values are not listed is several statements at
once, and a SELECT whose WITH holds a COPY or an INSERT writes. As a subquery DuckDB's parser
accepts nothing but a query, PIVOT included, and its binder refuses a WITH that writes. Table
functions can write, too: those not known to read are refused, wherever DuckDB's parse finds one.
"""

from __future__ import annotations

import re

import duckdb

from cmr.errors import CmrError
from cmr.prepared import READS
from cmr.tokens import tokens

_WRITING = re.compile(r"WITH clause containing an? (\w+) statement must be at the top level")
_QUERIES = (
    duckdb.StatementType.SELECT,
    duckdb.StatementType.EXPLAIN,
    duckdb.StatementType.MULTI,
)
# They do not run what they look at, and some of them cannot be a subquery.
_LOOKING = ("show", "describe", "desc")
# DuckDB's table functions that only read. Those missing here change settings, write files, run a
# text that cannot be inspected, or take a pointer into memory.
_READING = """
duckdb_approx_database_count duckdb_available_metrics duckdb_columns duckdb_connection_count
duckdb_constraints duckdb_coordinate_systems duckdb_databases duckdb_dependencies duckdb_dialects
duckdb_eviction_queues duckdb_extension_repositories duckdb_extensions duckdb_external_file_cache
duckdb_external_resource_types duckdb_functions duckdb_grammar_extensions duckdb_indexes
duckdb_keywords duckdb_log_contexts duckdb_logs duckdb_logs_parsed duckdb_memory duckdb_optimizers
duckdb_prepared_statements duckdb_profiling_settings duckdb_schemas duckdb_secret_types
duckdb_sequences duckdb_settings duckdb_table_sample duckdb_tables duckdb_temporary_files
duckdb_triggers duckdb_types duckdb_variables duckdb_views generate_series glob histogram
histogram_values icu_calendar_names json_each json_tree parquet_bloom_probe parquet_file_metadata
parquet_full_metadata parquet_kv_metadata parquet_metadata parquet_scan parquet_schema
pg_timezone_names pragma_collations pragma_database_size pragma_metadata_info pragma_platform
pragma_show pragma_storage_info pragma_table_info pragma_user_agent pragma_version query_table range
read_blob read_csv read_csv_auto read_duckdb read_json read_json_auto read_json_objects
read_json_objects_auto read_ndjson read_ndjson_auto read_ndjson_objects read_ndjson_objects_auto
read_parquet read_single_csv_file read_single_json_file read_single_parquet_file read_text repeat
repeat_row sniff_csv summary test_all_types test_vector_types unnest
"""
READING = frozenset(_READING.split())
# Kinds of query in the parse of a SELECT; INSERT_QUERY_NODE and the like write.
_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_DML = frozenset({"copy", "insert", "update", "delete", "merge"})
# Whitespace and comments.
_BETWEEN = r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"
# Why parsing failed, or the node types of the query and the table functions that it calls.
_PARSED = """
    select
        case when parsed ->> 'error' = 'true' then parsed ->> 'error_message' end,
        json_extract_string(parsed, '$..type'),
        json_extract_string(parsed, '$..function.function_name')
    from (select json_serialize_sql(?::varchar)::json as parsed)
"""


def readings(con: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    """Each statement in `text`, in a form that DuckDB runs only if it reads.

    Raises duckdb.Error if DuckDB cannot parse it, CmrError for a statement that is not a query.
    """
    return [_reading(con, one) for one in con.extract_statements(text)]


def explained(reason: str) -> CmrError:
    """DuckDB's reason for refusing a reading form; ours where that form kept it from writing."""
    found = _WRITING.search(reason)
    if found is None:
        return CmrError(reason)
    return CmrError(f"cmr sql only reads; a WITH that holds a {found[1]} statement is refused")


def _reading(con: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> str:
    text = str(statement.query)
    if _kind(statement) not in _QUERIES:
        raise _refused(statement)
    said = [one for one in tokens(text) if one.kind != duckdb.token_type.comment]
    while said and said[-1].text == ";":
        text = text[: said.pop().start]
    for start in _starts([(one.start, one.text.lower()) for one in said]):
        query = f"from (\n{text[start:]}\n)"
        if _parses(con, query):
            _check_parts(con, query)
            return text[:start] + query
    if statement.type == duckdb.StatementType.SELECT and said[0].text.lower() in _LOOKING:
        _check_parts(con, text)
        return text
    raise _refused(statement)


def _kind(statement: duckdb.Statement) -> duckdb.StatementType | None:
    """A statement's type; None for one that DuckDB's Python client has no name for."""
    try:
        return statement.type
    except ValueError:
        return None


def _check_parts(con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raise CmrError for a part of a query that is not known to be read-only."""
    (statement,) = con.extract_statements(query)
    if statement.type == duckdb.StatementType.MULTI:
        _check_words(con, query)
        return
    ((failed, kinds, functions),) = con.execute(_PARSED, [query]).fetchall()
    if failed is not None:
        raise CmrError(f"cmr sql only reads, and cannot tell whether this does: {failed}")
    for kind in sorted({one for one in kinds if one.endswith("_NODE")} - _NODES):
        what = kind.removesuffix("_NODE").removesuffix("_QUERY").replace("_", " ")
        raise CmrError(f"cmr sql only reads; {what} is refused inside a query, too")
    unknown = {one.lower() for one in functions} - READING
    # Listing all of DuckDB's functions takes longer than most queries, so only if needed.
    unknown -= _macros(con) if unknown else set()
    # DuckDB itself reports a function that does not exist, and suggests another.
    for name in sorted(unknown & _functions(con) if unknown else ()):
        raise _refused_function(name)


def _check_words(con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Check the words of a PIVOT whose values are in the data: DuckDB gives no parse of it.

    DuckDB looks its values up in a separate statement, in which a WITH that writes is at the top.
    """
    words = set(re.findall(r"\w+", query.lower()))
    for word in sorted(words & _DML):
        raise CmrError(f"cmr sql only reads; a PIVOT with the word {word} in it is refused")
    for word in sorted(words & (_functions(con) - READING - _macros(con))):
        if re.search(rf'\b{word}"?{_BETWEEN}\(', query, re.IGNORECASE | re.DOTALL):
            raise _refused_function(word)


def _functions(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The names of all functions that can be called in a FROM clause."""
    rows = con.execute(
        "select distinct lower(function_name) from duckdb_functions() "
        "where function_type in ('table', 'table_macro', 'pragma')"
    ).fetchall()
    return {name for (name,) in rows}


def _macros(con: duckdb.DuckDBPyConnection) -> set[str]:
    """cmr's own macros, and its views."""
    return {name for (name,) in con.execute(f"select name from {READS}").fetchall()}


def _starts(said: list[tuple[int, str]]) -> list[int]:
    """Where the query may begin: at the start, or after EXPLAIN, ANALYZE and their options.

    `said`: the place and the lower-case text of every token but comments.
    """
    at = 0
    if said[0][1] != "explain":
        return [said[0][0]]
    while at < len(said) and said[at][1] in ("explain", "analyze"):
        at += 1
    places = [at]
    if at < len(said) and said[at][1] == "(":
        closing = [place for place in range(at, len(said)) if said[place][1] == ")"]
        places += [place + 1 for place in closing[:1]]
    return [said[place][0] for place in places if place < len(said)]


def _parses(con: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Whether it is one statement."""
    try:
        return len(con.extract_statements(query)) == 1
    except duckdb.Error:
        return False


def _refused(statement: duckdb.Statement) -> CmrError:
    kind = _kind(statement)
    if kind in (None, duckdb.StatementType.MULTI):
        return CmrError("cmr sql only reads; anything but a query is refused")
    return CmrError(f"cmr sql only reads; {kind.name.replace('_', ' ')} statements are refused")


def _refused_function(name: str) -> CmrError:
    return CmrError(f"cmr sql only reads; the table function {name} is refused")
