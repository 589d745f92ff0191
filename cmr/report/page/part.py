"""One part of the page: everything about one data set, model, judgments and scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cmr.precision import PRECISIONS
from cmr.protocols import PROTOCOLS as NAMES
from cmr.protocols import is_whole
from cmr.report.languages import Translate
from cmr.report.page import charts, head, questions
from cmr.report.page.column_labels import COLUMNS, DIRECTIONS, MEASURES, PROTOCOLS, columns
from cmr.report.page.exhibit import Exhibit, as_json, ask
from cmr.report.page.number_text import plain
from cmr.report.page.pair import of_subject
from cmr.report.page.section_texts import ALTS, BENCHED, SECTIONS
from cmr.report.subject import LEADING, Subject
from cmr.rows import Row
from cmr.score.search.scorer_kinds import TORCH

if TYPE_CHECKING:
    import duckdb

# Runs in the matrix of comparisons: more are unreadable.
MATRIX = 14
# Against C, whole galleries are one point.
_DRAWN_FIRST = sorted(NAMES, key=is_whole)
_TEXTS = ("direction", "protocol", "representation", "precision")


def subject_name(subject: Subject) -> str:
    """The label of a subject's tab."""
    more = [] if subject.qrels == "default" else [subject.qrels]
    more += [] if subject.scorer == TORCH else [subject.scorer]
    more += [subject.variant] if subject.variant else []
    return " · ".join([subject.dataset, subject.model, *more])


def part(
    con: duckdb.DuckDBPyConnection,
    subject: Subject,
    number: int,
    runs: Sequence[Row],
    retain: float,
    lang: str,
    _: Translate,
) -> dict[str, Any]:
    """What the templates show of a subject, except the gallery."""
    key = f"s{number}"
    mine = of_subject(runs, subject)
    ways = [way for way in DIRECTIONS if any(run["direction"] == way for run in mine)]
    return {
        "id": key,
        "name": subject_name(subject),
        **head.answer(con, subject, retain, key, lang, _),
        **head.measured(con, subject, key, lang, _),
        **_board(con, subject, key, _),
        "sections": _sections(con, subject, key, mine, ways, retain, _),
        "ways": ways,
        "runs": mine,
    }


def _board(
    con: duckdb.DuckDBPyConnection, subject: Subject, key: str, _: Translate
) -> dict[str, Any]:
    board = ask(con, f"{key}-board", questions.board(subject))
    names = [
        name
        for name in COLUMNS
        if board.rows and name in board.rows[0] and name not in ("dim", "precision")
    ]
    titles = columns(_)

    def cell(row: Row, name: str) -> Row:
        value = row[name]
        text = plain(value)
        if name in ("direction", "protocol"):
            text = _({**DIRECTIONS, **PROTOCOLS}[value])
        return {
            "numeric": name not in _TEXTS,
            "value": None if name in _TEXTS else value,
            "text": text,
        }

    def facets(row: Row) -> Row:
        return {
            "direction": row["direction"],
            "pools": _pools(row),
            "dim": row["dim"],
            "precision": row["precision"],
        }

    ordered = sorted(
        board.rows, key=lambda row: (LEADING.index(row["protocol"]), -row["candidates"])
    )
    pools = {
        _pools(row): _(PROTOCOLS[row["protocol"]])
        + ("" if is_whole(row["protocol"]) else f", C = {row['candidates']:,}")
        for row in ordered
    }
    options = {
        "direction": [(way, _(text)) for way, text in DIRECTIONS.items()],
        "pools": list(pools.items()),
        "dim": [(dim, str(dim)) for dim in sorted({row["dim"] for row in board.rows})],
        "precision": [
            (name, name)
            for name in PRECISIONS
            if any(row["precision"] == name for row in board.rows)
        ],
    }
    labels = {
        "direction": _("Direction"),
        "pools": _("Protocol and C"),
        "dim": _("Dimension"),
        "precision": _("Precision"),
    }
    return {
        "board": board,
        "board_about": _(
            "Every representation, best first; click a heading to sort by its column. Low and "
            "high are the 95% interval of Recall@10; the share kept is of the baseline under "
            "the same protocol. What is learnt from vectors, such as pca, is scored on queries "
            "that it was learnt without, except in drawn pools."
        ),
        "columns": [{"label": titles[name], "numeric": name not in _TEXTS} for name in names],
        "board_rows": [
            {"facets": facets(row), "cells": [cell(row, name) for name in names]}
            for row in board.rows
        ],
        "filters": [
            {
                "name": name,
                "label": labels[name],
                "options": [(str(value), text) for value, text in options[name]],
                "chosen": next(iter(pools), "") if name == "pools" else "",
                # A table has one protocol and C.
                "all": name != "pools",
            }
            for name in options
        ],
    }


