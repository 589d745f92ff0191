"""What quality costs: bytes per vector with the Pareto front, and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cmr.precision import PRECISIONS
from cmr.report.plots import style
from cmr.report.plots.style import Look
from cmr.rows import Row

# Width in inches of the legend beside the panels.
_LEGEND = 1.2


def against_bytes(
    look: Look, rows: Sequence[Row], what: str, ways: dict[str, str], title: str
) -> Any:
    """A figure of Recall@10 over the whole gallery against vector bytes, one panel per direction.

    `rows`: from `tradeoffs`, with value_low and value_high. `ways`: directions with their names.
    """
    figure, grid = _by_direction(ways, 1)
    kinds = _colours(rows)
    for axes, way in zip(grid[0], ways, strict=True):
        mine = [row for row in rows if row["direction"] == way]
        front = sorted(
            (row for row in mine if row["pareto_bytes"]),
            key=lambda row: (row["vector_bytes"], row["recall_10"]),
        )
        x = [row["vector_bytes"] for row in front]
        y = [row["recall_10"] for row in front]
        axes.plot(x, y, drawstyle="steps-post", color=style.FAINT, linewidth=0.9, zorder=1)
        for row in mine:
            low, high = (
                row["recall_10"] if row[end] is None else row[end]
                for end in ("value_low", "value_high")
            )
            axes.errorbar(
                row["vector_bytes"],
                row["recall_10"],
                yerr=style.reach(row["recall_10"], low, high),
                color=kinds[style.width_name((row["dim"], row["dim_method"]))],
                marker=style.precision_kind(row["precision"])["marker"],
                markerfacecolor=None if row["pareto_bytes"] else "white",
                markersize=4.5,
                linestyle="none",
                elinewidth=0.6,
                zorder=3 if row["pareto_bytes"] else 2,
            )
        style.sizes_axis(axes.xaxis, sorted({row["vector_bytes"] for row in mine}), True)
        axes.set_xlabel(look.say("bytes a vector"))
        axes.set_ylabel(what)
        axes.set_title(ways[way])
    _legend(look, figure, rows, kinds)
    style.note(figure, look.say("filled: on the Pareto front (the line); bars: 95% intervals"))
    style.title(figure, title, taken=_LEGEND)
    return figure


def speed(look: Look, rows: Sequence[Row], ways: dict[str, str], title: str) -> Any:
    """A figure of what `cmr bench` measured against the dimension.

    Queries per second in batches, and below, if timed, the median of single queries.
    `rows`: of `Findings.speeds`.
    """
    names = {"queries_per_second": look.say("queries a second"), "p50_ms": look.say("ms a query")}
    if all(row["p50_ms"] is None for row in rows):
        names.pop("p50_ms")
    figure, grid = _by_direction(ways, len(names))
    for column, way in enumerate(ways):
        for name, axes in zip(names, grid[:, column], strict=True):
            mine = [row for row in rows if row["direction"] == way and row[name] is not None]
            # A dimension reached by several methods has a line for each.
            several = len(style.widths(mine)) > len({row["dim"] for row in mine})
            lines: dict[tuple[int, str], list[Row]] = {}
            for row in mine:
                method = row["dim_method"] if several else ""
                key = (PRECISIONS.index(row["precision"]), method)
                lines.setdefault(key, []).append(row)
            for (place, _method), points in sorted(lines.items()):
                points = sorted(points, key=lambda row: (row["dim"], row["run_id"]))
                kind = style.precision_kind(PRECISIONS[place])
                axes.plot([row["dim"] for row in points], [row[name] for row in points], **kind)
            style.log_axis(axes.yaxis)
            style.sizes_axis(axes.xaxis, sorted({row["dim"] for row in mine}), True)
            axes.set_ylabel(names[name])
        grid[0, column].set_title(ways[way])
        grid[-1, column].set_xlabel(look.say("dimension"))
    devices = ", ".join(sorted({look.name(str(row["device"])) for row in rows}))
    note = look.say("cmr bench: searches in batches; medians of single queries; device: {device}")
    style.precision_legend(figure, rows, note.format(device=devices))
    style.title(figure, title)
    return figure


def _by_direction(ways: dict[str, str], down: int) -> tuple[Any, Any]:
    width = style.COLUMN + 1.2 if len(ways) == 1 else style.TEXT
    figure = style.new_figure(width, 0.8 + 1.9 * down)
    return figure, figure.subplots(down, len(ways), squeeze=False, sharex=True)


def _colours(rows: Sequence[Row]) -> dict[str, Any]:
    """One colour per dimension; beyond the palette, shades from dark to light."""
    from matplotlib import colormaps

    found = [style.width_name(width) for width in style.widths(rows)]
    if len(found) <= len(style.PALETTE):
        return dict(zip(found, style.PALETTE, strict=False))
    shades = colormaps["cividis"]
    return {name: shades(0.95 * at / (len(found) - 1)) for at, name in enumerate(found)}


def _legend(look: Look, figure: Any, rows: Sequence[Row], kinds: dict[str, Any]) -> None:
    """Colours for dimensions, markers for precisions; with many dimensions, every n-th is named."""
    from matplotlib.lines import Line2D

    def empty(label: str, **more: Any) -> Any:
        return Line2D([], [], linestyle="none", label=label, **more)

    names = list(kinds)
    step = -(-len(names) // 12)
    named = [name for at, name in enumerate(names) if at % step == 0 or at == len(names) - 1]
    there = {row["precision"] for row in rows}
    handles = [empty(look.say("dimension"))]
    handles += [empty(name, marker="o", color=kinds[name]) for name in named]
    handles += [empty(look.say("precision"))]
    handles += [
        empty(name, marker=style.precision_kind(name)["marker"], color=style.INK)
        for name in PRECISIONS
        if name in there
    ]
    figure.legend(handles=handles, loc="outside right upper", handletextpad=0.2)
