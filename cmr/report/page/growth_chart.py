"""Quality as a gallery with distractors grows, and beyond it."""

from __future__ import annotations

from collections.abc import Sequence

from cmr.report.languages import Translate
from cmr.report.page.chart_parts import Looks, Spec, base, colour, counts, done, shape, tips
from cmr.rows import Row


def growing(rows: Sequence[Row], looks: Looks, titles: dict[str, str], _: Translate) -> Spec:
    """Recall@10 against the size of the gallery, with bands; dashed where it is extrapolated."""
    import altair as alt

    on = base(alt).encode(
        x=alt.X(
            "candidates:Q", title=_("candidates C"), axis=counts(alt),
            scale=alt.Scale(type="log", nice=False, padding=14),
        ),
        color=colour(alt, rows, looks, _), detail="run_id:N",
    )  # fmt: skip
    title = _("Recall@10")
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
    known = "!datum.extrapolated"
    gallery = max(row["candidates"] for row in rows if not row["extrapolated"])
    band = on.transform_filter(known).mark_area(opacity=0.08)
    band = band.encode(y=alt.Y("ci_low:Q", title=title), y2="ci_high:Q")
    line = on.transform_filter(known).mark_line(strokeWidth=2).encode(y=y)
    # It begins where what is known ends.
    beyond = on.transform_filter(f"datum.extrapolated || datum.candidates >= {gallery}")
    dashes = beyond.mark_line(strokeWidth=2, strokeDash=[5, 4], opacity=0.75).encode(y=y)
    told = tips(
        alt, titles,
        ("representation", "candidates:,d", "value:.4f", "ci_low:.4f", "ci_high:.4f",
         "extrapolated"),
    )  # fmt: skip
    points = [
        on.transform_filter(which)
        .mark_point(filled=filled, size=50)
        .encode(y=y, shape=shape(alt, rows, looks, _), tooltip=told)
        for which, filled in ((known, True), ("datum.extrapolated", False))
    ]
    return done(alt.layer(band, line, dashes, *points), 320)
