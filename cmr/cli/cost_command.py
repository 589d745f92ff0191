"""`cmr cost`: machines and money for a service, from measured bytes and throughput."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cmr.cli.options import Whole, query_memory_option, warehouse_option
from cmr.cli.terminal import say
from cmr.pipeline.option_values import LARGEST_LONG
from cmr.progressbar import waiting
from cmr.rows import Row

if TYPE_CHECKING:
    from cmr.api.prices import Prices

_COUNT = Whole(1, LARGEST_LONG)
# Times as many items as were measured, above which a warning is given.
FAR = 10


@click.command()
@warehouse_option
@query_memory_option
@click.option("--items", required=True, type=_COUNT, help="Items of the gallery.")
@click.option("--qps", required=True, type=_COUNT, help="Queries a second.")
@click.option(
    "--p99", default=100, show_default=True, type=_COUNT,
    help="Milliseconds that 99 of 100 queries may take at most.",
)  # fmt: skip
@click.option(
    "--prices", type=click.Path(path_type=Path), help="A TOML file.  [default: that of cmr]"
)
def cost(warehouse: str, items: int, qps: int, p99: int, prices: Path | None) -> None:
    """What it costs a month to serve so many items, for every contender measured under load.

    From the bytes a vector in the index and the throughput that `cmr bench --clients` measured: how
    many machines hold the vectors, how many answer the queries, and which of the priced ones cost
    least. What was not measured is left out, and what is assumed is said.

    \b
    cmr bench --scorers faiss-flat,pgvector --clients 1,4,16
    cmr cost --items 100000000 --qps 1000 --p99 50
    cmr cost --items 1000000 --qps 50 --prices mine.toml
    """
    import pyarrow as pa

    import cmr
    from cmr.api import prices as priced
    from cmr.api.costs import costs
    from cmr.cli.printed_tables import print_table
    from cmr.cli.progress import progress
    from cmr.cli.startup import without_pandas

    without_pandas()
    listed = priced.prices(prices or priced.OWN)
    with waiting(progress, "reckoning"):
        found = costs(cmr.open(warehouse).store, items, qps, p99, listed, progress)
    if found.rows:
        print_table(
            pa.Table.from_pylist([_line(row) for row in found.rows]),
            title=f"{items:,} items at {qps:,} queries/s, p99 within {p99:,} ms",
        )
    if found.slow:
        say(f"Left out, because p99 was longer when it was measured: {', '.join(found.slow)}.")
    if found.unknown:
        say(
            "Left out, because it is not known what their searches read, or because an accelerator "
            f"made them: {', '.join(found.unknown)}; `cmr bench --clients … --force` measures anew."
        )
    if found.rows:
        say(_assumed(found.rows, listed))


def _line(row: Row) -> Row:
    from cmr.report.named import estimate

    kept = None
    if row["kept"] is not None:
        kept = estimate(row["kept"], row["kept_low"], row["kept_high"])
    return {
        "contender": row["contender"],
        "kept": kept,
        "bytes": round(row["bytes"]),
        "USD/month": round(row["usd_month"]),
        "machines": row["machines"],
        "of": row["machine"],
        "for memory": row["for_memory"],
        "shards": row["shards"],
        "replicas": row["replicas"],
        "clients": row["clients"],
        "queries/s measured": round(row["measured_qps"]),
        "p99 ms measured": row["measured_p99_ms"],
        "at items": row["measured_items"],
        "time grows": "as measured" if row["reads"] == "graph" else "in proportion",
    }


def _assumed(rows: list[Row], listed: Prices) -> str:
    sizes = sorted({row["measured_items"] for row in rows})
    times = max(row["items_here"] / row["measured_items"] for row in rows)
    beyond = (
        f" A machine holds up to {times:,.0f} times as many items as were measured: a small "
        "gallery lies in the processor's cache, and what a query costs in any gallery counts as if "
        "it grew, so measure one of that size before you believe the money."
        if times > FAR
        else ""
    )
    return (
        f"All is measured at {', '.join(f'{size:,}' for size in sizes)} items. What reads "
        "everything, or lists, is assumed to take time in proportion to the items of its machine; "
        "of graphs throughput and p99 are taken as they were measured with so many items, and are "
        "not extrapolated. Bytes a vector are as measured, so what is fixed, such as rotations, "
        "counts as if it grew. A machine is assumed to answer as many times more as it has more "
        "virtual processors than the measured one has cores. Network, and waiting for the slowest "
        f"of several shards, are left out. Vectors take at most {listed.ram_share:.0%} of a "
        f"machine's memory.{beyond} Prices: {listed.source}, {listed.date}."
    )
