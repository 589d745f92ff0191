"""One part of the page: everything about one data set, model, judgments and scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cmr.precision import PRECISIONS
from cmr.report.languages import Translate, mark
from cmr.report.page import charts, head, questions
from cmr.report.page.column_labels import COLUMNS, DIRECTIONS, MEASURES, PROTOCOLS, columns
from cmr.report.page.exhibit import Exhibit, as_json, ask
from cmr.report.page.number_text import plain
from cmr.report.page.pair import of_subject
from cmr.report.subject import LEADING, Subject
from cmr.rows import Row
from cmr.score.search.scorer_kinds import TORCH

if TYPE_CHECKING:
    import duckdb

# Runs that the matrix of comparisons pairs: more cannot be read.
MATRIX = 14
_TEXTS = ("direction", "protocol", "representation", "precision")


def subject_name(subject: Subject) -> str:
    """What a tab calls a subject."""
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
    """What the templates show of a subject, but for the gallery."""
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
        + ("" if row["protocol"] == "full" else f", C = {row['candidates']:,}")
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
            "the same protocol."
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
                # A table is of one protocol and C.
                "all": name != "pools",
            }
            for name in options
        ],
    }


def _pools(row: Row) -> str:
    """What a row's figures are over; the whole gallery has another size in each direction."""
    return "full" if row["protocol"] == "full" else f"{row['protocol']} {row['candidates']}"


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
            found.alt = _(_ALTS[kind]).format(**said)
        made.setdefault(kind, []).append(found)

    for way in ways:
        runs = [run for run in mine if run["direction"] == way]
        there = {name for run in runs for name in run["protocols"]}
        protocol = next(name for name in ("expected", "sampled", "full") if name in there)
        pools = f"({_(PROTOCOLS[protocol])})"
        add(
            "quality", way, questions.quality(subject, way, protocol),
            lambda rows: charts.against_candidates(rows, measures, titles, _), about=pools,
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
        for kind, (title, about) in _SECTIONS.items()
        # Without `cmr bench` there is nothing to say of them.
        if kind not in _BENCHED or any(one.rows for one in made[kind])
    ]


_SECTIONS = {
    "quality": (
        mark("Quality against C"),
        mark(
            "The more candidates, the harder the task. Bands are 95% intervals; colour is the "
            "dimension, line and marker the precision. A click on a precision in the legend "
            "highlights it."
        ),
    ),
    "bytes": (
        mark("Quality against bytes"),
        mark(
            "What each representation keeps of the baseline's Recall@10 over the whole gallery, "
            "with the paired 95% interval. The line joins the Pareto front: nothing has fewer "
            "bytes and is at least as good. Dashes: the share to keep."
        ),
    ),
    "speed": (
        mark("Speed"),
        mark(
            "Queries a second in batches, over the whole gallery, as cmr bench measured them: all "
            "of one machine and one set of settings. The time that an evaluation takes is not "
            "the speed of a search, and is not drawn."
        ),
    ),
    "latency": (
        mark("Latency of single queries"),
        mark(
            "Milliseconds of one query at a time against the number of candidates, as cmr bench "
            "measured them: the point is the median, the line goes up to the 99th percentile. One "
            "machine and one set of settings."
        ),
    ),
    "ann": (
        mark("ANN recall against speed"),
        mark(
            "How far a search agrees with the exact one of the same vectors, against queries a "
            "second in batches. Exact searches lie at 1; up and to the right is better."
        ),
    ),
    "ranks": (
        mark("Rank distributions"),
        mark("Where the first relevant item stands in the whole gallery, as shares of queries."),
    ),
    "lift": (
        mark("Lift over chance"),
        mark(
            "Recall@10 divided by what a random ranking expects. It grows with C because chance "
            "falls."
        ),
    ),
    "compare": (
        mark("Paired comparisons"),
        mark(
            "b − a in points of Recall@10 over the whole gallery, query by query. Coloured where "
            "the difference is significant: p below 0.05 after Holm's correction for all pairs of "
            "the matrix, errors clustered by visual item."
        ),
    ),
}
_BENCHED = ("latency", "ann")
_ALTS = {
    "quality": mark("Lines of a measure against the number of candidates C, {way}, {count} runs."),
    "bytes": mark("Points of Recall@10 kept against bytes a vector, {way}, {count} runs."),
    "speed": mark("Bars of queries a second in batches, {way}, {count} runs."),
    "latency": mark("Lines of milliseconds a query against the number of candidates C, {way}."),
    "ann": mark("Curves of queries a second against ANN recall, {way}."),
    "ranks": mark("Stacked bars of the ranks of the first relevant item, {way}, {count} runs."),
    "lift": mark("Lines of lift against the number of candidates C, {way}, {count} runs."),
    "compare": mark("Matrix of paired differences in Recall@10 between representations, {way}."),
}
