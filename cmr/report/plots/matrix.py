"""Every pair of representations: the paired difference, and whether it is significant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cmr.decimals import fixed
from cmr.report.plots import style
from cmr.report.plots.style import Look
from cmr.rows import Row

_LEVEL = 0.05


def differences(
    look: Look, rows: Sequence[Row], names: dict[str, str], what: str, title: str
) -> Any:
    """A figure of row minus column, in points, for every pair of runs.

    `rows`: from `compare_runs`. `names`: the runs in order, with their labels.
    """
    from matplotlib.colors import TwoSlopeNorm
    from numpy import full, nan

    runs = list(names)
    count = len(runs)
    size = min(style.TEXT, max(style.COLUMN, 1.6 + 0.42 * count))
    figure = style.new_figure(size, size * 0.86 + 0.3)
    axes = figure.subplots()
    shades = full((count, count), nan)
    texts = []
    for row in rows:
        a, b = runs.index(row["run_a"]), runs.index(row["run_b"])
        sure = row["p_holm"] is not None and row["p_holm"] < _LEVEL
        for at, gain in (((b, a), row["difference"]), ((a, b), -row["difference"])):
            shades[at] = 100 * gain
            texts.append((at, _points(gain) + ("*" if sure else ""), sure))
    most = max((abs(100 * row["difference"]) for row in rows), default=0) or 1.0
    image = axes.imshow(shades, cmap="PuOr", norm=TwoSlopeNorm(0, -most, most))
    letters = min(7.0, 90 / count)
    for (y, x), text, sure in texts:
        dark = abs(shades[y, x]) > 0.6 * most
        axes.text(
            x, y, text, ha="center", va="center", fontsize=letters,
            color="white" if dark else (style.INK if sure else "#777777"),
        )  # fmt: skip
    called = [look.name(name, 24) for name in names.values()]
    small = min(7.0, 150 / count)
    axes.set_xticks(range(count), called, rotation=45, ha="right", fontsize=small)
    axes.set_yticks(range(count), called, fontsize=small)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_ylabel(look.say("this one …"))
    axes.set_xlabel(look.say("… minus this one"))
    bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.02)
    bar.set_label(look.say("{measure}, percentage points").format(measure=what))
    bar.outline.set_visible(False)
    note = look.say("* p < 0.05, paired by query, clustered by visual item, Holm-corrected")
    style.note(figure, note)
    style.title(figure, title)
    return figure


def _points(gain: float) -> str:
    """Percentage points with their sign; zero has none."""
    text = fixed(100 * gain, 1, "+")
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")
