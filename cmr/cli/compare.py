"""`cmr compare`: paired differences of runs, query by query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cmr.cli.options import warehouse_option

_MEASURES = ("hit_rate", "recall", "mrr", "ndcg", "map")
_SHOWN = ("measure", "k", "value_a", "value_b", "difference", "ci_low", "ci_high", "p", "p_holm")
_NAMES = {"value_a": "a", "value_b": "b", "difference": "b - a", "ci_low": "low", "ci_high": "high"}
Row = dict[str, Any]


@click.command()
@click.argument("a")
@click.argument("b", nargs=-1, required=True)
@warehouse_option
@click.option(
    "--pools",
    type=click.Choice(["full", "expected", "sampled"]),
    default="full",
    show_default=True,
    help="Over the whole gallery, or over candidate pools.",
)
@click.option("--k", default=10, show_default=True, type=click.IntRange(1), help="Cut-off K.")
@click.option("--all", "everything", is_flag=True, help="Every measure and K.")
def compare(
    a: str, b: tuple[str, ...], warehouse: str, pools: str, k: int, everything: bool
) -> None:
    """Compare runs B with run A on the same queries.

    A and B are the start of a run's id, or settings: dim=512,precision=fp16. What is not named
    is compared like with like. Intervals and p-values are paired by query and clustered by
    visual item; p_holm is corrected by Holm's method for all rows shown.

    \b
    cmr compare precision=fp16,dim=512 precision=int4,dim=512
    cmr compare precision=fp16,dim=512 precision=int8,dim=512 precision=int4,dim=512
    cmr compare 3f0c 81d2 --pools expected
    """
    from cmr.cli.select import pairs
    from cmr.views import connect, fetch, quoted
    from cmr.warehouse.schemas import RUNS
    from cmr.warehouse.store import Warehouse

    opened = Warehouse.open(warehouse)
    runs = opened.catalogue(RUNS)
    wanted = [pair for one in b for pair in pairs(runs, a, one)]
    con = connect(opened.root)
    found = []
    for left, right in wanted:
        ids = f"{quoted(left['run_id'])}, {quoted(right['run_id'])}"
        rows = fetch(con, f"from compare({ids}, pools := {quoted(pools)})").to_pylist()
        kept = rows if everything else [row for row in rows if _asked(row, k)]
        found.append((left, right, kept))
    _correct([row for _, _, rows in found for row in rows])
    for left, right, rows in found:
        _print(left, right, rows)


def _asked(row: Row, k: int) -> bool:
    return row["measure"] in _MEASURES and row["k"] in (None, k)


def _correct(rows: Sequence[Row]) -> None:
    """Holm (1979) over everything that is shown, in place."""
    tested = sorted((row for row in rows if row["p"] is not None), key=lambda row: row["p"])
    largest = 0.0
    for place, row in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - place) * row["p"]))
        row["p_holm"] = largest


def _print(left: Row, right: Row, rows: Sequence[Row]) -> None:
    import pyarrow as pa

    from cmr.cli.tables import print_table

    table = [
        {
            **({"C": row["candidates"]} if row["protocol"] != "full" else {}),
            **{_NAMES.get(name, name): row[name] for name in _SHOWN},
            "wins/losses/ties": f"{row['wins']}/{row['losses']}/{row['ties']}",
        }
        for row in rows
    ]
    order = sorted(table, key=lambda row: (row.get("C") or 0, str(row["measure"]), row["k"] or 0))
    title = f"{left['dataset']} {left['direction']}: a = {_say(left)}, b = {_say(right)}"
    print_table(pa.Table.from_pylist(order), title=title)


def _say(row: Row) -> str:
    return f"{row['dim']} {row['dim_method']} {row['precision']} ({row['run_id'][:8]})"
