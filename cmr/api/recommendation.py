"""The fewest bytes per vector that keep enough of a baseline's quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from cmr.answers import fetch
from cmr.api.select import missing
from cmr.errors import CmrError
from cmr.held import hold
from cmr.materialised import open_for
from cmr.progressbar import ProgressBar, no_bar
from cmr.report.answer import ACROSS, MEASURES, RETENTION, Answer, answer
from cmr.report.best_model import AcrossModels, across_models
from cmr.report.flattered import FLATTERED, flattered_sentence
from cmr.report.quantizer_choice import quantizer_sentences
from cmr.report.subject import Subject
from cmr.rows import Row
from cmr.warehouse.current import current_runs
from cmr.warehouse.store import Store


@dataclass(frozen=True)
class Recommendation:
    """One model on one data set: the rows of the macro `recommend`, one per measure and direction.

    `answer`: the smallest representation that is sure to keep the share of every measure in every
    direction, or why none is recommended. `quantizers`: which quantiser suits the model, a sentence
    for each representation that was evaluated with several. `flattered`: which representations look
    better than they are, in a sentence; None if none is known to.
    """

    dataset: str
    qrels: str
    model: str
    scorer: str
    rows: list[Row]
    answer: Answer
    quantizers: list[str]
    flattered: str | None = None


def choose(
    warehouse: Store,
    retain: float = 0.99,
    dataset: Sequence[str] = (),
    model: Sequence[str] = (),
    qrels: str | None = None,
    k: int = 10,
    bar: ProgressBar = no_bar,
) -> tuple[list[Recommendation], list[AcrossModels]]:
    """What to choose for every model to keep `retain`, in (0, 1], of its baseline's quality.

    Also, for every data set with several models, what keeps it of the best model's; but not where
    `model` names some of them. `dataset`, `model`: empty for all. Raises CmrError if there are no
    such runs, or K was not evaluated.
    """
    if not 0 < retain <= 1:
        raise CmrError(f"retain must be a share above 0 and up to 1, not {retain}")
    query = f"from recommend(retain := {retain!r})"
    con = open_for(warehouse, f"{query}, {ACROSS}, {FLATTERED}", bar=bar)
    # The answers below query them again.
    hold(con, warehouse.storage, RETENTION)
    if _several_models(con):
        hold(con, warehouse.storage, ACROSS)
    mine = [
        row
        for row in fetch(con, query).to_pylist()
        if row["measure"] in MEASURES
        and (not dataset or row["dataset"] in dataset)
        and (not model or row["model"] in model)
        and qrels in (None, row["qrels"])
    ]
    rows = [row for row in mine if row["k"] in (None, k)]
    if not mine:
        miss = _missing(current_runs(warehouse), dataset, model, qrels)
        raise CmrError(f"there are no such runs to choose from{miss}; `cmr evaluate` makes them")
    if not any(row["k"] for row in rows):
        there = ", ".join(map(str, sorted({row["k"] for row in mine if row["k"]})))
        raise CmrError(
            f"K = {k} was not evaluated, only {there}; `cmr evaluate --k {k}` adds it without "
            "scoring again"
        )
    found = [
        Recommendation(
            *of,
            [row for row in rows if _of(row) == of],
            answer(con, Subject(*of), retain, k),
            quantizer_sentences(con, warehouse.root, Subject(*of), k),
            flattered_sentence(con, Subject(*of)),
        )
        for of in dict.fromkeys(map(_of, rows))
    ]
    several = len({one.model for one in found}) > 1
    # Across all models of a data set: some of them may not include the best.
    across = across_models(con, retain, dataset, qrels, k) if several and not model else []
    return found, across


def _missing(
    runs: Sequence[Row], dataset: Sequence[str], model: Sequence[str], qrels: str | None
) -> str:
    """What there is instead of the first name that has no runs."""
    asked = [("dataset", one) for one in dataset] + [("model", one) for one in model]
    asked += [] if qrels is None else [("qrels", qrels)]
    return next(filter(None, (missing(runs, {name: value}) for name, value in asked)), "")


def _several_models(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether any data set has several models, so that there is something across them."""
    ((most,),) = con.execute("select max(models) from int_baselines").fetchall()
    return most is not None and most > 1


def _of(row: Row) -> tuple[str, str, str, str]:
    return row["dataset"], row["qrels"], row["model"], row["scorer"]


def as_table(choices: Sequence[Recommendation]) -> pa.Table:
    """All rows as one table, each with the model's `smallest` representation."""
    return pa.Table.from_pylist(
        [
            {**row, "smallest": _named(choice.answer.smallest)}
            for choice in choices
            for row in choice.rows
        ]
    )


def _named(row: Row | None) -> str | None:
    if row is None:
        return None
    name = f"{row['dim']} {row['dim_method']} {row['precision']}"
    return ", ".join(filter(None, [name, row["variant"]]))
