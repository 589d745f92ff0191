"""`cmr doctor`: every check of `sql/checks`, and the classic mistakes of `sql/doubts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cmr.cli.options import query_memory_option, warehouse_option
from cmr.cli.terminal import say

if TYPE_CHECKING:
    import duckdb

# Doubts that are told in full; of more the rest is counted.
_TOLD = 3


@click.command()
@warehouse_option
@query_memory_option
def doctor(warehouse: str) -> None:
    """Check the warehouse, and look for the classic mistakes.

    A check that finds something means damage: exit code 1. A doubt is told in plain words: what
    looks wrong in the data and where; it may be right. Each is a view, so
    `cmr sql "from check_ranks_range"` shows what was found.

    \b
    cmr doctor
    """
    import pyarrow as pa

    from cmr.cli.tables import print_table
    from cmr.errors import CmrError
    from cmr.sqlfiles import views
    from cmr.views import connect, fetch
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
    say(f"all {len(rows)} checks pass")
    _tell_doubts(con)


def _tell_doubts(con: duckdb.DuckDBPyConnection) -> None:
    from cmr.sqlfiles import views
    from cmr.views import fetch

    names = [view.name for view in views("doubts")]
    told = 0
    for name in names:
        found = fetch(con, f"from {name}").to_pylist()
        told += bool(found)
        for row in found[:_TOLD]:
            where = " ".join(
                str(row[key])
                for key in ("dataset", "model", "direction", "modality", "dim", "precision")
                if row.get(key) is not None
            )
            who = where or f"run {row['run_id']}"
            say(f"{name}: {who}: {row['says']}")
        if len(found) > _TOLD:
            say(f'{name}: {len(found) - _TOLD} more; cmr sql "from {name}"')
    if not told:
        say(f"none of the {len(names)} classic mistakes in sight")
