"""The page's field of contenders: every representation and engine, by quality, bytes and time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from cmr.answers import fetch, quoted
from cmr.report.contender_words import told
from cmr.report.languages import Translate
from cmr.report.page import charts
from cmr.report.page.column_labels import DIRECTIONS, columns
from cmr.report.page.exhibit import Exhibit, as_json, ask
from cmr.report.page.number_text import plain
from cmr.report.page.section_texts import ALTS, SECTIONS
from cmr.report.subject import Subject
from cmr.rows import Row

if TYPE_CHECKING:
    import duckdb

KIND, K = "contenders", 10
# Columns of the table, with the digits of its figures.
_SHOWN = {
    "contender": 0, "bytes": 0, "memory_bytes": 0, "kept": 4, "kept_low": 4, "kept_high": 4,
    "ann_recall": 4, "lost_by_codes": 4, "lost_by_search": 4, "p50_ms": 3, "p95_ms": 3,
    "p99_ms": 3, "queries_per_second": 0, "best": 0,
}  # fmt: skip


def contenders(
    con: duckdb.DuckDBPyConnection,
    subject: Subject,
    chosen: Collection[str],
    key: str,
    ways: Sequence[str],
    _: Translate,
) -> dict[str, Any] | None:
    """The section, over all scorers and variants of the subject's data and model.

    `chosen`: the runs that the page is about. None where no search returns lists: what there is
    then is compared elsewhere.
    """
    of = " and ".join(
        f"{name} = {quoted(getattr(subject, name))}" for name in ("dataset", "qrels", "model")
    )
    found = fetch(con, f"select run_id, list_length from runs where {of}").to_pylist()
    mine = [row["run_id"] for row in found if row["run_id"] in chosen]
    if all(row["list_length"] is None for row in found if row["run_id"] in chosen):
        return None
    if len(mine) < len(found):
        of += f" and run_id in ({', '.join(map(quoted, sorted(mine)))})"
    exhibits = [_exhibit(con, of, key, way, _) for way in ways]
    title, about = SECTIONS[KIND]
    return {
        "id": f"contenders-{key}",
        "title": _(title),
        "about": _(about),
        "charts": exhibits,
        "fields": [_field(one, way, _) for one, way in zip(exhibits, ways, strict=True)],
    }


def question(of: str, direction: str) -> str:
    """The contenders of a direction, smallest first."""
    return f"""\
select
    contender, scorer, bytes, bytes_share, memory_bytes, kept, kept_low, kept_high, value,
    ann_recall, lost_by_codes, lost_by_search, p50_ms, p95_ms, p99_ms, queries_per_second, fit,
    best, unearned, run_id
from contenders
where {of} and direction = {quoted(direction)} and measure = 'recall' and k = {K}
order by bytes, p50_ms nulls last, contender, run_id"""


def _exhibit(con: duckdb.DuckDBPyConnection, of: str, key: str, way: str, _: Translate) -> Exhibit:
    found = ask(con, f"{key}-contenders-{way}", question(of, way))
    found.title, found.empty = _(DIRECTIONS[way]), _("There is nothing to show here.")
    if found.rows:
        found.spec = as_json(charts.contenders(found.rows, columns(_), _))
        found.alt = _(ALTS[KIND]).format(way=found.title, count=len(found.rows))
    return found


def _field(one: Exhibit, way: str, _: Translate) -> dict[str, Any]:
    """The sentences of the front, the table of all, and how many are left out of the front."""
    titles, silent = columns(_), sum(row["unearned"] is not None for row in one.rows)
    note = _(
        "{count} of {all} give no advice (unearned, in the numbers, says why): they are not on the "
        "front and beat nothing."
    )
    return {
        "title": _(DIRECTIONS[way]),
        "sentences": [f"{told(row, K, _)}" for row in one.rows if row["best"]],
        "note": note.format(count=silent, all=len(one.rows)) if silent else "",
        "columns": [{"label": titles[name], "numeric": name != "contender"} for name in _SHOWN],
        "rows": [{"best": row["best"], "cells": _cells(row, _)} for row in one.rows],
    }


def _cells(row: Row, _: Translate) -> list[dict[str, Any]]:
    found = []
    for name, digits in _SHOWN.items():
        value = row[name]
        if name == "best":
            text = "" if value is None else _("yes") if value else _("no")
        elif isinstance(value, float) and not digits:
            text = f"{value:,.0f}"
        else:
            text = plain(value, digits)
        numeric = name != "contender"
        shown = float(value) if numeric and value is not None else None
        found.append({"text": text, "numeric": numeric, "value": shown})
    return found
