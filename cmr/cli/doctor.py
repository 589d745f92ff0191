"""`cmr doctor`: run every check of `sql/checks`."""

from __future__ import annotations

import click
import pyarrow as pa

from cmr.cli.options import warehouse_option


@click.command()
@warehouse_option
def doctor(warehouse: str) -> None:
    """Check the warehouse; exit code 1 if something is wrong.

    Every check is a view that lists offending rows, so `cmr sql "from check_ranks_range"` shows
    what was found.

    \b
    cmr doctor
    """
    from cmr.cli.tables import print_table
    from cmr.errors import CmrError
    from cmr.views import connect, fetch, views
    from cmr.warehouse.store import Warehouse

    con = connect(Warehouse.open(warehouse).root)
    rows = []
    for view in views("checks"):
        found = fetch(con, f"select count(*) as n from {view.name}")["n"][0].as_py()
        what = view.comment.split(". ")[0].split(": ")[0].rstrip(".")
        rows.append({"check": view.name, "rows": found, "finds": what})
    print_table(pa.Table.from_pylist(rows))
    bad = [str(row["check"]) for row in rows if row["rows"]]
    if bad:
        raise CmrError(f"{len(bad)} checks found something: {', '.join(bad)}")
    click.echo(f"all {len(rows)} checks pass")
