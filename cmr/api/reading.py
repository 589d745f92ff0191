"""Whether a statement only reads, by DuckDB's own parse of it.

A SELECT may write: a CTE may hold COPY … TO or DELETE, and a table function may write a file. So
every part of a statement is looked at, and what is not known to read is refused.
"""

from __future__ import annotations

import re
from functools import cache

import duckdb

from cmr.errors import CmrError
from cmr.sqlfiles import views
from cmr.views import explain

# DuckDB's table functions that only read. Those that are not here change settings, write files,
# run a text that cannot be looked at, or take a pointer into memory.
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
_EXPLAIN = re.compile(r"^\s*explain\b\s*(analyze\b\s*|\([^()]*\)\s*)?", re.IGNORECASE)
# Space and comments.
_BETWEEN = r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"
# Why a text has no parse, the kinds of all of its parts, and the table functions that it calls.
_PARSED = """
    select
        case when parsed ->> 'error' = 'true' then parsed ->> 'error_message' end,
        json_extract_string(parsed, '$..type'),
        json_extract_string(parsed, '$..function.function_name')
    from (select json_serialize_sql(?::varchar)::json as parsed)
"""
_WRITING = frozenset({"copy", "insert", "update", "delete", "merge"})


def refuse_writing(con: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> None:
    """Raise CmrError for a statement that is not known to read alone."""
    text = str(statement.query)
    try:
        kind = statement.type
    except ValueError:
        # A kind that DuckDB has and its Python client has no name for.
        raise CmrError("cmr sql only reads; statements of this kind are refused") from None
    if kind == duckdb.StatementType.EXPLAIN:
        # EXPLAIN ANALYZE runs what it explains.
        try:
            inner = con.extract_statements(_EXPLAIN.sub("", text, count=1))
        except duckdb.Error:
            inner = []
        if len(inner) == 1 and not _EXPLAIN.match(str(inner[0].query)):
            return refuse_writing(con, inner[0])
    if kind == duckdb.StatementType.SELECT:
        return _check_select(con, text)
    if kind == duckdb.StatementType.MULTI and re.search(r"\bpivot", text, re.IGNORECASE):
        return _check_pivot(con, text)
    raise CmrError(f"cmr sql only reads; {kind.name.replace('_', ' ')} statements are refused")


def _check_select(con: duckdb.DuckDBPyConnection, text: str) -> None:
    try:
        ((failed, kinds, functions),) = con.execute(_PARSED, [text]).fetchall()
    except duckdb.Error as error:
        raise CmrError(explain(error)) from None
    if failed is not None:
        raise CmrError(f"cmr sql only reads, and cannot tell whether this does: {failed}")
    for kind in sorted({one for one in kinds if one.endswith("_NODE")} - _NODES):
        what = kind.removesuffix("_NODE").removesuffix("_QUERY").replace("_", " ")
        raise CmrError(f"cmr sql only reads; {what} is refused inside a query, too")
    unknown = {one.lower() for one in functions} - READING - _macros()
    # What DuckDB has not, it says itself, with what it has instead.
    for name in sorted(unknown & _functions(con) if unknown else ()):
        _refuse(name)


def _check_pivot(con: duckdb.DuckDBPyConnection, text: str) -> None:
    """Of a PIVOT whose values are in the data DuckDB gives no parse, so its words are looked at."""
    words = set(re.findall(r"\w+", text.lower()))
    for word in sorted(words & _WRITING):
        raise CmrError(f"cmr sql only reads; a PIVOT with {word.upper()} in it is refused")
    for word in sorted(words & (_functions(con) - READING - _macros())):
        if re.search(rf'\b{word}"?{_BETWEEN}\(', text, re.IGNORECASE | re.DOTALL):
            _refuse(word)


def _functions(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The names of all that can be called in a FROM clause."""
    rows = con.execute(
        "select distinct lower(function_name) from duckdb_functions() "
        "where function_type in ('table', 'table_macro', 'pragma')"
    ).fetchall()
    return {name for (name,) in rows}


def _refuse(name: str) -> None:
    raise CmrError(f"cmr sql only reads; the table function {name} is refused")


@cache
def _macros() -> frozenset[str]:
    """cmr's own table macros."""
    return frozenset(view.name for view in views("macros") if view.is_table_macro)
