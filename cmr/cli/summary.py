"""The answer in small: what evaluate and demo end with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import pyarrow as pa

from cmr.cli.tables import print_table

if TYPE_CHECKING:
    import duckdb

_COLUMNS = """
    direction, dim, dim_method as method, precision, scorer, variant, vector_bytes as bytes,
    hit_rate_1 as "hit@1", recall_10 as "recall@10", recall_10_low as low,
    recall_10_high as high, mrr, ndcg_10 as "ndcg@10", lift_10 as lift
"""


def ask(warehouse: str, run_ids: Sequence[str]) -> duckdb.DuckDBPyConnection:
    """Compute the metrics of these runs; what `print_answer` then prints cannot fail."""
    from cmr.cli.progress import progress
    from cmr.materialised import open_for
    from cmr.warehouse.store import Warehouse

    con = open_for(Warehouse.open(warehouse), "from leaderboard, tradeoffs", run_ids, progress)
    con.register("asked", pa.table({"run_id": pa.array(list(run_ids), pa.string())}))
    return con


def print_answer(con: duckdb.DuckDBPyConnection, losses: bool = False) -> None:
    """Print the leaderboard, one sentence, and with `losses` what each precision keeps."""
    _print_leaderboard(con)
    if losses:
        _print_losses(con)
    _print_sentence(con)


def _print_leaderboard(con: duckdb.DuckDBPyConnection) -> None:
    """The leading protocol at its largest C, best first: `expected` where there is one."""
    from cmr.views import fetch

    board = fetch(
        con,
        f"""
        with mine as (from leaderboard semi join asked using (run_id)),
        chosen as (
            from mine select protocol, candidates, direction
            where recall_10 is not null
            qualify row_number() over (
                partition by direction
                order by list_position(['expected', 'full', 'sampled'], protocol), candidates desc
            ) = 1
        )
        select protocol, candidates as c, {_COLUMNS}
        from mine semi join chosen using (protocol, candidates, direction)
        order by direction, recall_10 desc, vector_bytes
        """,
    )
    found = {(row["direction"], row["protocol"], row["c"]) for row in board.to_pylist()}
    what = "; ".join(f"{way}: {name}, C = {size:,}" for way, name, size in sorted(found))
    hidden = ["protocol", "c"]
    # What is usual need not be said.
    hidden += ["scorer"] if set(board["scorer"].to_pylist()) == {"torch"} else []
    hidden += ["variant"] if not any(board["variant"].to_pylist()) else []
    print_table(board.drop_columns(hidden), title=f"Leaderboard ({what})")


def _print_sentence(con: duckdb.DuckDBPyConnection) -> None:
    """One sentence: the smallest representation that is sure to keep 99% of recall@10."""
    from cmr.views import fetch

    rows = fetch(
        con,
        """
        from tradeoffs
        semi join asked using (run_id)
        inner join (select run_id, variant as how from runs) as said using (run_id)
        select
            dim, dim_method, precision, scorer, how, vector_bytes,
            max(bytes_share) as share,
            min(recall_10_kept_low) as low,
            string_agg(distinct direction, ' and ' order by direction) as ways,
            bool_and(baseline_is = 'native fp32') as is_native
        group by dim, dim_method, precision, scorer, how, vector_bytes
        order by vector_bytes, low desc
        """,
    ).to_pylist()
    kept = [row for row in rows if row["low"] is not None and row["low"] >= 0.99]
    if kept:
        best = kept[0]
        of = "native fp32" if best["is_native"] else "the finest one evaluated"
        scorer = None if best["scorer"] == "torch" else best["scorer"]
        name = f"{best['dim']} {best['dim_method']} {best['precision']}"
        name = ", ".join(filter(None, [name, scorer, best["how"]]))
        click.echo(
            f"{name} ({best['vector_bytes']:,} "
            f"bytes a vector) is the smallest that is sure to keep 99% of {of}'s recall@10, "
            f"{best['ways']}, over the whole gallery: at least {best['low']:.2%} in "
            f"{best['share']:.1%} of its bytes."
        )


def _print_losses(con: duckdb.DuckDBPyConnection) -> None:
    """What one gives up with each precision, against the baseline."""
    from cmr.views import fetch

    losses = fetch(
        con,
        """
        from tradeoffs semi join asked using (run_id)
        select
            dim, precision, vector_bytes as bytes, bytes_share as "bytes kept",
            max(recall_10_kept) filter (direction = 't2v') as "t2v recall@10 kept",
            max(recall_10_kept) filter (direction = 'v2t') as "v2t recall@10 kept",
            max(mrr_kept) filter (direction = 't2v') as "t2v mrr kept",
            bool_or(pareto) as pareto
        group by all
        order by bytes desc, dim desc, precision
        """,
    )
    print_table(losses, title="What each representation keeps")
