"""`cmr doctor`: every check of `sql/checks`, and the classic mistakes of `sql/doubts`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import click

from cmr.cli.options import query_memory_option, warehouse_option
from cmr.cli.progress import progress
from cmr.cli.terminal import say

if TYPE_CHECKING:
    import duckdb


@click.command()
@warehouse_option
@query_memory_option
def doctor(warehouse: str) -> None:
    """Check the warehouse, and look for common mistakes in the data.

    A check that finds something, or a file that differs from what was written, means damage: exit
    code 1. A doubt is reported in one sentence per data set, model and direction: what looks wrong
    in the data, and where; the data may still be right. Each is a view, so
    `cmr sql "from check_ranks_range"` shows everything that it found.

    \b
    cmr doctor
    """
    import pyarrow as pa

    from cmr.answers import fetch
    from cmr.cli.printed_tables import print_table
    from cmr.cli.startup import without_pandas
    from cmr.errors import CmrError, DamageWarning
    from cmr.held import hold
    from cmr.sqlfiles import view_names, views
    from cmr.views import connect
    from cmr.warehouse.store import Store

    without_pandas()
    # All views are named, so that every file is compared with its checksum.
    asked = " ".join(view.name for view in views())
    with warnings.catch_warnings(record=True) as damage:
        warnings.simplefilter("always", DamageWarning)
        store = Store.open(warehouse)
        con = connect(store.root, asked)
    for one in damage:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    # Files that have not changed since the checks last saw them, by their checksums, give the same
    # findings. Several checks need metrics: these are recomputed, not taken from the stored ones.
    every = ("metrics", *view_names("checks"), *view_names("doubts"))
    with progress("checking", len(every), "checks") as advance:
        hold(con, store.storage, *every, advance=advance)
    rows = []
    for view in views("checks"):
        found = fetch(con, f"select count(*) as n from {view.name}")["n"][0].as_py()
        what = view.comment.split(". ")[0].split(": ")[0].rstrip(".")
        rows.append({"check": view.name, "rows": found, "finds": what})
    print_table(pa.Table.from_pylist(rows))
    bad = [str(row["check"]) for row in rows if row["rows"]]
    if not bad:
        say(f"all {len(rows)} checks pass")
    _tell_doubts(con)
    if bad:
        raise CmrError(f"{len(bad)} checks found something: {', '.join(bad)}")
    if damage:
        raise CmrError("what is damaged was left out; `cmr warehouse verify` lists every such file")


def _tell_doubts(con: duckdb.DuckDBPyConnection) -> None:
    """One line per doubt, data set, model and direction: its first row, and how many more."""
    from cmr.answers import fetch
    from cmr.sqlfiles import views

    names = [view.name for view in views("doubts")]
    told = 0
    for name in names:
        alike: dict[tuple[object, ...], list[dict[str, object]]] = {}
        for row in fetch(con, f"from {name} order by all").to_pylist():
            who = tuple(row.get(key) for key in ("dataset", "model", "direction", "modality"))
            alike.setdefault(who, []).append(row)
        for who, rows in alike.items():
            which = [rows[0].get(key) for key in ("dim", "precision")]
            where = " ".join(str(part) for part in (*who, *which) if part is not None)
            more = f'; {len(rows) - 1} more: cmr sql "from {name}"' if len(rows) > 1 else ""
            say(f"{name}: {where}: {rows[0]['says']}{more}")
        told += len(alike)
    if not told:
        say(f"none of the {len(names)} classic mistakes found")
