"""The SQL shell: history, completion, and a few dot commands."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cmr.cli.printed_tables import print_table
from cmr.cli.progress import progress
from cmr.cli.terminal import say, stdout_bytes
from cmr.cli.written import write
from cmr.errors import CmrError

if TYPE_CHECKING:
    import duckdb
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import History

    from cmr.warehouse.store import Store

HELP = """\
SQL ends with a semicolon and may span several lines. Nothing can be changed.
.tables            views, by layer
.describe VIEW     a view's columns and what they mean
.format FORMAT     table, csv or json
.help              this
.quit              leave (or Ctrl-D)"""
_KEYWORDS = (
    *("select", "from", "where", "group by", "order by", "limit", "having", "join", "using", "on"),
    *("and", "or", "not", "in", "is", "null", "as", "with", "case", "when", "then", "else", "end"),
    *("distinct", "count", "sum", "avg", "min", "max", "filter", "over", "partition by"),
    *("union all", "desc", "describe", "summarize"),
)


def shell(con: duckdb.DuckDBPyConnection, warehouse: Store, sandbox: bool) -> None:
    """Read and answer until Ctrl-D; errors are printed and do not end it."""
    session = _session(con)
    say(f"cmr sql on {warehouse.root}; .help for help, Ctrl-D to leave", err=True)
    form = "table"
    while True:
        try:
            text = session.prompt("cmr> ").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if text in (".quit", ".exit"):
            return
        try:
            form = _answer(con, warehouse, text, form, sandbox)
        except CmrError as error:
            say(str(error), err=True)
        except KeyboardInterrupt:
            say("stopped", err=True)


def _answer(
    con: duckdb.DuckDBPyConnection, warehouse: Store, text: str, form: str, sandbox: bool
) -> str:
    """Execute one line; returns the format in effect afterwards."""
    word, _, rest = text.partition(" ")
    rest = rest.strip().rstrip(";")
    if not text:
        return form
    if word == ".help":
        say(HELP)
    elif word == ".tables":
        _print_views(con)
    elif word in (".describe", ".d"):
        _describe(con, rest)
    elif word == ".format":
        if rest not in ("table", "csv", "json"):
            raise CmrError("the formats are table, csv and json")
        return rest
    elif word.startswith("."):
        raise CmrError(f"there is no command {word}; .help lists them")
    else:
        _print_result(con, warehouse, text, form, sandbox)
    return form


def _print_result(
    con: duckdb.DuckDBPyConnection, warehouse: Store, text: str, form: str, sandbox: bool
) -> None:
    from cmr.api.query import run_query

    table = run_query(con, text, warehouse, progress, sandbox=sandbox, shown=form == "table")
    if form != "table":
        write(table, form, stdout_bytes())
        return
    height = os.get_terminal_size().lines if sys.stdout.isatty() else 0
    # A terminal that does not know its height reports 0.
    if not height or table.num_rows < height - 4:
        print_table(table)
        return
    import io

    page = io.StringIO()
    print_table(table, file=page)
    click.echo_via_pager(page.getvalue())


def _print_views(con: duckdb.DuckDBPyConnection) -> None:
    from cmr.answers import fetch
    from cmr.sqlfiles import views

    layers = {view.name: view.layer for view in views()}
    found = fetch(
        con,
        "select view_name as name, comment from duckdb_views() where not internal "
        "and database_name = 'memory' union all "
        "select function_name || '(' || array_to_string(parameters, ', ') || ')', comment "
        "from duckdb_functions() where not internal and function_type = 'table_macro'",
    )
    order = ("marts", "macros", "staging", "checks", "doubts", "intermediate")
    rows = sorted(
        (row | {"layer": layers[row["name"].partition("(")[0]]} for row in found.to_pylist()),
        key=lambda row: (order.index(row["layer"]), row["name"]),
    )
    import pyarrow as pa

    print_table(
        pa.table(
            {
                "view": [row["name"] for row in rows],
                "layer": [row["layer"] for row in rows],
                "what it holds": [(row["comment"] or "").split(". ")[0] for row in rows],
            }
        )
    )


def _describe(con: duckdb.DuckDBPyConnection, view: str) -> None:
    from cmr.answers import fetch
    from cmr.sqlfiles import view_names

    if view not in view_names():
        raise CmrError(f"there is no view {view!r}; .tables lists them")
    print_table(
        fetch(
            con,
            'select column_name as "column", data_type as type, comment as "what it means" '
            f"from duckdb_columns() where table_name = '{view}' and database_name = 'memory' "
            "order by column_index",
        )
    )


def _session(con: duckdb.DuckDBPyConnection) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.lexers import PygmentsLexer
    from pygments.lexers.sql import SqlLexer

    from cmr.answers import fetch
    from cmr.sqlfiles import view_names

    columns = fetch(con, "select distinct column_name from duckdb_columns() where not internal")
    words = [*view_names(), *columns["column_name"].to_pylist(), *_KEYWORDS]
    session: PromptSession[str] = PromptSession(
        history=_history(),
        completer=WordCompleter(sorted(set(words)), ignore_case=True),
        lexer=PygmentsLexer(SqlLexer),
        complete_while_typing=False,
    )

    @Condition
    def unfinished() -> bool:
        text = session.default_buffer.text.strip()
        return bool(text) and not text.startswith(".") and not text.endswith(";")

    session.multiline = unfinished
    return session


def _history() -> History:
    """History in the user's configuration, or for this session only if that cannot be written."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    folder = Path(click.get_app_dir("cmr"))
    path = folder / "sql_history"
    # Without a home it would be created in the current folder.
    if folder.is_absolute():
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            return FileHistory(str(path))
    return InMemoryHistory()
