"""The findings on one subject as rows, for plots, tables and the summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from cmr.answers import fetch, quoted
from cmr.precision import PRECISIONS
from cmr.report.answer import Baseline, baseline
from cmr.report.holm import holm
from cmr.report.subject import LEADING, Subject
from cmr.rows import Row

if TYPE_CHECKING:
    import duckdb

# Runs in a comparison matrix; more are unreadable, and pairs grow quadratically.
MOST_COMPARED = 20
# The views that `read` and the summary query.
VIEWS = (
    "from earned_metrics, leaderboard, tradeoffs, retention, contenders, int_pace, first_ranks, "
    "datasets, runs"
)
MEASURES = (("recall", 10), ("mrr", None), ("ndcg", 10))
_SPEED = """
    select run_id, dataset, qrels, model, direction, dim, dim_method, precision, scorer, device,
        gallery, k, queries, queries_per_second, slowest, quickest, p50_ms, p95_ms, p99_ms,
        build_seconds, search_peak_bytes, vector_bytes, index_vector_bytes, threads, repeats,
        conditions, machine
    from int_pace
"""
_ORDER = "direction, dim, dim_method, precision, run_id"
_PROBABILITIES = ("p", "p_holm")


@dataclass(frozen=True)
class Findings:
    """Rows about one subject, from the views with the same names.

    `kept` is from `retention`, with p_holm over all runs, directions and MEASURES except the
    baseline's own; `costs` is from `tradeoffs`, with Recall@10's interval; `ranks` has the share of
    queries whose first relevant item ranks at `rank` or better; `compared` is from `compare_runs`,
    one list per direction; `held` is what the runs are compared with. `speeds`: what `cmr bench`
    measured of these runs on one machine; empty if nothing.
    """

    subject: Subject
    held: Baseline
    metrics: list[Row]
    kept: list[Row]
    costs: list[Row]
    speeds: list[Row]
    ranks: list[Row]
    compared: dict[str, list[Row]]

    @property
    def directions(self) -> list[str]:
        """The directions that have runs, t2v first."""
        return sorted({row["direction"] for row in self.kept})

    def leading(self, direction: str) -> str:
        """The leading protocol of a direction; the whole gallery if nothing is known."""
        there = {row["protocol"] for row in self.metrics if row["direction"] == direction}
        return next((name for name in LEADING if name in there), "full")


def read(con: duckdb.DuckDBPyConnection, subject: Subject) -> Findings:
    """The findings of a subject; the connection must have VIEWS."""
    mine = f"semi join (select run_id from runs where {subject.condition}) using (run_id)"
    kept = rounded(fetch(con, f"from retention {mine} order by {_ORDER}, measure, k nulls first"))
    _correct(con, kept)
    ends = {
        row["run_id"]: {name: row[name] for name in ("value_low", "value_high")}
        for row in kept
        if (row["measure"], row["k"]) == ("recall", 10)
    }
    costs = rounded(fetch(con, f"from tradeoffs {mine} order by {_ORDER}"))
    return Findings(
        subject=subject,
        held=baseline(con, subject),
        metrics=rounded(
            fetch(
                con,
                f"from earned_metrics {mine} order by {_ORDER}, protocol, candidates, measure, k",
            )
        ),
        kept=kept,
        costs=[{**row, **ends[row["run_id"]]} for row in costs],
        speeds=rounded(fetch(con, f"{_SPEED} {mine} order by {_ORDER}")),
        ranks=_ranks(con, mine),
        compared={
            way: compared(con, compared_runs(costs, way))
            for way in sorted({row["direction"] for row in costs})
        },
    )


def _correct(con: duckdb.DuckDBPyConnection, kept: list[Row]) -> None:
    """Apply Holm's correction over everything that a table marks: all but the baselines."""
    tested = [
        row
        for row in kept
        if (row["measure"], row["k"]) in MEASURES and row["run_id"] != row["baseline"]
    ]
    for row in kept:
        row["p_holm"] = None
    for row, p in zip(tested, holm(con, [row["p"] for row in tested]), strict=True):
        row["p_holm"] = None if p is None else digits(p)


def compared_runs(costs: Sequence[Row], direction: str) -> list[str]:
    """The runs of a matrix: the baseline, the Pareto front, then the best ones, in order."""
    mine = [row for row in costs if row["direction"] == direction]
    first = sorted(
        mine,
        key=lambda row: (
            row["run_id"] != row["baseline"],
            not row["pareto_bytes"],
            -row["recall_10"],
            row["vector_bytes"],
            row["run_id"],
        ),
    )[:MOST_COMPARED]
    chosen = {row["run_id"] for row in first}
    ordered = sorted(
        mine,
        key=lambda row: (
            row["dim"],
            row["dim_method"],
            PRECISIONS.index(row["precision"]),
            row["run_id"],
        ),
    )
    return [row["run_id"] for row in ordered if row["run_id"] in chosen]


def compared(con: duckdb.DuckDBPyConnection, run_ids: Sequence[str]) -> list[Row]:
    """Every pair of one direction's runs, by Recall@10 over the whole gallery."""
    if len(run_ids) < 2:
        return []
    return rounded(fetch(con, f"from compare_runs([{', '.join(map(quoted, run_ids))}])"))


def _ranks(con: duckdb.DuckDBPyConnection, mine: str) -> list[Row]:
    """Cumulative shares at about 25 ranks per power of ten: as fine as a plot shows."""
    query = f"""
        with grid as (
            select distinct round(pow(10, step / 25))::bigint as rank from range(0, 226) t (step)
        ),
        counted as (
            select
                run_id, any_value(direction) as direction, any_value(dim) as dim,
                any_value(dim_method) as dim_method, any_value(precision) as precision,
                any_value(gallery) as gallery, first_ranks.rank, count(*) as n
            from first_ranks {mine}
            group by run_id, first_ranks.rank
        ),
        placed as (
            select counted.* exclude (rank), grid.rank
            from counted asof join grid on counted.rank <= grid.rank
        ),
        summed as (
            select run_id, direction, dim, dim_method, precision, gallery, rank, sum(n) as n
            from placed group by all
        )
        select
            * exclude (n),
            sum(n) over (partition by run_id order by rank)
            / sum(n) over (partition by run_id) as share
        from summed order by {_ORDER}, rank
    """
    return rounded(fetch(con, query))


def digits(value: float) -> float:
    """A probability to six significant digits."""
    return float(f"{value:.6g}")


def rounded(table: pa.Table) -> list[Row]:
    """A table's rows with floats to eight decimals, and p-values to six significant digits.

    Threads add in no fixed order, so later digits vary between calls.
    """
    return [
        {
            key: (digits(value) if key in _PROBABILITIES else round(value, 8))
            if isinstance(value, float)
            else value
            for key, value in row.items()
        }
        for row in table.to_pylist()
    ]
