"""`cmr recommend`: the fewest bytes a vector that keep enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cmr.cli.options import warehouse_option

if TYPE_CHECKING:
    import duckdb

_MEASURES = ("hit_rate", "recall", "mrr", "ndcg")
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
@click.option("--qrels", help="Only these judgments.")
@click.option("--k", default=10, show_default=True, type=click.IntRange(1), help="Cut-off K.")
def recommend(
    warehouse: str,
    retain: float,
    dataset: str | None,
    model: str | None,
    qrels: str | None,
    k: int,
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
    con = open_for(Warehouse.open(warehouse), query + ", decisions", bar=progress)
    mine = [
        row
        for row in fetch(con, query).to_pylist()
        if row["measure"] in _MEASURES
        and dataset in (None, row["dataset"])
        and model in (None, row["model"])
        and qrels in (None, row["qrels"])
    ]
    rows = [row for row in mine if row["k"] in (None, k)]
    if not mine:
        raise CmrError("there are no such runs to choose from; `cmr evaluate` makes them")
    if not any(row["k"] for row in rows):
        there = ", ".join(map(str, sorted({row["k"] for row in mine if row["k"]})))
        raise CmrError(
            f"K = {k} was not evaluated, only {there}; `cmr evaluate --k {k}` adds it without "
            "scoring again"
        )
    print_table(
        pa.Table.from_pylist([_line(row) for row in rows]),
        title=f"Fewest bytes a vector that keep {retain:.1%}",
    )
    for of in dict.fromkeys(map(_of, rows)):
        click.echo(_sentence(con, of, [row for row in rows if _of(row) == of], retain, k))
    _print_costs(con, rows, k)


def _print_costs(con: duckdb.DuckDBPyConnection, rows: list[Row], k: int) -> None:
    """What those recommended cost in time, where `cmr bench` has measured them."""
    from cmr.cli.benched import hold
    from cmr.views import fetch, quoted

    runs = {row["run_id"] for row in rows if row["measure"] == "recall"} - {None}
    if not runs or not fetch(con, "from benches limit 1").num_rows:
        return
    hold(con)
    listed = ", ".join(map(quoted, sorted(runs)))
    said = fetch(
        con,
        f"""
        select sentence from decisions
        where run_id in ({listed}) and measure = 'recall' and k = {k} and throughput is not null
        """,
    )
    for sentence in said["sentence"].to_pylist():
        click.echo(f"{sentence}.")


def _of(row: Row) -> tuple[str, str, str, str]:
    return row["dataset"], row["qrels"], row["model"], row["scorer"]


def _sentence(
    con: duckdb.DuckDBPyConnection,
    of: tuple[str, str, str, str],
    rows: list[Row],
    retain: float,
    k: int,
) -> str:
    """The smallest representation that keeps every measure shown, in every direction."""
    from cmr.views import fetch, quoted

    data, qrels, model, scorer = map(quoted, of)
    found = fetch(
        con,
        f"""
        select
            dim, dim_method, precision, variant, vector_bytes, min(ci_low) as low,
            max(vector_bytes / base_bytes) as share
        from retention
        inner join (select run_id as baseline, vector_bytes as base_bytes from runs)
            using (baseline)
        where
            dataset = {data} and qrels = {qrels} and model = {model} and scorer = {scorer}
            and measure in {_MEASURES} and (k is null or k = {k})
        group by dim, dim_method, precision, variant, vector_bytes
        having bool_and(coalesce(ci_low >= {retain!r}, false)) and count(distinct direction) = (
            select count(distinct direction) from runs
            where dataset = {data} and qrels = {qrels} and model = {model} and scorer = {scorer}
        )
        order by vector_bytes, low desc limit 1
        """,
    ).to_pylist()
    native = all(row["baseline_is"] == "native fp32" for row in rows)
    basis = "the native fp32 vectors" if native else "the finest representation evaluated"
    hint = "" if native else " Evaluate --precisions fp32 to compare with native fp32."
    judged = "" if of[1] == "default" else f" judged by {of[1]}"
    who = f"{of[0]}{judged}, {of[2]}"
    if not found:
        return (
            f"{who}: no representation evaluated is sure to keep {retain:.1%} of {basis} in every "
            f"measure and direction.{hint}"
        )
    best = found[0]
    return (
        f"{who}: {_words(best)} is the smallest that is "
        f"sure to keep {retain:.1%} of {basis} in every measure and direction above: "
        f"{best['vector_bytes']:,} bytes a vector, {best['share']:.1%} of its size, at least "
        f"{best['low']:.2%} kept.{hint}"
    )


def _line(row: Row) -> Row:
    return {
        "dataset": row["dataset"],
        **({} if row["qrels"] == "default" else {"qrels": row["qrels"]}),
        "model": row["model"],
        **({} if row["scorer"] == "torch" else {"scorer": row["scorer"]}),
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
    return _words(row, prefix)


def _words(row: Row, prefix: str = "") -> str:
    text = f"{row[prefix + 'dim']} {row[prefix + 'dim_method']} {row[prefix + 'precision']}"
    return ", ".join(filter(None, [text, row[prefix + "variant"]]))
