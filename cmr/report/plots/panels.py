"""Lines against a size, one panel per dimension, one line per run: quality, lift, ranks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cmr.precision import PRECISIONS
from cmr.report.plots import style
from cmr.report.plots.style import Look
from cmr.rows import Row

_MOST_ACROSS = 4


def against_candidates(
    look: Look, rows: Sequence[Row], names: tuple[str, str, str], what: str, title: str
) -> Any:
    """A figure of a measure against C; `names`: the columns of value, low and high.

    `rows`: of one measure, K, direction and protocol.
    """
    sizes = sorted({row["candidates"] for row in rows})
    log = len(sizes) > 1 and sizes[-1] > 20 * sizes[0]

    def line(axes: Any, points: list[Row], kind: dict[str, Any]) -> None:
        points = sorted(points, key=lambda row: row["candidates"])
        x = [row["candidates"] for row in points]
        y = [row[names[0]] for row in points]
        # Without an interval, as with a single visual, the band has no width.
        low, high = (
            [row[names[0]] if row[end] is None else row[end] for row in points] for end in names[1:]
        )
        if len(x) == 1:
            spread = style.reach(y[0], low[0], high[0])
            axes.errorbar(x, y, yerr=spread, capsize=2, elinewidth=0.8, **kind)
        else:
            axes.plot(x, y, **kind)
            axes.fill_between(x, low, high, color=kind["color"], alpha=0.13, linewidth=0)

    def finish(axes: Any) -> None:
        style.sizes_axis(axes.xaxis, sizes, log)

    note = look.say("band: 95% interval, clustered by visual item")
    return _panels(look, rows, line, finish, (look.say("candidates C"), what), title, note)


def rank_shares(look: Look, rows: Sequence[Row], gallery: int, title: str) -> Any:
    """A figure of the share of queries whose first relevant item ranks at r or better.

    `rows`: run, rank and share, one direction.
    """
    from matplotlib.ticker import PercentFormatter

    def line(axes: Any, points: list[Row], kind: dict[str, Any]) -> None:
        points = sorted(points, key=lambda row: row["rank"])
        x = [row["rank"] for row in points] + [gallery]
        y = [row["share"] for row in points] + [points[-1]["share"]]
        axes.plot(x, y, drawstyle="steps-post", **{**kind, "marker": "none"})

    def finish(axes: Any) -> None:
        if gallery > 1:
            axes.set_xlim(1, gallery)
            style.log_axis(axes.xaxis)
        axes.yaxis.set_major_formatter(PercentFormatter(1))

    texts = look.say("rank r, whole gallery"), look.say("queries with rank ≤ r")
    note = look.say("rank of the first relevant item, expected over the order inside ties")
    return _panels(look, rows, line, finish, texts, title, note)


def _panels(
    look: Look,
    rows: Sequence[Row],
    line: Callable[[Any, list[Row], dict[str, Any]], None],
    finish: Callable[[Any], None],
    labels: tuple[str, str],
    title: str,
    note: str,
) -> Any:
    """One panel per dimension and method, with the same axes, so that panels are comparable."""
    found = style.widths(rows)
    across = min(_MOST_ACROSS, len(found))
    down = -(-len(found) // across)
    width = style.COLUMN if across == 1 else style.TEXT
    figure = style.new_figure(width, 1.0 + 1.7 * down)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for axes, (dim, method) in zip(grid.flat, found, strict=False):
        mine = [row for row in rows if (row["dim"], row["dim_method"]) == (dim, method)]
        runs: dict[tuple[int, str], list[Row]] = {}
        for row in mine:
            place = PRECISIONS.index(row["precision"])
            runs.setdefault((place, row["run_id"]), []).append(row)
        for (place, _run), points in sorted(runs.items()):
            line(axes, points, style.precision_kind(PRECISIONS[place]))
        axes.set_title(look.say("{dim} dimensions ({method})").format(dim=dim, method=method))
        finish(axes)
    for axes in grid.flat[len(found) :]:
        axes.set_visible(False)
    for number, axes in enumerate(grid.flat[: len(found)]):
        if number + across >= len(found):
            axes.set_xlabel(labels[0])
            axes.tick_params(labelbottom=True)
        if number % across == 0:
            axes.set_ylabel(labels[1])
    style.precision_legend(figure, rows, note)
    style.title(figure, title)
    return figure
