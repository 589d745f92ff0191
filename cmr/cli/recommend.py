"""`cmr recommend`: the fewest bytes a vector that keep enough."""

from __future__ import annotations

from typing import Any

import click

from cmr.cli.options import warehouse_option

Row = dict[str, Any]


@click.command()
@warehouse_option
@click.option(
    "--retain",
    default=0.99,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of the baseline's measure to keep.",
)
@click.option("--dataset", help="Only this data set.")
@click.option("--model", help="Only this model.")
@click.option("--k", default=10, show_default=True, type=click.IntRange(1), help="Cut-off K.")
def recommend(
    warehouse: str, retain: float, dataset: str | None, model: str | None, k: int
) -> None:
    """Find the smallest representation that keeps a share of the fp32 native one's quality.

    "sure" is the smallest whose 95% interval of retention lies above the share; "perhaps" the
    smallest whose estimate does, which another sample of queries may not confirm.

    \b
    cmr recommend
    cmr recommend --retain 0.95 --dataset coco
    """
    import pyarrow as pa

    from cmr.cli.progress import progress
    from cmr.cli.tables import print_table
    from cmr.errors import CmrError
    from cmr.materialised import open_for
    from cmr.views import fetch
    from cmr.warehouse.store import Warehouse

    query = f"from recommend(retain := {retain!r})"
    con = open_for(Warehouse.open(warehouse), query, bar=progress)
    rows = [
        row
        for row in fetch(con, query).to_pylist()
        if row["k"] in (None, k)
        and row["measure"] in ("hit_rate", "recall", "mrr", "ndcg")
        and dataset in (None, row["dataset"])
        and model in (None, row["model"])
    ]
    if not rows:
        raise CmrError("there are no runs to choose from; `cmr evaluate` makes them")
    print_table(
        pa.Table.from_pylist([_line(row) for row in rows]),
        title=f"Fewest bytes a vector that keep {retain:.1%}",
    )
    for basis in sorted({str(row["baseline_is"]) for row in rows}):
        if basis == "native fp32":
            click.echo("Kept of the native fp32 vectors' measure.")
        else:
            click.echo(
                "Kept of the finest representation evaluated; evaluate native fp32 "
                "(--precisions fp32 at the native dimension) to compare with that."
            )


def _line(row: Row) -> Row:
    return {
        "dataset": row["dataset"],
        "model": row["model"],
        "direction": row["direction"],
        "measure": row["measure"] if row["k"] is None else f"{row['measure']}@{row['k']}",
        "sure": _say(row, ""),
        "bytes": row["vector_bytes"],
        "kept": row["retention"],
        "low": row["ci_low"],
        "high": row["ci_high"],
        "perhaps": _say(row, "point_"),
        "bytes ": row["point_vector_bytes"],
        "kept ": row["point_retention"],
    }


def _say(row: Row, prefix: str) -> str:
    if row[f"{prefix}run_id"] is None:
        return "none"
    return f"{row[prefix + 'dim']} {row[prefix + 'dim_method']} {row[prefix + 'precision']}"