def _pools(row: Row) -> str:
    """The protocol and C of a row; the whole gallery's size differs by direction."""
    name = row["protocol"]
    return name if is_whole(name) else f"{name} {row['candidates']}"


def _sections(
    con: duckdb.DuckDBPyConnection,
    subject: Subject,
    key: str,
    mine: Sequence[Row],
    ways: Sequence[str],
    retain: float,
    _: Translate,
) -> list[dict[str, Any]]:
    titles = columns(_)
    measures = {name: _(text) for name, text in MEASURES.items()}
    made: dict[str, list[Exhibit]] = {}

    def add(
        kind: str, way: str, sql: str, spec: Callable[[list[Row]], charts.Spec], **more: Any
    ) -> None:
        found = ask(con, f"{key}-{kind}-{way}", sql)
        found.title = _(DIRECTIONS[way])
        found.empty = _("There is nothing to show here.")
        for name, value in more.items():
            setattr(found, name, value)
        if found.rows:
            found.spec = as_json(spec(found.rows))
            said = {"way": _(DIRECTIONS[way]), "count": len({r.get("run_id") for r in found.rows})}
            found.alt = _(ALTS[kind]).format(**said)
        made.setdefault(kind, []).append(found)

    for way in ways:
        runs = [run for run in mine if run["direction"] == way]
        there = {name for run in runs for name in run["protocols"]}
        protocol = next(name for name in _DRAWN_FIRST if name in there)
        pools = f"({_(PROTOCOLS[protocol])})"
        add(
            "quality", way, questions.quality(subject, way, protocol),
            lambda rows: charts.against_candidates(rows, measures, titles, _), about=pools,
        )  # fmt: skip
        if any(run["distractors"] for run in runs):
            add(
                "growth", way, questions.growth(subject, way),
                lambda rows: charts.growing(rows, titles, _),
            )  # fmt: skip
        add(
            "lift", way, questions.lift(subject, way, protocol),
            lambda rows: charts.lifts(rows, titles, _), about=pools,
        )  # fmt: skip
        add(
            "bytes", way, questions.cost(subject, way),
            lambda rows: charts.against_bytes(rows, retain, titles, _),
        )  # fmt: skip
        add(
            "speed", way, questions.speed(subject, way),
            lambda rows: charts.speeds(rows, titles, _),
            empty=_("No speed was measured: {command} measures it.").format(
                command=f"cmr bench --dataset {subject.dataset} --directions {way}"
            ),
        )  # fmt: skip
        add(
            "latency", way, questions.latency(subject, way),
            lambda rows: charts.latencies(rows, titles, _),
        )  # fmt: skip
        add(
            "ann", way, questions.ann(subject, way),
            lambda rows: charts.agreements(rows, titles, _),
        )  # fmt: skip
        add(
            "ranks", way, questions.ranks(subject, way),
            lambda rows: charts.distributions(rows, titles, _),
        )  # fmt: skip
        ids = [run["run_id"] for run in reversed(runs)][:MATRIX]
        about = ""
        if len(runs) > MATRIX:
            about = _("(the {count} of fewest bytes)").format(count=MATRIX)
        add(
            "compare", way, questions.compared(ids),
            lambda rows: charts.matrix(rows, titles, _), wide=True, about=about,
        )  # fmt: skip
        made["compare"][-1].empty = _("There are no two representations to compare.")
    return [
        {"id": f"{kind}-{key}", "title": _(title), "about": _(about), "charts": made[kind]}
        for kind, (title, about) in SECTIONS.items()
        if kind in made
        # Without `cmr bench` there is nothing to show.
        if kind not in BENCHED or any(one.rows for one in made[kind])
    ]
