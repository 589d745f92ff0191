"""The answer in small: what evaluate and demo end with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cmr.cli.tables import print_table
from cmr.cli.terminal import say

if TYPE_CHECKING:
    import duckdb

    from cmr.report.subject import Subject

RETAIN = 0.99
# Rows of the table for each direction; the rest are counted.
_MOST = 12
Row = dict[str, Any]


def ask(warehouse: str, run_ids: Sequence[str]) -> duckdb.DuckDBPyConnection:
    """Compute the metrics of these runs; what `print_answer` then prints cannot fail."""
    from cmr.cli.progress import progress
    from cmr.materialised import open_for
    from cmr.warehouse.store import Warehouse

    con = open_for(
        Warehouse.open(warehouse),
        "from leaderboard, tradeoffs, retention, metrics, runs",
        run_ids,
        progress,
    )
    con.register("asked", pa.table({"run_id": pa.array(list(run_ids), pa.string())}))
    return con


def print_answer(con: duckdb.DuckDBPyConnection) -> None:
    """Print a compact table and a sentence for each data set, judgments, model and scorer."""
    from cmr.report.subject import subjects
    from cmr.views import fetch

    run_ids = [row["run_id"] for row in fetch(con, "from asked").to_pylist()]
    for subject in subjects(con, run_ids):
        _print_leaderboard(con, subject)
        say(_sentence(con, subject))
    _print_lists(con)


def _print_lists(con: duckdb.DuckDBPyConnection) -> None:
    """Searches that return lists: what is known of them, over the whole gallery."""
    from cmr.views import fetch

    found = fetch(
        con,
        """
        select
            direction as way, concat_ws(', ', concat_ws(' ', dim, dim_method, precision),
                nullif(scorer, 'torch'), nullif(variant, '')) as search,
            any_value(vector_bytes) as bytes,
            max(value) filter (where measure = 'recall') as "recall@10",
            max(value) filter (where measure = 'ann_recall') as "ann_recall@10"
        from metrics
        semi join asked using (run_id)
        inner join (
            select run_id, vector_bytes from runs where list_length is not null
        ) as listed using (run_id)
        where protocol = 'full' and k = 10
        group by run_id, way, search
        order by way, "recall@10" desc, bytes, search
        """,
    )
    if found.num_rows:
        print_table(found, title="Searches that return lists, whole gallery")
        say(
            "ann_recall: agreement of a list with an exact search; what would need ranks beyond "
            "it is NULL"
        )


def _print_leaderboard(con: duckdb.DuckDBPyConnection, subject: Subject) -> None:
    """The leading protocol at its largest C, best first: `expected` where there is one."""
    from cmr.report.subject import LEADING
    from cmr.views import fetch

    rows = fetch(
        con,
        f"""
        with mine as (
            from leaderboard
            semi join (select run_id from runs where {subject.condition}) using (run_id)
        )
        select
            mine.*, recall_10_kept, pareto_bytes,
            row_number() over (
                partition by mine.direction
                order by round(mine.recall_10, 10) desc, mine.vector_bytes, run_id
            ) as place,
            count(*) over (partition by mine.direction) as runs
        from (
            from mine
            qualify dense_rank() over (
                partition by direction
                order by list_position({list(LEADING)}, protocol), candidates desc
            ) = 1
        ) as mine
        left join (select run_id, recall_10_kept, pareto_bytes from tradeoffs) using (run_id)
        order by mine.direction, place
        """,
    ).to_pylist()
    shown = [row for row in rows if row["place"] <= _MOST]
    pools = {
        row["direction"]: "whole gallery"
        if row["protocol"] == "full"
        else f"{row['protocol']}, C = {row['candidates']:,}"
        for row in rows
    }
    print_table(
        pa.Table.from_pylist([_line(row) for row in shown]),
        title=_title(subject) + "; ".join(f"{way}: {what}" for way, what in pools.items()),
    )
    say("±: half the 95% interval; kept: of the baseline, whole gallery; *: Pareto front")
    if len(rows) > len(shown):
        say(f'{len(rows) - len(shown)} more: cmr sql "from leaderboard"')


def _title(subject: Subject) -> str:
    """What is usual is not said."""
    how = [None if subject.scorer == "torch" else subject.scorer, subject.variant]
    return ", ".join(["Leaderboard", *filter(None, how)]) + ", "


def _line(row: Row) -> Row:
    half = None if row["recall_10_high"] is None else row["recall_10_high"] - row["recall_10"]
    kept = row["recall_10_kept"]
    return {
        "way": row["direction"],
        "representation": f"{row['dim']} {row['dim_method']} {row['precision']}",
        "bytes": f"{row['vector_bytes']:,}" + ("*" if row["pareto_bytes"] else " "),
        "recall@10": f"{row['recall_10']:.4f}" + ("" if half is None else f" ±{half:.4f}"),
        "mrr": row["mrr"],
        "ndcg@10": row["ndcg_10"],
        "kept": "" if kept is None else f"{kept:.1%}",
    }


def _sentence(con: duckdb.DuckDBPyConnection, subject: Subject) -> str:
    """The smallest representation that is sure to keep 99% of every leading measure."""
    from cmr.report.answer import smallest_sure
    from cmr.views import fetch

    bases = fetch(
        con,
        f"""
        select distinct baseline_is, base.dim, base.dim_method, base.precision
        from int_baselines
        inner join runs using (run_id)
        inner join runs as base on base.run_id = baseline
        where runs.run_id in (select run_id from runs where {subject.condition})
        """,
    ).to_pylist()
    kinds = fetch(
        con, f"select distinct dim, dim_method, precision from runs where {subject.condition}"
    ).num_rows
    judged = "" if subject.qrels == "default" else f" judged by {subject.qrels}"
    who = f"{subject.dataset}{judged}, {subject.model}: "
    native = all(row["baseline_is"] == "native fp32" for row in bases)
    names = [f"{row['dim']} {row['dim_method']} {row['precision']}" for row in bases]
    of = "native fp32" if native else f"the finest evaluated ({', '.join(names)})"
    hint = "" if native else " Evaluate --precisions fp32 too to compare with native fp32."
    if kinds == 1:
        return f"{who}one representation, so there is nothing to choose from.{hint}"
    best = smallest_sure(con, subject, RETAIN)
    if best is None:
        return (
            f"{who}none is sure to keep {RETAIN:.0%} of {of} in every direction and in recall, "
            f"hit rate, MRR and NDCG@10.{hint}"
        )
    name = f"{best['dim']} {best['dim_method']} {best['precision']}"
    if best["is_baseline"]:
        return f"{who}none smaller than {name} is sure to keep {RETAIN:.0%} of its quality.{hint}"
    return (
        f"{who}{name} is the smallest that is sure to keep {RETAIN:.0%} of {of}, in every "
        f"direction and in recall, hit rate, MRR and NDCG@10: {best['vector_bytes']:,} bytes a "
        f"vector, {best['share']:.1%} of its size, at least {best['low']:.2%} kept.{hint}"
    )
