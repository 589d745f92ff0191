"""What the page's chart specifications share: data, colours, hover texts, legends, size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cmr.precision import PRECISIONS
from cmr.report.languages import Translate
from cmr.rows import Row

Spec = dict[str, Any]
# How a dimension or a precision looks, by its name: `palette.looks`.
Looks = dict[str, dict[str, Any]]


@contextmanager
def with_blanks() -> Iterator[None]:
    """Altair does not check what is built inside: the page fills in every "$name" of it."""
    from altair.utils.schemapi import debug_mode

    with debug_mode(False):
        yield


def base(alt: Any) -> Any:
    """A chart of the rows that the page supplies under the name `rows`."""
    return alt.Chart(alt.NamedData(name="rows"))


def colour(alt: Any, rows: Sequence[Row], looks: Looks, _: Translate) -> Any:
    """The hue of a row's dimension."""
    order = {row["width"]: (row["dim"], row["width"]) for row in rows}
    widths = sorted(order, key=lambda width: order[width])
    hues = [looks[width]["hue"] for width in widths]
    return alt.Color(
        "width:N", title=_("dimension"), scale=alt.Scale(domain=widths, range=hues), sort=widths,
        legend=alt.Legend(columns=3),
    )  # fmt: skip


def shape(alt: Any, rows: Sequence[Row], looks: Looks, _: Translate) -> Any:
    """The marker of a row's precision."""
    there = {row["precision"] for row in rows}
    names = [name for name in PRECISIONS if name in there]
    scale = alt.Scale(domain=names, range=[looks[name]["shape"] for name in names])
    return alt.Shape("precision:N", title=_("precision"), scale=scale, legend=alt.Legend(columns=3))


def lit(alt: Any, bright: Any, faint: float) -> Any:
    """An opacity that fades whatever is not highlighted: the page sets `hi` to a name, or ""."""
    which = "hi == '' || datum.representation == hi"
    return alt.condition(which, alt.value(bright), alt.value(faint))


def highlight(alt: Any) -> Any:
    """The parameter that `lit` reads."""
    return alt.param(name="hi", value="")


def long_legend(alt: Any) -> Any:
    """A legend for long names, one per line."""
    return alt.Legend(columns=1, labelLimit=480)


def counts(alt: Any) -> Any:
    """An axis of counts."""
    return alt.Axis(format=",~f", tickCount=5)


def tips(alt: Any, titles: dict[str, str], fields: Sequence[str]) -> list[Any]:
    """Hover texts: columns by name, with a number's format after a colon."""
    found = []
    for field in fields:
        name, _sign, form = field.partition(":")
        kind = {"format": form, "type": "quantitative"} if form else {"type": "nominal"}
        found.append(alt.Tooltip(name, title=titles.get(name, name), **kind))
    return found


def done(chart: Any, height: Any) -> Spec:
    """The specification, as wide as its place."""
    spec: Spec = chart.to_dict(validate=False)
    spec |= {"width": "container", "height": height}
    spec.pop("config", None)
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return spec
