"""The page's plots as Vega-Lite specifications, built with Altair.

Colours are CSS variables of the page, so light, dark and print need no redrawing. The rows are not
part of a specification: the page supplies its query's rows under the name `rows`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product

from cmr.report.languages import Translate
from cmr.report.page.chart_parts import (
    Looks,
    Spec,
    base,
    colour,
    counts,
    done,
    highlight,
    lit,
    long_legend,
    shape,
    tips,
    with_blanks,
)
from cmr.report.page.palette import HUES, STEPS, hue
from cmr.report.page.questions import RANK_GROUPS
from cmr.rows import Row


@with_blanks()
def against_bytes(
    rows: Sequence[Row], looks: Looks, retain: float, titles: dict[str, str], _: Translate
) -> Spec:
    """The share kept against bytes per vector, with intervals, Pareto front and share to keep.

    The page chooses the rows of a measure, and puts `$title`, `$low` and `$high` in the axis.
    """
    import altair as alt

    on = base(alt)
    sizes = sorted({row["vector_bytes"] for row in rows})
    x = alt.X(
        "vector_bytes:Q", title=_("bytes a vector"),
        scale=alt.Scale(
            type="log", base=2, nice=False, padding=24, domain=[sizes[0], sizes[-1]]
        ),
        axis=alt.Axis(values=sizes, format=",d", labelOverlap=True, grid=False),
    )  # fmt: skip
    y = alt.Y(
        "retention:Q", title="$title", axis=alt.Axis(format=".2~%", tickCount=6),
        scale=alt.Scale(domain=["$low", "$high"], nice=False, zero=False),
    )  # fmt: skip
    hued, marked = colour(alt, rows, looks, _), shape(alt, rows, looks, _)
    front = (
        on.transform_filter("datum.front")
        .mark_line(color="var(--ink-3)", strokeWidth=1.5, interpolate="step-after")
        .encode(x=x, y=y)
    )
    spread = on.mark_rule(strokeWidth=1.5).encode(
        x=x,
        y=alt.Y("ci_low:Q", title="$title"),
        y2="ci_high:Q",
        color=hued,
        opacity=lit(alt, 0.6, 0.06),
    )
    points = on.mark_point(filled=True, size=90).encode(
        x=x, y=y, color=hued, shape=marked, opacity=lit(alt, 1, 0.12),
        tooltip=tips(
            alt, titles,
            ("representation", "vector_bytes:,d", "bytes_share:.1%", "value:.4f", "retention:.2%",
             "interval", "outcomes", "queries:,d", "clusters:,d", "front"),
        ),
    )  # fmt: skip
    # Away from the nearer side of the frame, below the front's line.
    names = [
        on.transform_filter(f"datum.side == '{side}'")
        .mark_text(align=side, dx=8 if side == "left" else -8, dy=14, fontSize=10.5, limit=150)
        .encode(x=x, y=y, text="representation:N", opacity=lit(alt, 1, 0.12))
        for side in ("left", "right")
    ]
    line = (
        alt.Chart(alt.InlineData([{"share": retain}]))
        .mark_rule(strokeDash=[4, 4], color="var(--accent)", strokeWidth=1.5)
        .encode(
            y="share:Q",
            tooltip=[alt.Tooltip("share:Q", format=".1~%", title=_("share to keep"))],
        )
    )
    whole = alt.layer(front, line, spread, points, *names).add_params(highlight(alt))
    return done(whole, 340)


def contenders(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """The share kept against bytes, coloured by scorer; larger is slower, filled is on the front.

    What was not timed has a cross.
    """
    import altair as alt

    on, share = base(alt), alt.Axis(format=".1~%")
    title = _("Recall@10 kept, whole gallery")
    x = alt.X(
        "bytes:Q", title=_("bytes a vector"), axis=counts(alt),
        scale=alt.Scale(type="log", base=2, nice=False, padding=18),
    )  # fmt: skip
    y = alt.Y("kept:Q", title=title, axis=share, scale=alt.Scale(zero=False, padding=12))
    names = sorted({row["scorer"] for row in rows})
    hues = [hue(place) for place in range(len(names))]
    hued = alt.Color(
        "scorer:N", title=_("search"), legend=long_legend(alt),
        scale=alt.Scale(domain=names, range=hues),
    )  # fmt: skip
    slower = alt.Size(
        "p50_ms:Q", title=_("ms a query"), scale=alt.Scale(type="log", range=[40, 400])
    )
    said = tips(
        alt, titles,
        ("contender", "bytes:,.1f", "bytes_share:.1%", "memory_bytes:,.1f", "kept:.2%",
         "kept_low:.2%", "kept_high:.2%", "ann_recall:.4f", "lost_by_codes:+.4f",
         "lost_by_search:+.4f", "p50_ms:.3f", "p99_ms:.3f", "queries_per_second:,.0f",
         "best", "unearned"),
    )  # fmt: skip
    layers = [
        on.mark_rule(strokeWidth=1.5, opacity=0.5).encode(
            x=x, y=alt.Y("kept_low:Q", title=title, axis=share), y2="kept_high:Q", color=hued
        )
    ]
    for timed, best in product((True, False), repeat=2):
        if any(((row["p50_ms"] is not None), row["best"] is True) == (timed, best) for row in rows):
            which = f"(datum.p50_ms !== null) == {json.dumps(timed)}"
            which += f" && (datum.best === true) == {json.dumps(best)}"
            points = on.transform_filter(which).mark_point(
                filled=best, shape="circle" if timed else "cross", size=80, opacity=1
            )
            sized = {"size": slower} if timed else {}
            layers.append(points.encode(x=x, y=y, color=hued, tooltip=said, **sized))
    return done(alt.layer(*layers), 380)


def distributions(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """The share of queries in each group of ranks, one bar per representation."""
    import altair as alt

    names = list(dict.fromkeys(row["representation"] for row in rows))
    labels = [label for label, _last in RANK_GROUPS]
    bars = (
        base(alt)
        .mark_bar()
        .encode(
            y=alt.Y("representation:N", sort=names, title=None),
            x=alt.X(
                "share:Q", title=_("share of the queries"), stack="zero",
                axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1]),
            ),
            color=alt.Color(
                "ranks:O", title=_("rank of the first relevant item"),
                scale=alt.Scale(domain=labels, range=STEPS), sort=labels,
            ),
            order=alt.Order("place:O"),
            tooltip=tips(alt, titles, ("representation", "ranks", "share:.2%", "queries:,d")),
        )
    )  # fmt: skip
    return done(bars, 24 * len(names))


def slices(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """The difference in each slice with its interval, the worst on top."""
    import altair as alt

    names = [row["label"] for row in rows]
    on = base(alt).encode(
        y=alt.Y("label:N", sort=names, title=None, axis=alt.Axis(labelLimit=280)),
        tooltip=tips(
            alt, titles,
            ("label", "queries:,d", "value_a:.4f", "value_b:.4f", "difference:+.4f",
             "ci_low:+.4f", "ci_high:+.4f", "p:.3g", "p_holm:.3g"),
        ),
    )  # fmt: skip
    title = _("points of Recall@10 lost or gained")
    lines = on.mark_rule(color=HUES[0], strokeWidth=1.5, opacity=0.5).encode(
        x=alt.X("ci_low:Q", title=title), x2="ci_high:Q"
    )
    points = on.mark_point(color=HUES[0], filled=True, size=70, opacity=1).encode(
        x=alt.X("difference:Q", title=title)
    )
    return done(alt.layer(lines, points), 26 * len(names))


def matrix(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """The difference of every pair, coloured by the result of the corrected test."""
    import altair as alt

    first = list(dict.fromkeys(row["representation_a"] for row in rows))
    second = list(dict.fromkeys(row["representation_b"] for row in rows))
    on = base(alt).encode(
        y=alt.Y("representation_a:N", sort=first, title=_("a"), axis=alt.Axis(grid=False)),
        x=alt.X(
            "representation_b:N", sort=second, title=_("b"),
            axis=alt.Axis(labelAngle=-40, orient="bottom", grid=False),
        ),
        tooltip=tips(
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
    cells = on.mark_rect(stroke="var(--paper)", strokeWidth=2).encode(
        color=alt.Color(
            "outcome:N", title=None,
            scale=alt.Scale(
                domain=list(said), range=["var(--better)", "var(--open)", "var(--worse)"]
            ),
            legend=alt.Legend(labelExpr=names, orient="top"),
        )
    )  # fmt: skip
    text = on.mark_text(fontSize=10.5, fill="var(--ink)").encode(
        text=alt.Text("points:N"),
    )
    shown = text.transform_calculate(points="format(100 * datum.difference, '+.2f')")
    return done(alt.layer(cells, shown), 30 * len(first))
