"""The leaderboard of a part: its columns, rows and filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cmr.precision import PRECISIONS
from cmr.report.languages import Translate
from cmr.report.page import questions
from cmr.report.page.column_labels import DIRECTIONS, PROTOCOLS, columns
from cmr.report.page.exhibit import ask
from cmr.report.page.number_text import plain
from cmr.report.subject import Subject
from cmr.rows import Row

if TYPE_CHECKING:
    import duckdb

_TEXTS = ("direction", "protocol", "representation")
# Columns that follow the measure, K, protocol and C chosen for the page, by what they show.
_CHOSEN = {
    "recall_10": "score", "recall_10_low": "low", "recall_10_high": "high",
    "difference": "beside", "recall_10_kept": "kept",
}  # fmt: skip
# Shown at first: where there is room, and on a phone.
USUAL = (
    "representation", "recall_10", "recall_10_low", "recall_10_high", "direction", "vector_bytes",
    "difference", "recall_10_kept", "mrr", "ndcg_10",
)  # fmt: skip
FEW = ("representation", "recall_10", "vector_bytes")
_REST = ("hit_rate_1", "hit_rate_5", "hit_rate_10", "lift_10", "protocol", "candidates")


def board(
    con: duckdb.DuckDBPyConnection, subject: Subject, key: str, ways: Sequence[str], _: Translate
) -> dict[str, Any]:
    """The table with every column there is, which of them are shown at first, and the filters."""
    found = ask(con, f"{key}-board", questions.board(subject))
    titles = columns(_) | {"difference": _("minus the baseline, points")}
    names = [*USUAL, *_REST] if found.rows else []

    def cell(row: Row, name: str) -> Row:
        value = row.get(name)
        text = plain(value)
        if name in ("direction", "protocol"):
            text = _({**DIRECTIONS, **PROTOCOLS}[row[name]])
        return {
            "name": name, "numeric": name not in _TEXTS, "of": _CHOSEN.get(name, ""),
            "value": None if name in _TEXTS else value, "text": text,
        }  # fmt: skip

    return {
        "board": found,
        "board_about": _(
            "Every representation, best first; click a heading to sort by its column. Low and "
            "high are the 95% interval of the measure chosen at the top; the difference and the "
            "share kept are of the baseline under the same protocol. What is learnt from vectors, "
            "such as pca, is scored on queries that it was learnt without, except in drawn pools."
        ),
        "board_keys": " ".join(f"{key}-quality-{way}" for way in ways),
        "columns": [
            {
                "name": name, "label": titles[name], "numeric": name not in _TEXTS,
                "of": _CHOSEN.get(name, ""),
            }
            for name in names
        ],
        "usual": " ".join(USUAL),
        "few": " ".join(FEW),
        "board_rows": [
            {
                "facets": {
                    "direction": row["direction"], "dim": row["dim"],
                    "precision": row["precision"], "run": row["run_id"],
                    "protocol": row["protocol"], "c": row["candidates"],
                },
                "cells": [cell(row, name) for name in names],
            }
            for row in found.rows
        ],
        "filters": _filters(found.rows, _),
    }  # fmt: skip


def _filters(rows: Sequence[Row], _: Translate) -> list[dict[str, Any]]:
    options: dict[str, tuple[str, list[tuple[str, str]]]] = {
        "direction": (_("Direction"), [(way, _(text)) for way, text in DIRECTIONS.items()]),
        "dim": (
            _("Dimension"),
            [(str(dim), str(dim)) for dim in sorted({row["dim"] for row in rows})],
        ),
        "precision": (
            _("Precision"),
            [(name, name) for name in PRECISIONS if any(row["precision"] == name for row in rows)],
        ),
    }
    return [
        {"name": name, "label": label, "options": listed}
        for name, (label, listed) in options.items()
    ]
