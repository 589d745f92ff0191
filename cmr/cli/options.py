"""Options that several commands share, and lists given with commas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

warehouse_option = click.option(
    "-w",
    "--warehouse",
    envvar="CMR_WAREHOUSE",
    default="warehouse",
    show_default=True,
    show_envvar=True,
    metavar="PATH",
    help="Folder or URL of the warehouse.",
)


class Comma(click.ParamType[tuple[Any, ...]]):
    """A comma-separated list of values of one type, without repeats, in the given order."""

    name = "list"

    def __init__(self, of: click.ParamType[Any]) -> None:
        """`of`: the type of one value."""
        self.of = of

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """How help shows it."""
        return "A,B,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """Split and convert; an empty list is a usage error."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",") if word.strip()]
        if not words:
            self.fail("the list is empty", param, ctx)
        return tuple(dict.fromkeys(self.of.convert(word, param, ctx) for word in words))


def comma(of: type | click.ParamType[Any]) -> Comma:
    """`Comma` of a plain type or of a click type."""
    return Comma(click.types.convert_type(of))


class Bytes(click.ParamType[int]):
    """A size in bytes, such as 500M or 2G (binary multiples)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse the number and its unit."""
        if isinstance(value, int):
            return value
        text = str(value).strip().upper().removesuffix("B").removesuffix("I")
        power = {"K": 10, "M": 20, "G": 30, "T": 40}.get(text[-1:], 0)
        try:
            return int(float(text[:-1] if power else text) * 2**power)
        except ValueError:
            self.fail(f"{value!r} is not a size such as 500M or 2G", param, ctx)


class Duration(click.ParamType[float]):
    """A time such as 90s, 30m, 1h or 2d, in seconds; without a unit, seconds."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse the number and its unit."""
        if isinstance(value, float):
            return value
        text = str(value).strip().lower()
        unit = {"s": 1, "m": 60, "h": 3600, "d": 86_400}.get(text[-1:], 0)
        try:
            seconds = float(text[:-1] if unit else text) * (unit or 1)
        except ValueError:
            self.fail(f"{value!r} is not a time such as 30m, 1h or 2d", param, ctx)
        if not 0 <= seconds < 1e12:
            self.fail(f"{value!r} is not a time such as 30m, 1h or 2d", param, ctx)
        return seconds


def _all(*options: Decorator) -> Decorator:
    """Several options as one decorator, in help's order."""

    def wrap(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return wrap


POSITIVE = click.IntRange(1)

subject_options = _all(
    click.option("--dataset", help="Data set.  [default: the only one]"),
    click.option("--model", help="Model.  [default: the only one]"),
)
dims_option = click.option(
    "--dims",
    type=comma(POSITIVE),
    default=None,
    help="Dimensions.  [default: 256,512,1024, and the native one as fp32]",
)
quantizer_option = click.option(
    "--quantizer",
    "quantizers",
    type=comma(click.Choice(["absmax", "calibrated", "rotated"])),
    default="absmax",
    show_default=True,
    help="How codes are made: a scale a vector; ranges a dimension, calibrated on the gallery; a "
    "random rotation first. fp32, fp16 and bf16 have none, fp8 no calibrated.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=42, show_default=True
)
asymmetric_option = click.option(
    "--asymmetric", is_flag=True, help="Score fp32 queries on the coded gallery."
)
# How a gallery is searched by usearch's graph, and in two stages.
search_options = _all(
    click.option(
        "--connectivity",
        type=comma(click.IntRange(2)),
        default=None,
        help="Edges of a node of usearch-hnsw, M.  [default: 16]",
    ),
    click.option(
        "--expansion-add",
        type=comma(POSITIVE),
        default=None,
        help="Candidates when a node is added, efConstruction.  [default: 128]",
    ),
    click.option(
        "--expansion-search",
        type=comma(POSITIVE),
        default=None,
        help="Candidates of a search, ef; several values make a curve, of one graph.  "
        "[default: 64]",
    ),
    click.option(
        "--rescore",
        metavar="PRECISION",
        default=None,
        help="Rank a shortlist again by the stored vectors of this finer precision, such as fp32.",
    ),
    click.option(
        "--oversample",
        type=comma(POSITIVE),
        default="4",
        show_default=True,
        help="Length of the shortlist, in lists.",
    ),
)
