"""What a report is about: the runs of one data set, judgments, model and scorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmr.answers import fetch, quoted
from cmr.protocols import PROTOCOLS

if TYPE_CHECKING:
    import duckdb

# The leading protocol if a run has several.
LEADING = PROTOCOLS


@dataclass(frozen=True)
class Subject:
    """Comparable runs: of the same data, judgments, model, scorer and variant.

    `variant`: quantiser and search as the view `runs` names them, or None for any. `run_ids`:
    the requested ones, or empty for all of them.
    """

    dataset: str
    qrels: str
    model: str
    scorer: str
    variant: str | None = None
    run_ids: tuple[str, ...] = ()

    @property
    def condition(self) -> str:
        """The SQL condition for its rows of `runs`."""
        parts = [
            f"{name} = {quoted(getattr(self, name))}"
            for name in ("dataset", "qrels", "model", "scorer")
        ]
        if self.variant is not None:
            parts.append(f"variant = {quoted(self.variant)}")
        if self.run_ids:
            parts.append(f"run_id in ({', '.join(map(quoted, self.run_ids))})")
        return " and ".join(parts)


@dataclass(frozen=True)
class AllModels:
    """The runs of all models on one data set, by the same judgments and scorer."""

    dataset: str
    qrels: str
    scorer: str

    @property
    def condition(self) -> str:
        """The SQL condition for its rows of `runs`."""
        named = (("dataset", self.dataset), ("qrels", self.qrels), ("scorer", self.scorer))
        return " and ".join(f"{name} = {quoted(text)}" for name, text in named)


def subjects(con: duckdb.DuckDBPyConnection, run_ids: Sequence[str]) -> list[Subject]:
    """The subjects that these runs belong to, by name.

    Without searches that return lists, for which most measures are unknown.
    """
    rows = fetch(
        con,
        "select run_id, dataset, qrels, model, scorer, variant from runs "
        "where list_length is null order by all",
    ).to_pylist()
    every: dict[tuple[str, str, str, str, str], list[str]] = {}
    for row in rows:
        key = (row["dataset"], row["qrels"], row["model"], row["scorer"], row["variant"])
        every.setdefault(key, []).append(row["run_id"])
    asked = set(run_ids)
    found = []
    for key, mine in sorted(every.items()):
        kept = [run_id for run_id in mine if run_id in asked]
        variants = {other[4] for other in every if other[:4] == key[:4]}
        whole = len(kept) == len(mine) and len(variants) == 1
        if kept:
            found.append(Subject(*key, run_ids=() if whole else tuple(kept)))
    return found
