"""The answer across models: the fewest bytes, of any model, that keep enough of the best one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmr.answers import fetch, quoted
from cmr.report.answer import ACROSS, MEASURES, sure_sql, why_sql
from cmr.report.subject import AllModels
from cmr.rows import Row

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class AcrossModels:
    """The models of one data set, judgments and scorer.

    `rows`: of the macro `recommend` across models, one per measure and direction. `best`: per
    direction and measure, the row of the best model's baseline, recall first. `smallest`: the
    smallest representation of any model that is sure to keep the share in every measure and
    direction, or None. `why_not`: why nothing is recommended, in words, or None.
    """

    dataset: str
    qrels: str
    scorer: str
    rows: list[Row]
    best: list[Row]
    smallest: Row | None
    why_not: str | None

    @property
    def by_recall(self) -> list[Row]:
        """The rows of `best` by recall, one per direction."""
        return [row for row in self.best if row["measure"] == "recall"]

    @property
    def elsewhere(self) -> list[Row]:
        """The rows of `best` by measures that another model leads in than in recall."""
        leads = {row["direction"]: row["model"] for row in self.by_recall}
        return [row for row in self.best if row["model"] != leads.get(row["direction"])]


def across_models(
    con: duckdb.DuckDBPyConnection,
    retain: float,
    dataset: Sequence[str] = (),
    qrels: str | None = None,
    k: int = 10,
) -> list[AcrossModels]:
    """An answer for each data set, judgments and scorer with several models, by name.

    `dataset`, `qrels`: only these, if any are given.
    """
    rows = [
        row
        for row in fetch(con, f"from recommend({retain!r}, across := true)").to_pylist()
        if row["measure"] in MEASURES
        and row["k"] in (None, k)
        and (not dataset or row["dataset"] in dataset)
        and qrels in (None, row["qrels"])
    ]
    return [
        _answered(con, of, [row for row in rows if _of(row) == of], retain, k)
        for of in dict.fromkeys(map(_of, rows))
    ]


def _of(row: Row) -> tuple[str, str, str]:
    return row["dataset"], row["qrels"], row["scorer"]


def _answered(
    con: duckdb.DuckDBPyConnection,
    of: tuple[str, str, str],
    rows: list[Row],
    retain: float,
    k: int,
) -> AcrossModels:
    subject = AllModels(*of)
    reasons = fetch(con, why_sql(subject, retain, k, view=ACROSS)).to_pylist()
    found = [] if reasons else fetch(con, sure_sql(subject, retain, k, view=ACROSS)).to_pylist()
    listed = ", ".join(quoted(row["baseline"]) for row in rows)
    best = fetch(
        con,
        f"""
        select direction, measure, k, model, dim, dim_method, precision, value
        from {ACROSS}
        where
            run_id = baseline and run_id in ({listed})
            and measure in ({", ".join(map(quoted, MEASURES))}) and (k is null or k = {k})
        order by measure <> 'recall', measure, direction desc
        """,
    ).to_pylist()
    return AcrossModels(
        *of,
        rows,
        best,
        found[0] if found else None,
        reasons[0]["why"] if reasons else None,
    )
