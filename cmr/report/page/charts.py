"""The page's plots as Vega-Lite specifications, built with Altair.

Colours are CSS variables of the page, so light, dark and print need no redrawing. The rows are not
part of a specification: the page supplies its query's rows under the name `rows`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from typing import Any

from cmr.precision import PRECISIONS
from cmr.report.languages import Translate
from cmr.report.page.questions import RANK_GROUPS
from cmr.rows import Row

Spec = dict[str, Any]
_DASHES = (
    [1, 0], [6, 3], [10, 3], [12, 2, 2, 2], [4, 1], [2, 2], [8, 3, 2, 3], [1, 3],
)  # fmt: skip
_SHAPES = (
    "circle", "square", "cross", "triangle-left", "triangle-right", "diamond", "triangle-up",
    "triangle-down",
)  # fmt: skip
_HUES = [f"var(--hue-{number})" for number in range(1, 7)]
_STEPS = [f"var(--step-{number})" for number in range(1, 7)]


def against_candidates(
    rows: Sequence[Row], measures: dict[str, str], titles: dict[str, str], _: Translate
) -> Spec:
    """A measure against C, with bands. `measures`: the menu's entries, by their value's name."""
    import altair as alt

    names = list(measures)
    menu = alt.binding_select(options=names, labels=list(measures.values()), name=_("Measure"))
    chosen = alt.param(name="chosen", bind=menu, value=names[0])
    sizes = sorted({row["candidates"] for row in rows})
    base = _base(alt).transform_filter("datum.measure == chosen").encode(
        x=alt.X(
            "candidates:Q", title=_("candidates C"),
            axis=alt.Axis(values=sizes, format=",d", grid=False, labelOverlap=True),
            scale=alt.Scale(zero=False, nice=False, padding=14),
        ),
    )  # fmt: skip
    return _lines(alt, base, rows, ("value", "ci_low", "ci_high"), titles, _, [chosen])


def growing(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """Recall@10 against the size of the gallery, with bands; dashed where it is extrapolated."""
    import altair as alt

    base = _base(alt).encode(
        x=alt.X(
            "candidates:Q", title=_("candidates C"), axis=_counts(alt),
            scale=alt.Scale(type="log", nice=False, padding=14),
        ),
        color=_colour(alt, rows, _), detail="run_id:N",
    )  # fmt: skip
    title = _("Recall@10")
    band = base.mark_area(opacity=0.08).encode(y=alt.Y("ci_low:Q", title=title), y2="ci_high:Q")
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
    known = "!datum.extrapolated"
    gallery = max(row["candidates"] for row in rows if not row["extrapolated"])
    line = base.transform_filter(known).mark_line(strokeWidth=2).encode(y=y)
    # It begins where what is known ends.
    beyond = base.transform_filter(f"datum.extrapolated || datum.candidates >= {gallery}")
    dashes = beyond.mark_line(strokeWidth=2, strokeDash=[5, 4], opacity=0.75).encode(y=y)
    tips = _tips(
        alt, titles,
        ("representation", "candidates:,d", "value:.4f", "ci_low:.4f", "ci_high:.4f",
         "extrapolated"),
    )  # fmt: skip
    points = [
        base.transform_filter(which)
        .mark_point(filled=filled, size=50)
        .encode(y=y, shape=_shape(alt, rows, _), tooltip=tips)
        for which, filled in ((known, True), ("datum.extrapolated", False))
    ]
    return _done(alt.layer(band, line, dashes, *points), 320)


def lifts(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """Recall@10 by its chance against C, with bands."""
    import altair as alt

    sizes = sorted({row["candidates"] for row in rows})
    base = _base(alt).encode(
        x=alt.X(
            "candidates:Q", title=_("candidates C"),
            axis=alt.Axis(values=sizes, format=",d", grid=False, labelOverlap=True),
            scale=alt.Scale(zero=False, nice=False, padding=14),
        ),
    )  # fmt: skip
    return _lines(alt, base, rows, ("lift", "lift_low", "lift_high"), titles, _, [])


def against_bytes(rows: Sequence[Row], retain: float, titles: dict[str, str], _: Translate) -> Spec:
    """The share kept against bytes per vector, with intervals, Pareto front and share to keep."""
    import altair as alt

    base = _base(alt)
    sizes = sorted({row["vector_bytes"] for row in rows})
    x = alt.X(
        "vector_bytes:Q", title=_("bytes a vector"),
        scale=alt.Scale(type="log", base=2, nice=False, padding=18),
        axis=alt.Axis(values=sizes, format=",d", labelOverlap=True, grid=False),
    )  # fmt: skip
    share = alt.Axis(format=".1~%")
    y = alt.Y(
        "recall_10_kept:Q",
        title=_("Recall@10 kept, whole gallery"),
        axis=share,
        scale=alt.Scale(zero=False),
    )
    front = (
        base.transform_filter("datum.pareto_bytes")
        .mark_line(color="var(--ink-3)", strokeWidth=1.5, interpolate="step-after")
        .encode(x=x, y=y)
    )
    spread = base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(
        x=x, y=alt.Y("recall_10_kept_low:Q", title=_("Recall@10 kept, whole gallery"), axis=share),
        y2="recall_10_kept_high:Q", color=_colour(alt, rows, _),
    )  # fmt: skip
    points = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=x, y=y, color=_colour(alt, rows, _), shape=_shape(alt, rows, _),
        tooltip=_tips(
            alt, titles,
            ("representation", "vector_bytes:,d", "bytes_share:.1%", "recall_10:.4f",
             "recall_10_kept:.2%", "recall_10_kept_low:.2%", "recall_10_kept_high:.2%",
             "mrr:.4f", "ndcg_10:.4f", "pareto_bytes"),
        ),
    )  # fmt: skip
    line = (
        alt.Chart(alt.InlineData([{"share": retain}]))
        .mark_rule(strokeDash=[4, 4], color="var(--accent)", strokeWidth=1.5)
        .encode(
            y="share:Q",
            tooltip=[alt.Tooltip("share:Q", format=".1~%", title=_("share to keep"))],
        )
    )
    return _done(alt.layer(front, line, spread, points), 320)


def contenders(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """The share kept against bytes, coloured by scorer; larger is slower, filled is on the front.

    What was not timed has a cross.
    """
    import altair as alt

    base, share = _base(alt), alt.Axis(format=".1~%")
    title = _("Recall@10 kept, whole gallery")
    x = alt.X(
        "bytes:Q", title=_("bytes a vector"), axis=_counts(alt),
        scale=alt.Scale(type="log", base=2, nice=False, padding=18),
    )  # fmt: skip
    y = alt.Y("kept:Q", title=title, axis=share, scale=alt.Scale(zero=False))
    names = sorted({row["scorer"] for row in rows})
    hues = [_HUES[number % len(_HUES)] for number in range(len(names))]
    colour = alt.Color(
        "scorer:N", title=_("search"), legend=_long(alt),
        scale=alt.Scale(domain=names, range=hues),
    )  # fmt: skip
    slower = alt.Size(
        "p50_ms:Q", title=_("ms a query"), scale=alt.Scale(type="log", range=[40, 400])
    )
    tips = _tips(
        alt, titles,
        ("contender", "bytes:,.1f", "bytes_share:.1%", "memory_bytes:,.1f", "kept:.2%",
         "kept_low:.2%", "kept_high:.2%", "ann_recall:.4f", "lost_by_codes:+.4f",
         "lost_by_search:+.4f", "p50_ms:.3f", "p99_ms:.3f", "queries_per_second:,.0f",
         "best", "unearned"),
    )  # fmt: skip
    layers = [
        base.mark_rule(strokeWidth=1.5, opacity=0.5).encode(
            x=x, y=alt.Y("kept_low:Q", title=title, axis=share), y2="kept_high:Q", color=colour
        )
    ]
    for timed, best in product((True, False), repeat=2):
        if any(((row["p50_ms"] is not None), row["best"] is True) == (timed, best) for row in rows):
            which = f"(datum.p50_ms !== null) == {json.dumps(timed)}"
            which += f" && (datum.best === true) == {json.dumps(best)}"
            points = base.transform_filter(which).mark_point(
                filled=best, shape="circle" if timed else "cross", size=80, opacity=1
            )
            sized = {"size": slower} if timed else {}
            layers.append(points.encode(x=x, y=y, color=colour, tooltip=tips, **sized))
    return _done(alt.layer(*layers), 380)


def speeds(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """Queries per second in batches, one bar per representation."""
    import altair as alt

    names = list(dict.fromkeys(row["representation"] for row in rows))
    bars = (
        _base(alt)
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            y=alt.Y("representation:N", sort=names, title=None),
            x=alt.X("queries_per_second:Q", title=_("queries a second"), axis=_counts(alt)),
            color=_colour(alt, rows, _),
            tooltip=_tips(
                alt, titles,
                ("representation", "queries_per_second:,.0f", "slowest:,.0f", "quickest:,.0f",
                 "p50_ms:.3f", "p99_ms:.3f", "queries:,d", "gallery:,d", "vector_bytes:,d",
                 "threads", "device"),
            ),
        )
    )  # fmt: skip
    return _done(bars, 24 * len(names))


def latencies(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """Milliseconds per single query against C, one line per search; median to 99th percentile."""
    import altair as alt

    base = _base(alt).encode(
        x=alt.X("candidates:Q", title=_("candidates C"), axis=_counts(alt)),
        color=alt.Color("search:N", title=_("search"), legend=_long(alt)),
    )
    y = alt.Y("p50_ms:Q", title=_("ms a query"), scale=alt.Scale(type="log"))
    spread = base.mark_rule(opacity=0.45).encode(y=y, y2="p99_ms:Q")
    line = base.mark_line(strokeWidth=2).encode(y=y)
    points = base.mark_point(filled=True, size=50).encode(
        y=y,
        tooltip=_tips(
            alt, titles,
            ("search", "candidates:,d", "p50_ms:.3f", "p95_ms:.3f", "p99_ms:.3f", "singles:,d",
             "threads", "device"),
        ),
    )  # fmt: skip
    return _done(alt.layer(spread, line, points), 320)


def agreements(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """ANN recall against queries per second, one curve per graph; exact searches are at 1."""
    import altair as alt

    base = _base(alt).encode(
        x=alt.X("ann_recall:Q", title=_("ANN recall"), scale=alt.Scale(zero=False)),
        y=alt.Y("queries_per_second:Q", title=_("queries a second"), scale=alt.Scale(type="log")),
        color=alt.Color("curve:N", title=_("search"), legend=_long(alt)),
    )
    points = base.mark_point(filled=True, size=60).encode(
        tooltip=_tips(
            alt, titles,
            ("curve", "ann_recall:.4f", "queries_per_second:,.0f", "slowest:,.0f", "quickest:,.0f",
             "expansion_search", "build_seconds:.3f", "threads", "device"),
        ),
    )  # fmt: skip
    return _done(alt.layer(base.mark_line(strokeWidth=2), points), 320)


def distributions(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """The share of queries in each group of ranks, one bar per representation."""
    import altair as alt

    names = list(dict.fromkeys(row["representation"] for row in rows))
    labels = [label for label, _last in RANK_GROUPS]
    bars = (
        _base(alt)
        .mark_bar()
        .encode(
            y=alt.Y("representation:N", sort=names, title=None),
            x=alt.X(
                "share:Q", title=_("share of the queries"), stack="zero",
                axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1]),
            ),
            color=alt.Color(
                "ranks:O", title=_("rank of the first relevant item"),
                scale=alt.Scale(domain=labels, range=_STEPS), sort=labels,
            ),
            order=alt.Order("place:O"),
            tooltip=_tips(alt, titles, ("representation", "ranks", "share:.2%", "queries:,d")),
        )
    )  # fmt: skip
    return _done(bars, 24 * len(names))


def slices(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """The difference in each slice with its interval, the worst on top."""
    import altair as alt

    names = [row["label"] for row in rows]
    base = _base(alt).encode(
        y=alt.Y("label:N", sort=names, title=None, axis=alt.Axis(labelLimit=280)),
        tooltip=_tips(
            alt, titles,
            ("label", "queries:,d", "value_a:.4f", "value_b:.4f", "difference:+.4f",
             "ci_low:+.4f", "ci_high:+.4f", "p:.3g", "p_holm:.3g"),
        ),
    )  # fmt: skip
    title = _("difference in Recall@10")
    lines = base.mark_rule(color=_HUES[0], strokeWidth=1.5, opacity=0.5).encode(
        x=alt.X("ci_low:Q", title=title), x2="ci_high:Q"
    )
    points = base.mark_point(color=_HUES[0], filled=True, size=70, opacity=1).encode(
        x=alt.X("difference:Q", title=title)
    )
    return _done(alt.layer(lines, points), 26 * len(names))


def matrix(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """The difference of every pair, coloured by the result of the corrected test."""
    import altair as alt

    first = list(dict.fromkeys(row["representation_a"] for row in rows))
    second = list(dict.fromkeys(row["representation_b"] for row in rows))
    base = _base(alt).encode(
        y=alt.Y("representation_a:N", sort=first, title=_("a"), axis=alt.Axis(grid=False)),
        x=alt.X(
            "representation_b:N", sort=second, title=_("b"),
            axis=alt.Axis(labelAngle=-40, orient="bottom", grid=False),
        ),
        tooltip=_tips(
            alt, titles,
            ("representation_a", "representation_b", "value_a:.4f", "value_b:.4f",
             "difference:+.4f", "ci_low:+.4f", "ci_high:+.4f", "p:.3g", "p_holm:.3g",
             "wins:,d", "losses:,d", "ties:,d"),
        ),
    )  # fmt: skip
    said = {"better": _("b is better"), "open": _("not told apart"), "worse": _("b is worse")}
    names = (
        " : ".join(f"datum.value == '{key}' ? {json.dumps(text)}" for key, text in said.items())
        + " : ''"
    )
    cells = base.mark_rect(stroke="var(--paper)", strokeWidth=2).encode(
        color=alt.Color(
            "outcome:N", title=None,
            scale=alt.Scale(
                domain=list(said), range=["var(--better)", "var(--open)", "var(--worse)"]
            ),
            legend=alt.Legend(labelExpr=names, orient="top"),
        )
    )  # fmt: skip
    text = base.mark_text(fontSize=10.5, fill="var(--ink)").encode(
        text=alt.Text("points:N"),
    )
    shown = text.transform_calculate(points="format(100 * datum.difference, '+.2f')")
    return _done(alt.layer(cells, shown), 30 * len(first))


def _lines(
    alt: Any, base: Any, rows: Sequence[Row], names: tuple[str, str, str], titles: dict[str, str],
    _: Translate, params: list[Any],
) -> Spec:  # fmt: skip
    value, low, high = names
    pick = alt.selection_point(fields=["precision"], bind="legend", name="pick")
    faded = alt.condition(pick, alt.value(1), alt.value(0.12))
    y = alt.Y(f"{value}:Q", title=None, scale=alt.Scale(zero=False))
    colour = _colour(alt, rows, _)
    bands = base.mark_area(opacity=0.08).encode(
        y=alt.Y(f"{low}:Q", title=None), y2=f"{high}:Q", color=colour, detail="run_id:N"
    )
    dash = alt.StrokeDash(
        "precision:N", legend=None,
        scale=alt.Scale(domain=_precisions(rows), range=_of_precision(rows, _DASHES)),
    )  # fmt: skip
    line = base.mark_line(strokeWidth=2).encode(
        y=y, color=colour, strokeDash=dash, detail="run_id:N", opacity=faded
    )
    points = base.mark_point(filled=True, size=50).encode(
        y=y, color=colour, shape=_shape(alt, rows, _), opacity=faded,
        tooltip=_tips(
            alt, titles,
            ("representation", "candidates:,d", f"{value}:.4f", f"{low}:.4f", f"{high}:.4f"),
        ),
    )  # fmt: skip
    whole = alt.layer(bands, line, points.add_params(pick)).add_params(*params)
    # Otherwise the markers would share the legend that the dashes do not have.
    return _done(whole.resolve_legend(strokeDash="independent"), 320)


def _base(alt: Any) -> Any:
    return alt.Chart(alt.NamedData(name="rows"))


def _colour(alt: Any, rows: Sequence[Row], _: Translate) -> Any:
    order = {row["width"]: (row["dim"], row["width"]) for row in rows}
    widths = sorted(order, key=lambda width: order[width])
    hues = [_HUES[number % len(_HUES)] for number in range(len(widths))]
    return alt.Color(
        "width:N", title=_("dimension"), scale=alt.Scale(domain=widths, range=hues), sort=widths
    )


def _shape(alt: Any, rows: Sequence[Row], _: Translate) -> Any:
    return alt.Shape(
        "precision:N", title=_("precision"),
        scale=alt.Scale(domain=_precisions(rows), range=_of_precision(rows, _SHAPES)),
    )  # fmt: skip


def _precisions(rows: Sequence[Row]) -> list[str]:
    there = {row["precision"] for row in rows}
    return [name for name in PRECISIONS if name in there]


def _of_precision(rows: Sequence[Row], kinds: Sequence[Any]) -> list[Any]:
    return [kinds[PRECISIONS.index(name) % len(kinds)] for name in _precisions(rows)]


def _long(alt: Any) -> Any:
    """A legend for long names, one per line."""
    return alt.Legend(columns=1, labelLimit=480)


def _counts(alt: Any) -> Any:
    return alt.Axis(format=",~f", tickCount=5)


def _tips(alt: Any, titles: dict[str, str], fields: Sequence[str]) -> list[Any]:
    found = []
    for field in fields:
        name, _sign, form = field.partition(":")
        kind = {"format": form, "type": "quantitative"} if form else {"type": "nominal"}
        found.append(alt.Tooltip(name, title=titles.get(name, name), **kind))
    return found


def _done(chart: Any, height: Any) -> Spec:
    spec: Spec = chart.properties(width="container", height=height).to_dict(validate=False)
    spec.pop("config", None)
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return spec
