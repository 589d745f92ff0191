"""Quality against C: the two specifications that the page fills with the rows of its choice.

The page puts the rows of the chosen measure, K and protocol in, as differences from the baseline or
as they are, and replaces what starts with `$`. Each row says how it looks.
"""

from __future__ import annotations

from typing import Any

from cmr.report.languages import Translate
from cmr.report.page.chart_parts import Spec, base, done, highlight, lit, with_blanks

# Pixels that the names at the ends of the lines take.
LABELS = 132


@with_blanks()
def lines(_: Translate) -> Spec:
    """Lines with bands over C, or over bytes a vector, each named at its end.

    Rows have candidates (or bytes), shown, low, high, hue, dash, shape and representation; `labels`
    are where the names stand: candidates, at (the line's end), place (of the name), hue,
    representation.
    """
    import altair

    # Its own types do not know the blanks.
    alt: Any = altair

    x = alt.X(
        "candidates:Q", title="$beneath",
        axis=alt.Axis(values="$sizes", format=",d", grid=False, labelOverlap=True),
        scale=alt.Scale(
            type="$scale", zero="$zero", nice=False, domain="$across", range=["$from", "$to"]
        ),
    )  # fmt: skip
    y = _shown(alt, alt.Y)
    hued = alt.Color("hue:N", scale=None, legend=None)
    on = base(alt).encode(x=x)
    bands = on.mark_area().encode(
        y=alt.Y("low:Q", title="$title"), y2="high:Q", color=hued, detail="representation:N",
        opacity=lit(alt, "$band", 0.015),
    )  # fmt: skip
    line = on.mark_line(strokeWidth=2).encode(
        y=y, color=hued, strokeDash=alt.StrokeDash("dash:N", scale=None, legend=None),
        detail="representation:N", opacity=lit(alt, 1, 0.1),
    )  # fmt: skip
    points = on.mark_point(filled=True, size=50).encode(
        y=y, color=hued, shape=alt.Shape("shape:N", scale=None, legend=None),
        opacity=lit(alt, 1, 0.1), tooltip=_tips(alt, _),
    )  # fmt: skip
    ends = alt.Chart(alt.NamedData(name="labels")).encode(x=x, color=hued)
    leaders = ends.mark_rule(xOffset=6, x2Offset=16, strokeWidth=1).encode(
        y=alt.Y("at:Q", title="$title"), y2="place:Q", x2="candidates:Q", opacity=lit(alt, 0.7, 0.1)
    )
    names = ends.mark_text(align="left", dx=19, fontSize=11, limit=LABELS - 20).encode(
        y=alt.Y("place:Q", title="$title"), text="representation:N", opacity=lit(alt, 1, 0.2)
    )
    whole = alt.layer(bands, line, points, leaders, names).add_params(highlight(alt))
    return done(whole, "$height")


@with_blanks()
def dots(_: Translate) -> Spec:
    """A point with its interval for each representation, at a single C, best on top."""
    import altair as alt

    on = base(alt).encode(
        y=alt.Y(
            "representation:N", sort="$order", title=None,
            axis=alt.Axis(labelLimit=190, grid=False, domain=False, ticks=False),
        ),
        color=alt.Color("hue:N", scale=None, legend=None),
    )  # fmt: skip
    spread = on.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title="$title"), x2="high:Q", opacity=lit(alt, 0.5, 0.05)
    )
    points = on.mark_point(filled=True, size=80).encode(
        x=_shown(alt, alt.X), shape=alt.Shape("shape:N", scale=None, legend=None),
        opacity=lit(alt, 1, 0.12), tooltip=_tips(alt, _),
    )  # fmt: skip
    return done(alt.layer(spread, points).add_params(highlight(alt)), "$height")


def _shown(alt: Any, channel: Any) -> Any:
    return channel(
        "shown:Q", title="$title", axis=alt.Axis(format="$format", tickCount=6),
        scale=alt.Scale(domain="$reach", nice=False, zero=False),
    )  # fmt: skip


def _tips(alt: Any, _: Translate) -> list[Any]:
    """Hover: the value and the difference with their intervals, and what was counted."""
    texts = (
        ("name", _("representation")), ("pool", "$beneath"),
        ("said", "$measure"), ("moved", _("difference from the baseline")),
        ("outcomes", _("queries won, lost, equal")), ("counted", _("queries, visual items")),
    )  # fmt: skip
    return [alt.Tooltip(name, title=title, type="nominal") for name, title in texts]
