"""Options that several commands share, and parameter types such as comma-separated lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from cmr.cli.known_names import BY_OPTION
from cmr.pipeline.option_values import (
    DECIMAL,
    LARGEST,
    LARGEST_LONG,
    ByteSize,
    Choice,
    Flag,
    Integer,
    Kind,
    Number,
    WrongValueError,
)

if TYPE_CHECKING:
    from cmr.pipeline.option_fields import Option

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


def parsed(
    of: click.ParamType[Any],
    kind: Kind[Any],
    value: Any,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> Any:
    """The value parsed by its kind; a usage error says why it cannot be."""
    try:
        return kind.parse(value)
    except WrongValueError as wrong:
        of.fail(str(wrong), param, ctx)


class Whole(click.IntRange):
    """An integer in plain digits, within a range that the tables can hold."""

    def __init__(self, least: int, most: int = LARGEST, because: str = "") -> None:
        """As for `Integer`."""
        super().__init__(least, most)
        self.kind = Integer(least, most, because)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse."""
        return int(parsed(self, self.kind, value, param, ctx))

    def _describe_range(self) -> str:
        most = self.kind.most
        return f"{self.min}<=x" if most >= LARGEST else f"{self.min}<=x<={most}"


class Word(click.Choice[str]):
    """One of a list of words, which is looked up only when needed."""

    def __init__(self, kind: Choice) -> None:
        """`kind`: the kind of value, which knows the words."""
        super().__init__(())
        self.kind = kind

    @property
    def choices(self) -> tuple[str, ...]:
        """All words, in order."""
        return self.kind.words

    @choices.setter
    def choices(self, _: object) -> None:
        """Ignore what click sets; the kind knows the words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Parse."""
        return str(parsed(self, self.kind, value, param, ctx))


class Share(click.FloatRange):
    """A number from 0 to 1; unlike click's FloatRange it rejects nan."""

    def __init__(self, positive: bool = False) -> None:
        """`positive`: 0 is not allowed."""
        super().__init__(0, 1, min_open=positive)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse; Python's float would also accept nan, inf and 1_0."""
        if not isinstance(value, float | int) and not DECIMAL.fullmatch(str(value).strip()):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return float(super().convert(value, param, ctx))


class Above(click.ParamType[float]):
    """A decimal number above 0, up to a limit."""

    name = "number"

    def __init__(self, kind: Number) -> None:
        """`kind`: the kind of value, which knows the limit."""
        self.kind = kind

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse."""
        return float(parsed(self, self.kind, value, param, ctx))


class Comma(click.ParamType[tuple[Any, ...]]):
    """A comma-separated list of values of one type, without repeats, in the given order."""

    name = "list"

    def __init__(self, of: click.ParamType[Any]) -> None:
        """`of`: the type of one value."""
        self.of = of

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """How the help shows it."""
        return "A,B,…"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """What completes the last value."""
        before, comma, last = incomplete.rpartition(",")
        return [
            CompletionItem(f"{before}{comma}{one.value}", one.type, one.help)
            for one in self.of.shell_complete(ctx, param, last)
        ]

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
    """`Comma` of a Python type or a click type."""
    return Comma(click.types.convert_type(of))


class Bytes(click.ParamType[int]):
    """A size in bytes, such as 500M or 2G (binary multiples), of 1 or more."""

    name = "size"
    kind = ByteSize()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse the number and its unit."""
        return int(parsed(self, self.kind, value, param, ctx))


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
        number = text[:-1] if unit else text
        if DECIMAL.fullmatch(number) and 0 <= float(number) * (unit or 1) < 1e12:
            return float(number) * (unit or 1)
        return self.fail(f"{value!r} is not a time such as 30m, 1h or 2d", param, ctx)


POSITIVE = Whole(1)
SEED = Whole(0, LARGEST_LONG)


def _limit(ctx: click.Context, param: click.Parameter, value: int | None) -> int | None:
    """Limit every connection of this command to `--memory`."""
    from cmr import memory

    if value is not None:
        token = memory.limit.set(value)
        ctx.call_on_close(lambda: memory.limit.reset(token))
    return value


query_memory_option = click.option(
    "--memory",
    type=Bytes(),
    callback=_limit,
    expose_value=False,
    help="Bytes for queries, which spill beyond it, such as 2G.  [default: half of the machine]",
)
sandbox_option = click.option(
    "--sandbox", is_flag=True, help="Let the query read only the warehouse, no other local files."
)


def _type(option: Option[Any]) -> click.ParamType[Any]:
    """The click type for the kind of value that an option takes."""
    kind = option.kind
    one: click.ParamType[Any] = click.STRING
    if isinstance(kind, Integer):
        one = Whole(kind.least, kind.most, kind.because)
    elif isinstance(kind, Choice):
        one = Word(kind)
    elif isinstance(kind, ByteSize):
        one = Bytes()
    elif isinstance(kind, Number):
        one = Above(kind)
    return Comma(one) if option.many else one


def _option(option: Option[Any]) -> Decorator:
    if isinstance(option.kind, Flag):
        return click.option(option.flag, option.name, is_flag=True, help=option.help)
    default = option.default
    if option.many:
        default = ",".join(map(str, default or ())) or None
    return click.option(
        option.flag,
        option.name,
        type=_type(option),
        default=default,
        show_default=bool(default),
        metavar=option.metavar,
        callback=_limit if isinstance(option.kind, ByteSize) else None,
        help=option.help,
        shell_complete=BY_OPTION.get(option.name),
    )


def declared(settings: type, *, only: Sequence[str] = (), but: Sequence[str] = ()) -> Decorator:
    """The options that a dataclass declares, in its order or that of `only`, without `but`."""
    from cmr.pipeline.option_fields import options_of

    found = {one.name: _option(one) for one in options_of(settings) if one.name not in but}
    chosen = [found[name] for name in only or found]

    def wrap(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(chosen):
            command = option(command)
        return command

    return wrap
