"""The page's charts of what `cmr bench` measured: speed, latency, agreement against speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cmr.report.languages import Translate
from cmr.report.page.chart_parts import Looks, Spec, base, colour, counts, done, long_legend, tips
from cmr.report.page.palette import hue
from cmr.rows import Row


def speeds(rows: Sequence[Row], looks: Looks, titles: dict[str, str], _: Translate) -> Spec:
    """Queries per second in batches, one bar per representation."""
    import altair as alt

    names = list(dict.fromkeys(row["representation"] for row in rows))
    bars = (
        base(alt)
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            y=alt.Y("representation:N", sort=names, title=None),
            x=alt.X("queries_per_second:Q", title=_("queries a second"), axis=counts(alt)),
            color=colour(alt, rows, looks, _),
            tooltip=tips(
                alt, titles,
                ("representation", "queries_per_second:,.0f", "slowest:,.0f", "quickest:,.0f",
                 "p50_ms:.3f", "p99_ms:.3f", "queries:,d", "gallery:,d", "vector_bytes:,d",
                 "threads", "device"),
            ),
        )
    )  # fmt: skip
    return done(bars, 24 * len(names))


def latencies(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """Milliseconds per single query against C, one line per search; median to 99th percentile."""
    import altair as alt

    sizes = sorted({row["candidates"] for row in rows})
    on = base(alt).encode(
        x=alt.X(
            "candidates:Q", title=_("candidates C"),
            axis=alt.Axis(values=sizes, format=",d", grid=False, labelOverlap=True),
            scale=alt.Scale(zero=False, nice=False, padding=14),
        ),
        color=_searches(alt, rows, "search", _),
    )  # fmt: skip
    y = alt.Y("p50_ms:Q", title=_("ms a query"), scale=alt.Scale(type="log", padding=8))
    spread = on.mark_rule(opacity=0.45).encode(y=y, y2="p99_ms:Q")
    line = on.mark_line(strokeWidth=2).encode(y=y)
    points = on.mark_point(filled=True, size=50).encode(
        y=y,
        tooltip=tips(
            alt, titles,
            ("search", "candidates:,d", "p50_ms:.3f", "p95_ms:.3f", "p99_ms:.3f", "singles:,d",
             "threads", "device"),
        ),
    )  # fmt: skip
    return done(alt.layer(spread, line, points), 320)


def agreements(rows: Sequence[Row], titles: dict[str, str], _: Translate) -> Spec:
    """ANN recall against queries per second, one curve per graph, on a scale of misses.

    What misses nothing has no place on a logarithm: it stands beyond the fewest misses, as "all".
    """
    import altair as alt

    missed = [1 - row["ann_recall"] for row in rows if row["ann_recall"] < 1]
    nothing = min([*missed, 0.1]) / 3
    ticks = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 5e-3, 2e-3, 1e-3, 1e-4, 1e-5, 1e-6]
    shown = [at for at in ticks if nothing * 1.5 < at < 2 * max([*missed, 0.1])]
    recall = f"datum.value < {1.2 * nothing!r} ? '1' : format(1 - datum.value, '~r')"
    on = (
        base(alt)
        .transform_calculate(misses=f"max(1 - datum.ann_recall, {nothing!r})")
        .encode(
            x=alt.X(
                "misses:Q", title=_("ANN recall, on a scale of misses"),
                scale=alt.Scale(type="log", reverse=True, nice=False, padding=14),
                axis=alt.Axis(
                    values=[*shown, nothing], labelOverlap=True,
                    labelExpr=recall,
                ),
            ),
            y=alt.Y(
                "queries_per_second:Q", title=_("queries a second"),
                scale=alt.Scale(type="log", padding=8), axis=counts(alt),
            ),
            color=_searches(alt, rows, "curve", _),
        )
    )  # fmt: skip
    points = on.mark_point(filled=True, size=60).encode(
        tooltip=tips(
            alt, titles,
            ("curve", "ann_recall:.6f", "queries_per_second:,.0f", "slowest:,.0f", "quickest:,.0f",
             "expansion_search", "build_seconds:.3f", "threads", "device"),
        ),
    )  # fmt: skip
    return done(alt.layer(on.mark_line(strokeWidth=2), points), 320)


def _searches(alt: Any, rows: Sequence[Row], name: str, _: Translate) -> Any:
    names = sorted({row[name] for row in rows})
    scale = alt.Scale(domain=names, range=[hue(place) for place in range(len(names))])
    return alt.Color(f"{name}:N", title=_("search"), legend=long_legend(alt), scale=scale)
