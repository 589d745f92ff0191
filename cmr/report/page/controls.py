"""What is chosen for the whole page: the measure, K, protocol, C, and how quality is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cmr.protocols import is_whole
from cmr.report.languages import Translate, mark
from cmr.report.page.column_labels import PROTOCOLS
from cmr.report.subject import LEADING
from cmr.rows import Row

# By the names of the views, with K in place.
MEASURES = {
    "recall": mark("Recall@{k}"), "hit_rate": mark("Hit rate@{k}"),
    "ndcg": mark("NDCG@{k}"), "mrr": mark("MRR"),
}  # fmt: skip
_SHORT = {"recall": mark("Recall"), "hit_rate": mark("Hit rate"), "ndcg": mark("NDCG")}


def controls(parts: Sequence[Mapping[str, Any]], _: Translate) -> list[dict[str, Any]]:
    """The menus: name, label, options, and the option chosen at first."""
    rows = [
        row
        for part in parts
        for section in part["sections"]
        for one in section["charts"]
        if one.made == "quality"
        for row in one.rows
    ]
    there = {row["measure"] for row in rows}
    ks = sorted({row["k"] for row in rows if row["k"] is not None})
    protocols = [name for name in LEADING if any(row["protocol"] == name for row in rows)]
    sizes = sorted({row["candidates"] for row in rows if not is_whole(row["protocol"])})
    measures = [name for name in MEASURES if name in there] or ["recall"]
    usual = 10 if 10 in ks or not ks else ks[-1]
    asked = {
        "measure": (_("Measure"), [(name, _(_SHORT.get(name, "MRR"))) for name in measures]),
        "k": (_("K"), [(str(k), str(k)) for k in ks or [10]]),
        "protocol": (_("Protocol"), [(name, _(PROTOCOLS[name])) for name in protocols]),
        "c": (_("C"), [(str(size), f"{size:,}") for size in sizes]),
        "as": (
            _("Quality as"),
            [("difference", _("difference from the baseline")), ("absolute", _("absolute"))],
        ),
    }
    first = {"k": str(usual), "c": str(sizes[-1]) if sizes else ""}
    return [
        {
            "name": name, "label": label, "options": options,
            "chosen": first.get(name, options[0][0] if options else ""),
        }
        for name, (label, options) in asked.items()
        if options
    ]  # fmt: skip


def words(_: Translate) -> dict[str, Any]:
    """The texts that the page's script puts together."""
    return {
        "shown": _("{shown} of {all}"), "copied": _("Copied"),
        "select": _("Select it and copy it yourself"), "yes": _("yes"), "no": _("no"),
        "measures": {name: _(text) for name, text in MEASURES.items()},
        "protocols": {name: _(text) for name, text in PROTOCOLS.items()},
        "candidates": _("candidates C"), "bytes": _("bytes a vector"),
        "nothing": _("There is nothing to show here."), "points": _("points"),
        "equal": _("Equal at every C, and drawn once: {names}"),
        "at": _("{value} at C = {c}"),
        "gained": _("points of {measure}, minus {base}"), "baseline": _("the baseline"),
        "kept": _("{measure} kept"), "representation": _("representation"),
        "measure": _("Measure"), "minus": _("b − a, points"), "holm": _("p, Holm"),
        "wonBy": _("won by b"), "lostBy": _("lost by b"), "same": _("equal"),
        "from": _("interval from"), "to": _("to"),
        "change": _("change"), "query": _("query"), "rankA": _("rank in a"),
        "rankB": _("rank in b"), "wonOne": _("won"), "lostOne": _("lost"),
        "pair": _(
            "{b} minus {a}: {difference} points of {measure} [{low}, {high}], {p}; {wins} "
            "queries won, {losses} lost, {ties} equal, of {queries} with {clusters} visual items."
        ),
        "flips": _("Queries that leave the top {k}: {lost}; that enter it: {won}"),
        "command": _("The same on the command line: {command}"),
        "unpaired": _(
            "The values of single queries are not in this page: there are too many, or the whole "
            "gallery was not ranked. cmr compare pairs any two runs."
        ),
        "learnt": _(
            "One of these runs was scored on what it was learnt from, and the other was not, so "
            "they are not compared."
        ),
        "chance": _("by chance"), "more": _("more to the side →"),
        "times": _("{measure} in multiples of chance, {protocol}"),
        "every": _("Show all {count}"), "fewer": _("Show {count} only"),
    }  # fmt: skip


def chosen(menus: Sequence[Row]) -> dict[str, str]:
    """What is chosen at first, by the menu's name."""
    return {menu["name"]: menu["chosen"] for menu in menus}
