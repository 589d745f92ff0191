"""`cmr sql`: read-only queries over the warehouse."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cmr.cli.options import query_memory_option, sandbox_option, warehouse_option
from cmr.cli.paging import paged
from cmr.cli.terminal import read_stdin, say, stdout_bytes
from cmr.cli.written import write
from cmr.errors import CmrError
from cmr.progressbar import waiting

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "csv", "json", "parquet")


@click.command()
@click.argument("query", required=False)
@warehouse_option
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False), help="File to write instead of stdout.")
@sandbox_option
@query_memory_option
def sql(query: str | None, warehouse: str, form: str, output: str | None, sandbox: bool) -> None:
    """Ask the warehouse anything in SQL; nothing can be changed.

    A query reads the warehouse and local files, named as in `from 'more.csv'`; with --sandbox only
    the warehouse. Nothing is fetched from a network.

    Several statements are separated by semicolons: every result is printed as a table, while csv,
    json and parquet hold the last. On a terminal, what is longer than the screen is shown by
    $PAGER, or less.

    Without QUERY a shell opens; with `-`, or if stdin is not a terminal, the query is read from
    stdin. `.tables` and `.describe metrics` in the shell show what there is.

    \b
    cmr sql "from leaderboard"
    cmr sql "select dim, precision, value from metrics
             where measure = 'recall' and k = 10 and protocol = 'full'" --format csv
    cmr sql "from ranks" --format parquet --output ranks.parquet
    """
    from cmr.api.query import each_result, run_query
    from cmr.cli.printed_tables import print_table
    from cmr.cli.progress import progress
    from cmr.cli.startup import without_pandas
    from cmr.views import connect
    from cmr.warehouse.store import Store

    without_pandas()
    store = Store.open(warehouse)
    if query == "-" or (query is None and not sys.stdin.isatty()):
        query = read_stdin()
    if query is None:
        from cmr.cli.shell import shell

        shell(connect(store.root), store, sandbox)
        return
    # The views are bound to the warehouse later, when it is known what the query reads.
    con = connect(store.root, "")
    if form == "table":
        tables = each_result(con, query, store, progress, sandbox)
        if output is not None:
            with waiting(progress, "answering"):
                found = list(tables)
            _to_file(found, form, output)
            return
        with paged(), waiting(progress, "answering"):
            for table in tables:
                print_table(table)
        return
    with waiting(progress, "answering"):
        last = run_query(con, query, store, progress, sandbox=sandbox)
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise CmrError("Parquet is not for terminals; give --output FILE or pipe it")
    if output is None:
        write(last, form, stdout_bytes())
    else:
        _to_file([last], form, output)


def _to_file(tables: Sequence[pa.Table], form: str, output: str) -> None:
    """Write a file atomically, replacing an existing one; tables as text may be several."""
    from cmr.cli.printed_tables import print_table
    from cmr.export.target import opened, replacing

    with replacing(output, force=True) as path, opened(path) as stream:
        if form == "table":
            with io.TextIOWrapper(stream, encoding="utf-8", errors="replace") as text:
                for table in tables:
                    print_table(table, file=text)
        else:
            write(tables[-1], form, stream)
    say(output, err=True)
