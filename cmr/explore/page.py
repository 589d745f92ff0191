"""The page as HTML: the report's style, with the explorer's own parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cmr.answers import quoted
from cmr.explore.guard import HEADER
from cmr.explore.searching import Explorer
from cmr.explore.sql_question import ROWS
from cmr.report.languages import Translate, locale_tag, translator
from cmr.report.page.column_labels import DIRECTIONS
from cmr.report.page.exhibit import as_json
from cmr.version import __version__

# Hits that a side can show.
SHOWN = (10, 20, 50)
_BOARD = """select
    run_id, model, direction, dim, dim_method, precision, quantizer, scorer, variant,
    recall_10, recall_10_low, recall_10_high, mrr, ndcg_10, recall_10_kept, vector_bytes
from leaderboard
where dataset = {dataset} and protocol = 'full'"""


def policy(nonce: str) -> str:
    """The Content-Security-Policy of the page whose scripts and styles have this nonce."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        "img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def render(
    explorer: Explorer, names: Sequence[str], offered: Sequence[str], lang: str, nonce: str
) -> str:
    """The page of a data set.

    `names`: all data sets that there are. `offered`: captions to try. `nonce`: of this answer.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    _ = translator(lang).gettext
    # The report's style and its scripts for tables and colours are shared.
    loader = ChoiceLoader([PackageLoader("cmr.explore"), PackageLoader("cmr.report.page")])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip

    def own(*files: str) -> Markup:
        return Markup("\n".join(loader.get_source(environment, name)[0] for name in files))

    dataset = explorer.data.name
    board = _BOARD.format(dataset=quoted(dataset))
    return environment.get_template("explore.html.j2").render(
        _=_,
        lang=locale_tag(lang),
        version=__version__,
        nonce=nonce,
        dataset=dataset,
        names=names,
        offered=offered,
        choices=list(explorer.choices.values()),
        pair=explorer.pair,
        shown=SHOWN,
        board=board,
        css=own("page.css", "explore.css"),
        js=own("js/sorting.js", "js/theme.js", "explore.js"),
        state=as_json(
            {
                "dataset": dataset,
                "header": HEADER,
                "board": board,
                "runs": {run: one.key for one in explorer.choices.values() for run in one.runs},
                "words": _words(_),
            }
        ),
    )


def _words(_: Translate) -> dict[str, Any]:
    """What the script says."""
    return {
        "directions": {way: _(text) for way, text in DIRECTIONS.items()},
        "searching": _("Searching …"),
        "loading": _("The first search of a representation builds its index …"),
        "failed": _("The server does not answer; is `cmr explore` still running?"),
        "typed": _("Typed"),
        "dropped": _("Dropped picture"),
        "text": _("Caption {id}"),
        "visual": _("Picture {id}"),
        "relevant": _("relevant items: {count}"),
        "ranks": _("relevant: rank {ranks}"),
        "no_ranks": _("no relevant item in the first {count}"),
        "took": _("searched in {ms} ms"),
        "encoded": _("query ready in {ms} ms"),
        "same": _("the same rank on the other side"),
        "up": _("rank {other} on the other side, {moved} lower"),
        "down": _("rank {other} on the other side, {moved} higher"),
        "out": _("not in the first {count} of the other side"),
        "right": _("right"),
        "score": _("score"),
        "other_way": _("search with it"),
        "answered": _("{rows} rows in {seconds} s"),
        "more": _("The first {rows} rows; `cmr sql` gives all of them.").format(rows=f"{ROWS:,}"),
        "empty": _("no rows"),
        "left": _("Left side"),
        "to_right": _("Right side"),
        "asking": _("Asking …"),
        "yes": _("yes"),
        "no": _("no"),
    }
