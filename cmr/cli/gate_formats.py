"""What a gate found, as text, Markdown for a pull request, JSON and JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from xml.etree import ElementTree

from cmr.api.comparison import representation
from cmr.api.gate import Gated, Outcome, overall
from cmr.decimals import fixed
from cmr.protocols import way
from cmr.report import named
from cmr.rows import Row

_WORDS = {
    Outcome.PASS: "passes",
    Outcome.FAIL: "fails",
    Outcome.UNDECIDED: "is undecided",
}
# JUnit's words for what did not pass: what is undecided is not taken for a pass.
_JUNIT = {Outcome.FAIL: "failure", Outcome.UNDECIDED: "error", Outcome.SKIPPED: "skipped"}


def written(found: Sequence[Gated], form: str) -> str:
    """The rows in one of the formats of `cmr gate`."""
    return {"text": _text, "markdown": _markdown, "json": _json, "junit": _junit}[form](found)


def _cells(one: Gated, sliced: bool = False) -> dict[str, str]:
    """A row of the table; `sliced`: some rows are of slices."""
    row = one.row
    low, high = row["ci_low"], row["ci_high"]
    known = row["difference"] is not None
    return {
        "data": _data(one),
        **({} if not sliced else {"slice": one.slice or "all"}),
        "measure": named.measure(row),
        "baseline": fixed(row["value_a"]) if known else "",
        "run": fixed(row["value_b"]) if known else "",
        "difference": f"{row['difference']:+.4f}" if known else "",
        "95% interval": "" if low is None else f"[{low:+.4f}, {high:+.4f}]",
        "outcome": one.outcome.value,
    }


def _data(one: Gated) -> str:
    """The data set and direction of a comparison."""
    of = one.baseline
    return f"{of['dataset']} {way(of['direction'], of['qrels'])}"


def _sentence(one: Gated) -> str:
    """Why the outcome is what it is, without its data set and measure."""
    row, margin = one.row, f"{one.margin:g}"
    if one.why is not None:
        return one.why
    if one.outcome is Outcome.PASS:
        return f"sure to lose no more than {margin}"
    if one.outcome is Outcome.FAIL:
        return f"sure to lose more than {margin}"
    wide = f"the interval reaches from {row['ci_low']:+.4f} to {row['ci_high']:+.4f}"
    if one.queries is None:
        return f"{wide}, around a loss of {margin}, and no number of queries decides it"
    return (
        f"{wide}; about {one.queries:,} queries such as these {row['queries']:,} would decide "
        f"whether it loses more than {margin}"
    )


def _sides(found: Sequence[Gated]) -> list[str]:
    """What was compared, once for each pair of runs."""
    return list(
        dict.fromkeys(
            f"{_data(one)}: {_run(one.candidate)} against {_run(one.baseline)}" for one in found
        )
    )


def _run(row: Row) -> str:
    plain = {**row, "run_id": str(row["run_id"]).removeprefix("baseline-")}
    return f"{row['model']} {representation(plain)}"


def _head(found: Sequence[Gated]) -> str:
    margins = {f"{one.margin:g}" for one in found}
    return f"The gate {_WORDS[overall(found)]} (margin {', '.join(sorted(margins))})"


def _rows(found: Sequence[Gated]) -> list[dict[str, str]]:
    sliced = any(one.slice is not None for one in found)
    return [_cells(one, sliced) for one in found]


def _said(row: dict[str, str], one: Gated) -> str:
    part = f", {row['slice']}" if one.slice is not None else ""
    return f"{row['data']}{part}, {row['measure']}: {_sentence(one)}."


def _sentences(rows: Sequence[dict[str, str]], found: Sequence[Gated]) -> list[str]:
    """What is to be said of every row; of those that pass all the same, in one."""
    passed = [one for one in found if one.outcome is Outcome.PASS]
    said = [
        _said(row, one)
        for row, one in zip(rows, found, strict=True)
        if one.outcome is not Outcome.PASS
    ]
    if passed:
        who = "all" if len(passed) == len(found) else f"{len(passed)} of {len(found)}"
        said.append(f"{who} are {_sentence(passed[0])}.")
    return said


def _text(found: Sequence[Gated]) -> str:
    rows = _rows(found)
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    lines = [*_sides(found), ""]
    lines.append(" ".join(f"{name:<{width}} " for name, width in widths.items()).rstrip())
    for row in rows:
        lines.append(" ".join(f"{row[one]:<{width}} " for one, width in widths.items()).rstrip())
    lines.append("")
    lines += _sentences(rows, found)
    return "\n".join([*lines, f"{_head(found)}."]) + "\n"


def _markdown(found: Sequence[Gated]) -> str:
    rows = _rows(found)
    names = list(rows[0])
    lines = [f"### {_head(found)}", "", *(f"- {_escaped(side)}" for side in _sides(found)), ""]
    lines += ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_escaped(row[name]) for name in names) + " |" for row in rows]
    lines.append("")
    lines += [f"- {_escaped(sentence)}" for sentence in _sentences(rows, found)]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """A text of the data, such as a model's name, without a meaning in Markdown or HTML."""
    for mark in "\\`*_{}[]<>#|":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", " ")


def _json(found: Sequence[Gated]) -> str:
    rows = [
        {
            "dataset": one.baseline["dataset"],
            "qrels": one.baseline["qrels"],
            "direction": one.baseline["direction"],
            "slice": one.slice,
            "measure": one.row["measure"],
            "k": one.row["k"],
            "baseline_run": str(one.baseline["run_id"]).removeprefix("baseline-"),
            "baseline": _run(one.baseline),
            "run": one.candidate["run_id"],
            "candidate": _run(one.candidate),
            "baseline_value": one.row["value_a"],
            "value": one.row["value_b"],
            "difference": one.row["difference"],
            "ci_low": one.row["ci_low"],
            "ci_high": one.row["ci_high"],
            "queries": one.row["queries"],
            "clusters": one.row["clusters"],
            "margin": one.margin,
            "outcome": one.outcome.value,
            "why": _sentence(one),
            "queries_to_decide": one.queries,
        }
        for one in found
    ]
    return json.dumps({"outcome": overall(found).value, "rows": rows}, indent=2) + "\n"


def _junit(found: Sequence[Gated]) -> str:
    """A test case per row."""
    suite = ElementTree.Element("testsuite", name="cmr gate", tests=str(len(found)))
    suite.set("failures", str(sum(one.outcome is Outcome.FAIL for one in found)))
    suite.set("errors", str(sum(one.outcome is Outcome.UNDECIDED for one in found)))
    for one in found:
        cells = _cells(one)
        name = cells["measure"] if one.slice is None else f"{cells['measure']} of {one.slice}"
        where = f"cmr.gate.{cells['data']}"
        case = ElementTree.SubElement(suite, "testcase", classname=where, name=name)
        said = f"{_sentence(one)}: {cells['difference']} {cells['95% interval']}"
        if one.outcome is not Outcome.PASS:
            told = _JUNIT[one.outcome]
            ElementTree.SubElement(case, told, type=one.outcome.value, message=said)
        else:
            ElementTree.SubElement(case, "system-out").text = said
    ElementTree.indent(suite)
    text = ElementTree.tostring(suite, encoding="unicode")
    # XML cannot hold control characters, and ElementTree writes them as they are.
    kept = "".join(mark for mark in text if mark in "\n\t" or mark >= " ")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{kept}\n'
