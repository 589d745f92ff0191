"""Plots of a measure against C, one line a representation."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from cmr.report.words import font_for, words

# Okabe and Ito's palette, told apart by colour-blind readers.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
_STYLES = ("-", "--", ":", (0, (3, 1)), (0, (2, 2)), "-.", (0, (5, 1)), (0, (1, 1)))
_MARKERS = ("o", "s", "^", "<", ">", "D", "v", "P")
PRECISIONS = ("fp32", "fp16", "bf16", "fp8_e4m3", "fp8_e5m2", "int8", "int4", "b1")
Row = dict[str, Any]


def line_plot(rows: Sequence[Row], quantity: str, title: str, lang: str) -> bytes:
    """A PNG of `quantity` (`value` or `lift`) against `candidates`.

    `rows` are of `metrics`, of one measure and direction; colour is the dimension, line and
    marker the precision. The interval is a band.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    label = words(lang)
    lines: dict[tuple[int, str, str, str], list[Row]] = {}
    for row in rows:
        # What no list tells has no point.
        if row[quantity] is None:
            continue
        how = "" if row["scorer"] == "torch" else row["scorer"]
        key = (
            row["dim"],
            row["dim_method"],
            row["precision"],
            ", ".join(filter(None, [how, row["variant"]])),
        )
        lines.setdefault(key, []).append(row)
    dims = sorted({(dim, method) for dim, method, *_ in lines})
    with mpl.rc_context({"font.family": font_for(lang), "axes.unicode_minus": False}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for (dim, method, precision, how), points in sorted(lines.items(), key=_order):
            colour = _COLOURS[dims.index((dim, method)) % len(_COLOURS)]
            kind = PRECISIONS.index(precision)
            points = sorted(points, key=lambda row: row["candidates"])
            x = [row["candidates"] for row in points]
            axes.plot(
                x,
                [row[quantity] for row in points],
                color=colour,
                linestyle=_STYLES[kind],
                marker=_MARKERS[kind],
                markersize=4,
                label=f"{dim} {precision}"
                + ("" if method == "native" else f" ({method})")
                + (f", {how}" if how else ""),
            )
            scale = [row["chance"] if quantity == "lift" else 1.0 for row in points]
            ends = [
                [
                    row[end] / by if row[end] is not None else row[quantity]
                    for row, by in zip(points, scale, strict=True)
                ]
                for end in ("ci_low", "ci_high")
            ]
            axes.fill_between(x, ends[0], ends[1], color=colour, alpha=0.08, linewidth=0)
        axes.set_xticks(sorted({row["candidates"] for row in rows}))
        axes.set_xlabel(label["candidates"])
        axes.set_title(title)
        axes.grid(alpha=0.3)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
        figure.supxlabel(label["band"], fontsize=7, x=0.99, ha="right")
        out = io.BytesIO()
        # Without its date and version the file is the same for the same warehouse.
        figure.savefig(out, format="png", dpi=140, metadata={"Software": None})
    return out.getvalue()


def _order(line: tuple[tuple[int, str, str, str], Any]) -> tuple[int, str, int, str]:
    (dim, method, precision, how), _ = line
    return dim, method, PRECISIONS.index(precision), how
