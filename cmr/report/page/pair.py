"""Which two representations the gallery shows side by side."""

from __future__ import annotations

from collections.abc import Sequence

from cmr.precision import PRECISIONS
from cmr.report.subject import Subject
from cmr.rows import Row


def of_subject(runs: Sequence[Row], subject: Subject) -> list[Row]:
    """A subject's runs, those with the most bytes first."""
    mine = [
        row
        for row in runs
        if all(
            row[name] == getattr(subject, name) for name in ("dataset", "qrels", "model", "scorer")
        )
        and (not subject.run_ids or row["run_id"] in subject.run_ids)
    ]
    return sorted(mine, key=lambda row: (-row["vector_bytes"], row["run_id"]))


def default_pair(runs: Sequence[Row], baselines: dict[str, str | None]) -> tuple[Row, Row] | None:
    """The baseline and the coarsest precision at its dimension, among one direction's `runs`.

    If its dimension has no other precision, the representation with the fewest bytes. None if there
    is nothing to compare with.
    """
    by_id = {row["run_id"]: row for row in runs}
    a = next((by_id[name] for name in baselines.values() if name in by_id), None)
    if a is None:
        a = runs[0] if runs else None
    if a is None:
        return None
    others = [row for row in runs if row["run_id"] != a["run_id"]]
    if not others:
        return None
    same = (a["dim"], a["dim_method"])
    alike = [row for row in others if (row["dim"], row["dim_method"]) == same]
    if alike:
        return a, max(alike, key=lambda row: (_coarse(row), row["run_id"]))
    return a, min(others, key=lambda row: (row["vector_bytes"], row["run_id"]))


def _coarse(row: Row) -> int:
    return PRECISIONS.index(row["precision"]) if row["precision"] in PRECISIONS else -1
