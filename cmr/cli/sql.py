"""`cmr sql`: read-only queries over the warehouse."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

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
    if output is None:
        _quietly(table, form)
    else:
        _to_file(table, form, output)


def write(table: pa.Table, form: str, out: IO[bytes]) -> None:
    """Write a table as csv, json or parquet bytes."""
    if form == "csv":
        import polars

        frame = polars.from_arrow(_plain(table))
        assert isinstance(frame, polars.DataFrame)
        # Through memory: Polars' own writing to a pipe hides that its reader has left.
        out.write(frame.write_csv().encode())
    elif form == "json":
        import json

        rows = [{name: _json(value) for name, value in row.items()} for row in table.to_pylist()]
        out.write(json.dumps(rows, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n")
    else:
        from cmr.warehouse.export import write_parquet

        write_parquet(table, out)


def _plain(table: pa.Table) -> pa.Table:
    """What CSV has no form for as text: nested values as JSON, bytes as hex, intervals."""
    import pyarrow as pa

    kept = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_decimal,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_timestamp,
        pa.types.is_date,
        pa.types.is_time,
    )
    columns = {}
    for field in table.schema:
        column = table[field.name]
        if not any(test(field.type) for test in kept):
            column = pa.array([_as_text(value) for value in column.to_pylist()], pa.string())
        columns[field.name] = column
    return pa.table(columns)


def _as_text(value: Any) -> str | None:
    import json

    plain = _json(value)
    return plain if plain is None or isinstance(plain, str) else json.dumps(plain)


def _json(value: Any) -> Any:
    """A value that JSON has: no NaN, times in ISO form, bytes as hex."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_json(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _json(one) for key, one in value.items()}
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _quietly(table: pa.Table, form: str) -> None:
    """Write to stdout; a reader that leaves early, such as head, is no error."""
    from cmr.cli.tables import print_table

    try:
        if form == "table":
            print_table(table)
        else:
            write(table, form, sys.stdout.buffer)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain again when it closes stdout on the way out.
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _to_file(table: pa.Table, form: str, output: str) -> None:
    """Write a file under another name first, so that it appears whole."""
    import os
    from pathlib import Path

    part = Path(f"{output}.part")
    try:
        if form == "table":
            from cmr.cli.tables import print_table

            with part.open("w", encoding="utf-8") as text:
                print_table(table, file=text)
        else:
            with part.open("wb") as stream:
                write(table, form, stream)
        os.replace(part, output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CmrError(f"cannot write {output}: {error.strerror or error}") from None
    click.echo(output, err=True)
