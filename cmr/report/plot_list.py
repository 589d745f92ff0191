"""Which plots a report has, and their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cmr.protocols import GROUPED_QRELS
from cmr.report.findings import Findings, compared_runs
from cmr.report.fonts import lettering
from cmr.report.languages import mark, signs, translator
from cmr.report.plots import costs, matrix, panels, style
from cmr.report.plots.style import Look
from cmr.rows import Row

Draw = Callable[[], Any]
WAYS = {"t2v": mark("text to visual"), "v2t": mark("visual to text")}
WHOLE = mark("whole gallery")
POOLS = {
    "full": WHOLE,
    "expected": mark("expected over random pools"),
    "sampled": mark("sampled pools"),
    "grouped": mark("captions grouped, whole gallery"),
    "grouped_expected": mark("captions grouped, expected over random pools"),
    "grouped_sampled": mark("captions grouped, sampled pools"),
}
GROUPED = mark("captions grouped")
RECALL = mark("Recall@10")
# File name -> measure, K, label.
QUALITY = {
    "recall": ("recall", 10, RECALL),
    "mrr": ("mrr", None, mark("MRR")),
    "ndcg": ("ndcg", 10, mark("NDCG@10")),
}


def look_for(lang: str, found: Sequence[Findings]) -> Look:
    """A language's words and fonts, which cover the data's names as far as a font has them.

    Raises CmrError if no font has the language's characters.
    """
    names = "".join(one.subject.dataset + one.subject.model + one.subject.qrels for one in found)
    return Look(translator(lang).gettext, lettering(lang, signs(lang), names))


def plots(look: Look, found: Findings, stem: str) -> list[tuple[str, Draw]]:
    """Every plot of a subject: its file's name without the extension, and what draws it.

    There is no plot where nothing was measured.
    """
    planned: list[tuple[str, Draw]] = []
    for way in found.directions:
        protocol = found.leading(way)
        rows = [
            row for row in found.metrics if (row["direction"], row["protocol"]) == (way, protocol)
        ]
        kind = look.say(", ").join([look.say(WAYS[way]), look.say(POOLS[protocol])])
        for name, draw in _against_candidates(look, found, rows, kind):
            planned.append((f"{stem}_{way}_{name}", draw))
        if any(row["direction"] == way for row in found.ranks):
            planned.append((f"{stem}_{way}_ranks", _ranks(look, found, way)))
        known = {row["run_id"] for row in found.costs}
        pairs = found.compared.get(way, ())
        if pairs and all({row["run_a"], row["run_b"]} <= known for row in pairs):
            planned.append((f"{stem}_{way}_compared", _compared(look, found, way)))
    if found.costs:
        planned.append((f"{stem}_bytes", _bytes(look, found)))
    if found.speeds:
        planned.append((f"{stem}_speed", _speed(look, found)))
    return planned


def _bytes(look: Look, found: Findings) -> Draw:
    recall = look.say(RECALL)
    title = _title(
        look, found, look.say("{measure} and bytes, whole gallery").format(measure=recall)
    )
    there = sorted({row["direction"] for row in found.costs})
    ways = {way: look.say(WAYS[way]) for way in there}
    return lambda: costs.against_bytes(look, found.costs, recall, ways, title)


def _speed(look: Look, found: Findings) -> Draw:
    title = _title(look, found, look.say("speed of searches"))
    timed = sorted({row["direction"] for row in found.speeds})
    ways = {way: look.say(WAYS[way]) for way in timed}
    return lambda: costs.speed(look, found.speeds, ways, title)


def _against_candidates(
    look: Look, found: Findings, rows: list[Row], kind: str
) -> Iterator[tuple[str, Draw]]:
    for name, (measure, k, called) in QUALITY.items():
        points = [row for row in rows if (row["measure"], row["k"]) == (measure, k)]
        if points:
            yield name, _draw(look, found, points, ("value", "ci_low", "ci_high"), called, kind)
    lifts = [_with_lifts(row) for row in rows if (row["measure"], row["k"]) == ("recall", 10)]
    called = mark("Recall@10 / chance")
    if lifts:
        yield "lift", _draw(look, found, lifts, ("lift", "lift_low", "lift_high"), called, kind)


def _with_lifts(row: Row) -> Row:
    """The ends of lift's interval: the value's divided by chance, which is not an estimate."""
    ends = {end: row[f"ci_{end}"] for end in ("low", "high")}
    return row | {
        f"lift_{end}": None if value is None else value / row["chance"]
        for end, value in ends.items()
    }


def _draw(
    look: Look,
    found: Findings,
    points: list[Row],
    names: tuple[str, str, str],
    called: str,
    kind: str,
) -> Draw:
    what = look.say(called)
    title = _title(look, found, what + look.say(", ") + kind)
    return lambda: panels.against_candidates(look, points, names, what, title)


def _ranks(look: Look, found: Findings, way: str) -> Draw:
    rows = [row for row in found.ranks if row["direction"] == way]
    gallery = max(row["gallery"] for row in rows)
    title = _title(look, found, look.say(", ").join([look.say("ranks"), look.say(WAYS[way])]))
    return lambda: panels.rank_shares(look, rows, gallery, title)


def _compared(look: Look, found: Findings, way: str) -> Draw:
    mine = {row["run_id"]: row for row in found.costs if row["direction"] == way}
    shown = [run_id for row in found.compared[way] for run_id in (row["run_a"], row["run_b"])]
    names = {
        run_id: style.representation(mine[run_id])
        for run_id in compared_runs(found.costs, way)
        if run_id in shown
    }
    what = look.say(RECALL)
    kind = look.say("paired differences, whole gallery")
    if len(names) < len(mine):
        kind = look.say("paired differences of {shown} of {all} runs, whole gallery").format(
            shown=len(names), all=len(mine)
        )
    title = _title(look, found, kind + look.say(", ") + look.say(WAYS[way]))
    return lambda: matrix.differences(look, found.compared[way], names, what, title)


def _title(look: Look, found: Findings, what: str) -> str:
    of = found.subject
    names = [look.name(of.dataset, 40), look.name(of.model, 50)]
    if of.qrels == GROUPED_QRELS:
        names.append(look.say(GROUPED))
    elif of.qrels != "default":
        names.append(look.say("judged by {qrels}").format(qrels=look.name(of.qrels, 30)))
    return what + "\n" + look.say(", ").join(names)
