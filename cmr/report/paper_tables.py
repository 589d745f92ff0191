"""Tables for a paper: the measures of each representation, with intervals and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cmr.decimals import fixed, percent
from cmr.precision import PRECISIONS
from cmr.protocols import GROUPED_QRELS, is_whole
from cmr.report.findings import MEASURES, Findings
from cmr.report.languages import mark
from cmr.report.named import estimate
from cmr.report.plot_list import GROUPED, POOLS, QUALITY, WAYS, WHOLE
from cmr.report.plots.style import Look
from cmr.rows import Row

LEVELS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
_SPREAD = mark("In brackets: 95% interval, clustered by visual item; bold: best of its column.")
# Sizes C that have columns in a table.
_MOST_SIZES = 8


@dataclass(frozen=True)
class Cell:
    """A value, half the width of its interval, the test's mark; `best` in its column."""

    text: str
    mark: str = ""
    best: bool = False


@dataclass(frozen=True)
class PaperTable:
    """Parts of rows under one header; texts are as in the data, not escaped.

    `names`: how many columns, from the left, are names and not numbers.
    """

    caption: str
    header: list[str]
    names: int
    parts: list[tuple[str, list[list[Cell]]]]
    notes: list[str] = field(default_factory=list)


def kept(look: Look, found: Findings) -> PaperTable | None:
    """Recall@10, MRR and NDCG@10 over the whole gallery, tested against the baseline.

    None if nothing is known of them.
    """
    if not found.kept:
        return None
    say = look.say
    parts = []
    for way in found.directions:
        rows = [row for row in found.kept if row["direction"] == way]
        runs: dict[str, dict[tuple[str, int | None], Row]] = {}
        for row in rows:
            runs.setdefault(row["run_id"], {})[row["measure"], row["k"]] = row
        lines = [_kept_line(look, of) for of in sorted(runs.values(), key=_place)]
        parts.append((say(WAYS[way]), _with_best(lines, range(4, 4 + len(MEASURES)))))
    tests = sum(row["p_holm"] is not None for row in found.kept)
    measures = [say(called) for _, _, called in QUALITY.values()]
    notes = [
        say(_SPREAD),
        say("Share kept: Recall@10 divided by that of the baseline, with its 95% interval."),
        _baseline(look, found),
        say(
            "Tests against the baseline, paired by query and clustered by visual item: ↑ better, "
            "↓ worse; * p < 0.05, ** p < 0.01, *** p < 0.001 after Holm's correction for the "
            "{tests} tests of this table; without a mark the queries do not tell them apart."
        ).format(tests=tests),
    ]
    return PaperTable(
        caption=_caption(look, found, say(WHOLE)),
        header=[
            say("Dimension"), say("Method"), say("Precision"), say("Bytes"), *measures,
            say("Share kept"),
        ],
        names=3,
        parts=parts,
        notes=notes,
    )  # fmt: skip


def _baseline(look: Look, found: Findings) -> str:
    """A note on the baseline."""
    say, held = look.say, found.held
    if held.name is None:
        return say(
            "There is no baseline: native fp32 was not evaluated, and an expanded dimension cannot "
            "be one."
        )
    if held.missing is None:
        return say("The baseline (b) is fp32 at the native dimension: {name}.").format(
            name=held.name
        )
    return say(
        "The baseline (b) is the finest representation evaluated, {name}: native fp32 was not."
    ).format(name=held.name)


def pools(look: Look, found: Findings) -> PaperTable | None:
    """Recall@10 at every C of the leading protocol.

    None if that is the whole gallery, or if nothing is known.
    """
    say = look.say
    protocols = {way: found.leading(way) for way in found.directions}
    if all(map(is_whole, protocols.values())):
        return None
    mine = [
        row
        for row in found.metrics
        if (row["measure"], row["k"]) == ("recall", 10)
        and row["protocol"] == protocols.get(row["direction"])
        and not is_whole(row["protocol"])
    ]
    if not mine:
        return None
    sizes = sorted({row["candidates"] for row in mine})
    shown = sizes[:: -(-len(sizes) // _MOST_SIZES)]
    parts = []
    for way in found.directions:
        runs: dict[str, dict[int, Row]] = {}
        for row in mine:
            if row["direction"] == way:
                runs.setdefault(row["run_id"], {})[row["candidates"]] = row
        lines = [
            _names(next(iter(of.values())))
            + [
                Cell(estimate(*(of[size][name] for name in ("value", "ci_low", "ci_high"))))
                if size in of
                else Cell("")
                for size in shown
            ]
            for of in sorted(runs.values(), key=_place)
        ]
        if lines:
            name = say(", ").join([say(WAYS[way]), say(POOLS[protocols[way]])])
            parts.append((name, _with_best(lines, range(3, 3 + len(shown)))))
    return PaperTable(
        caption=_caption(look, found, say("Recall@10 among C candidates")),
        header=[
            say("Dimension"), say("Method"), say("Precision"), *(f"C = {size:,}" for size in shown),
        ],
        names=3,
        parts=parts,
        notes=[
            say(_SPREAD),
            say("Nothing is tested here; the table over the whole gallery has the tests."),
        ],
    )  # fmt: skip


def _kept_line(look: Look, of: dict[tuple[str, int | None], Row]) -> list[Cell]:
    first = next(iter(of.values()))
    own = first["run_id"] == first["baseline"]
    cells = [*_names(first), Cell(f"{first['vector_bytes']:,}")]
    for key in MEASURES:
        row = of.get(key)
        if row is None:
            cells.append(Cell(""))
            continue
        value = estimate(row["value"], row["value_low"], row["value_high"])
        cells.append(Cell(value, "b" if own else _mark(row)))
    recall = of.get(("recall", 10), {})
    share, low, high = (recall.get(name) for name in ("retention", "ci_low", "ci_high"))
    interval = ""
    if low is not None and high is not None and not own:
        interval = f" [{fixed(100 * low, 2)}, {fixed(100 * high, 2)}]"
    return [*cells, Cell("" if share is None else f"{percent(share)}{interval}")]


def _names(row: Row) -> list[Cell]:
    return [Cell(str(row["dim"])), Cell(row["dim_method"]), Cell(row["precision"])]


def _mark(row: Row) -> str:
    if row["p_holm"] is None:
        return ""
    stars = next((text for level, text in LEVELS if row["p_holm"] < level), "")
    return stars and ("↑" if row["difference"] > 0 else "↓") + stars


def _place(of: Mapping[Any, Row]) -> tuple[int, str, int, str]:
    row = next(iter(of.values()))
    return row["dim"], row["dim_method"], PRECISIONS.index(row["precision"]), row["run_id"]


def _with_best(lines: list[list[Cell]], columns: Sequence[int]) -> list[list[Cell]]:
    """Mark each column's largest value, and those printed the same, unless all are."""
    best = {}
    for at in columns:
        values = {line[at].text.split(" ")[0] for line in lines if line[at].text}
        if len(values) > 1:
            best[at] = max(values)
    return [
        [
            Cell(cell.text, cell.mark, at in best and cell.text.split(" ")[0] == best[at])
            for at, cell in enumerate(line)
        ]
        for line in lines
    ]


def _caption(look: Look, found: Findings, what: str) -> str:
    of = found.subject
    names = [of.dataset, of.model]
    if of.qrels == GROUPED_QRELS:
        names.append(look.say(GROUPED))
    elif of.qrels != "default":
        names.append(look.say("judged by {qrels}").format(qrels=of.qrels))
    return look.say(", ").join([*names, what])
