"""One part of the page: everything about one data set, model, judgments and scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cmr.report.languages import Translate
from cmr.report.page import bench_charts, charts, head, questions
from cmr.report.page.alone import alone
from cmr.report.page.board import board
from cmr.report.page.chart_parts import Spec
from cmr.report.page.column_labels import DIRECTIONS, columns
from cmr.report.page.exhibit import Exhibit, as_json, ask
from cmr.report.page.growth_chart import growing
from cmr.report.page.pair import of_subject
from cmr.report.page.palette import looks
from cmr.report.page.section_texts import ALTS, BENCHED, SECTIONS
from cmr.report.subject import Subject
from cmr.rows import Row
from cmr.score.search.scorer_kinds import TORCH

if TYPE_CHECKING:
    import duckdb

# Runs in the matrix of comparisons: more are unreadable.
MATRIX = 14


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
        **board(con, subject, key, ways, _),
        "sections": _sections(con, subject, key, mine, ways, retain, _),
        "ways": ways,
        "looks": looks(mine),
        "runs": mine,
    }


def _sections(
    con: duckdb.DuckDBPyConnection,
    subject: Subject,
    key: str,
    mine: Sequence[Row],
    ways: Sequence[str],
    retain: float,
    _: Translate,
) -> list[dict[str, Any]]:
    titles, look = columns(_), looks(mine)
    made: dict[str, list[Exhibit]] = {}

    def add(
        kind: str,
        way: str,
        sql: str,
        spec: Callable[[list[Row]], Spec] | None,
        **more: Any,
    ) -> None:
        found = ask(con, f"{key}-{kind}-{way}", sql)
        found.title = _(DIRECTIONS[way])
        found.empty = _("There is nothing to show here.")
        for name, value in more.items():
            setattr(found, name, value)
        if found.rows:
            single = alone(kind, found.rows, _)
            if single is not None:
                found.empty = single
            elif spec is not None:
                found.spec = as_json(spec(found.rows))
            said = {"way": _(DIRECTIONS[way]), "count": len({r.get("run_id") for r in found.rows})}
            found.alt = _(ALTS[kind]).format(**said) if kind in ALTS else ""
        made.setdefault(kind, []).append(found)

    for way in ways:
        runs = [run for run in mine if run["direction"] == way]
        add("quality", way, questions.quality(subject, way), None, made="quality")
        if any(run["distractors"] for run in runs):
            add(
                "growth", way, questions.growth(subject, way),
                lambda rows: growing(rows, look, titles, _),
            )  # fmt: skip
        add("lift", way, questions.lift(subject, way), None, made="lift")
        add(
            "bytes", way, questions.cost(subject, way),
            lambda rows: charts.against_bytes(rows, look, retain, titles, _), made="bytes",
        )  # fmt: skip
        add(
            "speed", way, questions.speed(subject, way),
            lambda rows: bench_charts.speeds(rows, look, titles, _),
            empty=_("No speed was measured: {command} measures it.").format(
                command=f"cmr bench --dataset {subject.dataset} --directions {way}"
            ),
        )  # fmt: skip
        add(
            "latency", way, questions.latency(subject, way),
            lambda rows: bench_charts.latencies(rows, titles, _),
        )  # fmt: skip
        add(
            "ann", way, questions.ann(subject, way),
            lambda rows: bench_charts.agreements(rows, titles, _),
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
            made="compare",
        )  # fmt: skip
        if not made["compare"][-1].rows:
            made["compare"][-1].empty = _("There are no two representations to compare.")
    return [
        {"id": f"{kind}-{key}", "title": _(title), "about": _(about), "charts": made[kind]}
        for kind, (title, about) in SECTIONS.items()
        if kind in made
        # Without `cmr bench` there is nothing to show.
        if kind not in BENCHED or any(one.rows for one in made[kind])
    ]
