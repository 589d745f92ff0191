"""The SQL shell: queries and a few dot commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmr.cli.paging import paged
from cmr.cli.printed_tables import print_table
from cmr.cli.progress import progress
from cmr.cli.terminal import say, stdout_bytes
from cmr.cli.written import write
from cmr.errors import CmrError
from cmr.progressbar import waiting
from cmr.suggestions import suggestion

if TYPE_CHECKING:
    import duckdb

    from cmr.warehouse.store import Store

HELP = """\
SQL ends with a semicolon and may span several lines; of several statements each result is shown.
Nothing can be changed. Tab completes commands, words of SQL, columns and views, and in quotes the
names of data sets, models, judgments and runs.
.tables            views, by layer
.describe VIEW     a view's columns and what they mean
.format FORMAT     table, csv or json
.help              this
.quit              leave (or exit, quit, \\q, Ctrl-D)"""


def shell(con: duckdb.DuckDBPyConnection, warehouse: Store, sandbox: bool) -> None:
    """Read and answer until Ctrl-D; errors are printed and do not end it."""
    from cmr.cli.sql_prompt import PROMPT, leaves, session

    prompt = session(con, warehouse).prompt
    say(f"cmr sql on {warehouse.root}; .help for help, Ctrl-D to leave", err=True)
    form = "table"
    while True:
        try:
            text = prompt(PROMPT).strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if leaves(text):
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
    from cmr.cli.sql_prompt import COMMANDS, DESCRIBING, FORMATS

    word, _, rest = text.partition(" ")
    rest = rest.strip().rstrip(";")
    if not text:
        return form
    if word == ".help":
        say(HELP)
    elif word == ".tables":
        with paged():
            _print_views(con)
    elif word in DESCRIBING:
        with paged():
            _describe(con, rest)
    elif word == ".format":
        if rest not in FORMATS:
            raise CmrError("the formats are table, csv and json")
        return rest
    elif word.startswith("."):
        raise CmrError(f"there is no command {word}; .help lists them{suggestion(word, COMMANDS)}")
    else:
        _print_results(con, warehouse, text, form, sandbox)
    return form


def _print_results(
    con: duckdb.DuckDBPyConnection, warehouse: Store, text: str, form: str, sandbox: bool
) -> None:
    from cmr.api.query import each_result

    tables = each_result(con, text, warehouse, progress, sandbox)
    if form != "table":
        for table in tables:
            write(table, form, stdout_bytes())
        return
    with paged(), waiting(progress, "answering"):
        for table in tables:
            print_table(table)


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
        raise CmrError(
            f"there is no view {view!r}; .tables lists them{suggestion(view, view_names())}"
        )
    print_table(
        fetch(
            con,
            'select column_name as "column", data_type as type, comment as "what it means" '
            f"from duckdb_columns() where table_name = '{view}' and database_name = 'memory' "
            "order by column_index",
        )
    )
