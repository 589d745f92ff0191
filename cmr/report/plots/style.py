"""The style of plots, and writing a figure to a file.

Widths are those of a column and of a two-column text block. The palette is safe for colour-blind
readers, and every colour comes with a marker and a line style.
"""

from __future__ import annotations

import io
import textwrap
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cmr.errors import CmrError
from cmr.precision import PRECISIONS
from cmr.report.fonts import Lettering, lend_matplotlib_a_folder
from cmr.report.languages import Translate
from cmr.represent.dim_methods import NATIVE
from cmr.rows import Row

# Inches.
COLUMN, TEXT = 3.5, 7.16
# Okabe and Ito, Color universal design, 2008, without the yellow, which is faint on paper.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A8A00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
STYLES = (
    "-",
    "--",
    "-.",
    ":",
    (0, (5, 1)),
    (0, (1, 1)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (7, 2, 1, 2)),
)
DPI = 300
_NOTE = {"fontsize": 6, "color": "#555555"}
INK, FAINT = "#333333", "#999999"


@dataclass(frozen=True)
class Look:
    """A language's words, and fonts with glyphs for them."""

    say: Translate
    letters: Lettering

    def name(self, text: str, most: int = 60) -> str:
        """A name from the data in a form that can be drawn."""
        return self.letters.shown(text, most)


def settings(letters: Lettering) -> dict[str, Any]:
    """matplotlib's settings; a file does not depend on when or where it is made."""
    return {
        "font.family": list(letters.families),
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 7,
        "figure.titlesize": 8,
        "figure.labelsize": 8,
        "text.parse_math": False,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": FAINT,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.minor.width": 0.4,
        "ytick.minor.width": 0.4,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#dddddd",
        "grid.linewidth": 0.5,
        "lines.linewidth": 1.1,
        "lines.markersize": 3.5,
        "legend.frameon": False,
        "legend.handlelength": 2.6,
        "svg.hashsalt": "cmr",
        # Text as outlines: the same on every machine, with or without the fonts.
        "svg.fonttype": "path",
    }


def reach(value: float, low: float, high: float) -> list[list[float]]:
    """What an error bar reaches below and above a value, as matplotlib takes them for one point.

    Never negative: an end that equals the value may differ from it in the last digit, such as lift
    at 1, whose interval is divided by chance apart from it.
    """
    return [[max(0.0, value - low)], [max(0.0, high - value)]]


def drawn(look: Look, name: str, draw: Callable[[], Any]) -> Iterator[tuple[str, bytes]]:
    """The figure that `draw` creates, as `name`.png and `name`.svg.

    Raises CmrError if a character has no glyph, so that no plot has empty boxes.
    """
    lend_matplotlib_a_folder()
    import matplotlib as mpl

    with mpl.rc_context(settings(look.letters)), warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph .* missing")
        try:
            figure = draw()
            yield f"{name}.png", saved(figure, "png")
            # Keep the layout: computing it again for the second file takes as long as drawing.
            figure.set_layout_engine("none")
            yield f"{name}.svg", saved(figure, "svg")
        except UserWarning as warning:
            raise CmrError(f"{name} cannot be drawn: {warning}") from None


def saved(figure: Any, kind: str) -> bytes:
    """A figure as a file's bytes, without date and version.

    Not by `savefig`, which draws everything twice.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.BytesIO()
    if kind == "png":
        figure.dpi = DPI
        FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})
    else:
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None})
    return out.getvalue()


def new_figure(width: float, height: float) -> Any:
    """An empty figure, sized in inches, with automatic layout."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def precision_kind(precision: str) -> dict[str, Any]:
    """Colour, marker and line of a precision, the same in every plot."""
    at = PRECISIONS.index(precision)
    return {
        "color": PALETTE[at % len(PALETTE)],
        "marker": MARKERS[at % len(MARKERS)],
        "linestyle": STYLES[at % len(STYLES)],
        # Where lines coincide, the later, smaller marker leaves the rim of the earlier one visible.
        "markersize": 5.5 - 2.5 * at / (len(PRECISIONS) - 1),
    }


def widths(rows: Sequence[Row]) -> list[tuple[int, str]]:
    """The rows' dimensions with their methods, in order."""
    return sorted({(row["dim"], row["dim_method"]) for row in rows})


def width_name(width: tuple[int, str]) -> str:
    """A dimension in words, with its method unless it is native."""
    dim, method = width
    return str(dim) if method == NATIVE else f"{dim} {method}"


def representation(row: Row) -> str:
    """A representation in words, as the page has it."""
    return f"{row['dim']} {row['dim_method']} {row['precision']}"


def title(figure: Any, text: str, taken: float = 0.0) -> None:
    """Write the title above, in as many lines as needed; `taken`: inches at the right."""
    lines = [line for one in text.split("\n") for line in _broken(one, figure, taken)]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=8)


def note(figure: Any, text: str) -> None:
    """Write a note for reading the plot below it, if the legend is elsewhere."""
    figure.supxlabel("\n".join(_broken(text, figure, 0)), x=0.99, ha="right", **_NOTE)


def _broken(text: str, figure: Any, taken: float) -> list[str]:
    """Wrap a text to a figure's width: a character at 8 points takes 1/15 inch."""
    wide = any(unicodedata.east_asian_width(sign) == "W" for sign in text)
    room = (figure.get_figwidth() - taken) * (9.5 if wide else 15)
    return textwrap.wrap(text, max(10, int(room)), break_on_hyphens=False)


def sizes_axis(axis: Any, values: Sequence[int], log: bool) -> None:
    """Put ticks at the sizes themselves, as many as are readable."""
    from matplotlib.ticker import NullFormatter, NullLocator

    if log:
        axis.axes.set_xscale("log", base=2)
    step = -(-len(values) // 6)
    shown = sorted(values)[::-1][::step][::-1]
    axis.set_ticks(shown, [f"{value:,}" for value in shown])
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def log_axis(axis: Any) -> None:
    """Make a logarithmic axis with plain numbers at 1, 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    (axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale)("log")
    low, high = sorted(axis.get_view_interval())
    wide = high > 200 * max(low, 1e-300)
    axis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(_plain))
    axis.set_minor_locator(LogLocator(subs=(2, 5)) if wide else NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _plain(value: float, _place: int) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:.6f}".rstrip("0")


def precision_legend(figure: Any, rows: Sequence[Row], text: str) -> None:
    """Draw one legend of the precisions for all panels, below the note for reading them."""
    from matplotlib.lines import Line2D

    there = {row["precision"] for row in rows}
    found = [name for name in PRECISIONS if name in there]
    handles = [Line2D([], [], label=name, **precision_kind(name)) for name in found]
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=min(len(handles), int(figure.get_figwidth() / 0.85)),
        title="\n".join(_broken(text, figure, 0)),
        title_fontproperties={"size": _NOTE["fontsize"]},
        alignment="left",
    )
