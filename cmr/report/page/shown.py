"""A gallery list in the form that the templates show."""

from __future__ import annotations

from typing import Any

from cmr.report.languages import Translate, mark
from cmr.report.page.column_labels import DIRECTIONS
from cmr.report.page.exhibit import Exhibit, rounded
from cmr.report.page.gallery import Listing, name
from cmr.report.page.number_text import rank

_RANKS = {"best": mark("best run"), "median": mark("median"), "worst": mark("worst run")}


def listing(found: Listing, _: Translate) -> dict[str, Any]:
    """Titles in words, ranks as text, and the queries behind the list."""
    way = _(DIRECTIONS[found.direction])
    if found.kind == "hard":
        title = _("Hardest queries, {way}").format(way=way)
        subtitle = _("found late by every representation")
        about = _(
            "Queries whose first relevant item has the worst median rank over all "
            "representations. The lists are those of {name}."
        ).format(name=name(found.runs[0]))
        none = _("There are none.")
    else:
        a, b = map(name, found.runs)
        title = _("Rank flips, {way}").format(way=way)
        subtitle = _("from {a} to {b}").format(a=a, b=b)
        if found.within is not None:
            title = _("Rank flips in the worst slice, {way}").format(way=way)
            subtitle += f" · {': '.join(found.within)}"
        about = _(
            "Queries whose first relevant item enters or leaves the top 10 when {a} is replaced "
            "by {b}; the largest moves first."
        ).format(a=a, b=b)
        none = _("No query enters or leaves the top 10.")
    asks = [Exhibit(found.key, found.sql, rounded(found.rows))]
    if found.tops_sql:
        asks.append(Exhibit(f"{found.key}-tops", found.tops_sql, rounded(found.tops_rows)))
    return {
        "key": found.key,
        "title": title,
        "subtitle": subtitle,
        "about": about,
        "none": none,
        "pictures_ask": found.direction == "v2t",
        "entries": [
            {
                "query": entry.query,
                "right": entry.right,
                "more_right": entry.more_right,
                "ranks": [
                    (_(_RANKS[label]) if label in _RANKS else label, rank(value))
                    for label, value in entry.ranks
                ],
                "tops": entry.tops,
                "change": entry.change,
                "slices": "\n".join(entry.slices),
                # A picture's words are those of its captions.
                "words": " ".join(
                    [entry.query.text]
                    + ([card.text for card in entry.right] if found.direction == "v2t" else [])
                ),
            }
            for entry in found.entries
        ],
        "left_out": found.left_out,
        "asks": asks,
    }
