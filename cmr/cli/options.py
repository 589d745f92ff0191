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
