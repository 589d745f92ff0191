"""`cmr sql`: read-only queries over the warehouse."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING

import click

from cmr.cli.options import warehouse_option
from cmr.errors import CmrError

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "csv", "json", "parquet")


@click.command()
@click.argument("query", required=False)
@warehouse_option
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False), help="File to write instead of stdout.")
def sql(query: str | None, warehouse: str, form: str, output: str | None) -> None:
    """Ask the warehouse anything in SQL; nothing can be changed.

    Without QUERY a shell opens; with `-`, or when stdin is no terminal, the query is read from
    stdin. `.tables` and `.describe metrics` in the shell show what there is.

    \b
    cmr sql "from leaderboard"
    cmr sql "select dim, precision, value from metrics
             where measure = 'recall' and k = 10 and protocol = 'full'" --format csv
    cmr sql "from ranks" --format parquet --output ranks.parquet
    """
    import cmr
    from cmr.cli.progress import progress
    from cmr.cli.tables import print_table

    opened = cmr.open(warehouse)
    if query == "-" or (query is None and not sys.stdin.isatty()):
        query = sys.stdin.read()
    if query is None:
        from cmr.cli.shell import shell

        shell(opened.connect(), opened.store)
        return
    table = opened.sql(query, bar=progress).arrow()
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise CmrError("Parquet is not for terminals; give --output FILE or pipe it")
    if output is None and form == "table":
        print_table(table)
    elif output is None:
        write(table, form, sys.stdout.buffer)
    else:
        _to_file(table, form, output)


def write(table: pa.Table, form: str, out: IO[bytes]) -> None:
    """Write a table as csv, json or parquet bytes, as `cmr export` does."""
    from cmr.export import csv, json, parquet

    writers = {"csv": csv.write_rows, "json": json.write_rows, "parquet": parquet.write_rows}
    writers[form](table.to_reader(), out)


def _to_file(table: pa.Table, form: str, output: str) -> None:
    """Write a file, which appears whole or not at all."""
    from cmr.cli.tables import print_table
    from cmr.export.target import replacing

    with replacing(output, force=True) as path:
        if form == "table":
            with path.open("w", encoding="utf-8") as text:
                print_table(table, file=text)
        else:
            with path.open("wb") as stream:
                write(table, form, stream)
    click.echo(output, err=True)
