"""What a gate found, as text, Markdown for a pull request, JSON and JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from xml.etree import ElementTree

from cmr.api.comparison import representation
from cmr.api.gate import Gated, Outcome, overall
from cmr.decimals import fixed
from cmr.report import named
from cmr.rows import Row

_WORDS = {
    Outcome.PASS: "passes",
    Outcome.FAIL: "fails",
    Outcome.UNDECIDED: "is undecided",
}


def written(found: Sequence[Gated], form: str) -> str:
    """The rows in one of the formats of `cmr gate`."""
    return {"text": _text, "markdown": _markdown, "json": _json, "junit": _junit}[form](found)


def _cells(one: Gated) -> dict[str, str]:
    row = one.row
    low, high = row["ci_low"], row["ci_high"]
    known = row["difference"] is not None
    return {
        "data": f"{one.baseline['dataset']} {one.baseline['direction']}",
        "measure": named.measure(row),
        "baseline": fixed(row["value_a"]) if known else "",
        "run": fixed(row["value_b"]) if known else "",
        "difference": f"{row['difference']:+.4f}" if known else "",
        "95% interval": "" if low is None else f"[{low:+.4f}, {high:+.4f}]",
        "outcome": one.outcome.value,
    }


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
            f"{one.baseline['dataset']} {one.baseline['direction']}: "
            f"{_run(one.candidate)} against {_run(one.baseline)}"
            for one in found
        )
    )


def _run(row: Row) -> str:
    plain = {**row, "run_id": str(row["run_id"]).removeprefix("baseline-")}
    return f"{row['model']} {representation(plain)}"


def _head(found: Sequence[Gated]) -> str:
    margins = {f"{one.margin:g}" for one in found}
    return f"The gate {_WORDS[overall(found)]} (margin {', '.join(sorted(margins))})"


def _text(found: Sequence[Gated]) -> str:
    rows = [_cells(one) for one in found]
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    lines = [*_sides(found), ""]
    lines.append(" ".join(f"{name:<{width}} " for name, width in widths.items()).rstrip())
    for row in rows:
        lines.append(" ".join(f"{row[one]:<{width}} " for one, width in widths.items()).rstrip())
    lines.append("")
    for row, one in zip(rows, found, strict=True):
        lines.append(f"{row['data']}, {row['measure']}: {_sentence(one)}.")
    return "\n".join([*lines, f"{_head(found)}."]) + "\n"


def _markdown(found: Sequence[Gated]) -> str:
    rows = [_cells(one) for one in found]
    names = list(rows[0])
    lines = [f"### {_head(found)}", "", *(f"- {_escaped(side)}" for side in _sides(found)), ""]
    lines += ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_escaped(row[name]) for name in names) + " |" for row in rows]
    lines.append("")
    for row, one in zip(rows, found, strict=True):
        lines.append(f"- {_escaped(row['data'])}, {row['measure']}: {_escaped(_sentence(one))}.")
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
    """A test case per row; what is undecided is an error, so that it is not taken for a pass."""
    suite = ElementTree.Element("testsuite", name="cmr gate", tests=str(len(found)))
    suite.set("failures", str(sum(one.outcome is Outcome.FAIL for one in found)))
    suite.set("errors", str(sum(one.outcome is Outcome.UNDECIDED for one in found)))
    for one in found:
        cells = _cells(one)
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"cmr.gate.{cells['data']}", name=cells["measure"]
        )
        said = f"{_sentence(one)}: {cells['difference']} {cells['95% interval']}"
        if one.outcome is not Outcome.PASS:
            kind = "failure" if one.outcome is Outcome.FAIL else "error"
            ElementTree.SubElement(case, kind, type=one.outcome.value, message=said)
        else:
            ElementTree.SubElement(case, "system-out").text = said
    ElementTree.indent(suite)
    text = ElementTree.tostring(suite, encoding="unicode")
    # XML cannot hold control characters, and ElementTree writes them as they are.
    kept = "".join(mark for mark in text if mark in "\n\t" or mark >= " ")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{kept}\n'
