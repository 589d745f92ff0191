"""Options that several commands share, and lists given with commas."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import click

from cmr.precision import listed
from cmr.represent.dim_methods import BELOW_NATIVE
from cmr.represent.quantizer_kinds import ABSMAX, quantizer_help, quantizer_names

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


# The largest counts that the tables hold.
LARGEST = 2**31 - 1
_DIGITS = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Whole(click.IntRange):
    """A whole number in plain digits, of a range that the tables can hold."""

    def __init__(self, least: int, most: int = LARGEST) -> None:
        """`least` and `most`: the ends of the range, both of it."""
        super().__init__(least, most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse; Python would take 1_000 and the digits of any script, too."""
        if not isinstance(value, int) and not _DIGITS.fullmatch(str(value).strip()):
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        # Python itself refuses more than some thousands of digits.
        if not isinstance(value, int) and len(str(value).strip()) > 20:
            self.fail(f"{str(value)[:20]}… is not in the range {self._described()}.", param, ctx)
        return int(super().convert(value, param, ctx))

    def _described(self) -> str:
        return f"{self.min}<=x" if (self.max or 0) >= LARGEST else f"{self.min}<=x<={self.max}"

    def _describe_range(self) -> str:
        return self._described()


class Share(click.FloatRange):
    """A number from 0 to 1; unlike click's it is one."""

    def __init__(self, positive: bool = False) -> None:
        """`positive`: 0 is none."""
        super().__init__(0, 1, min_open=positive)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse; Python would take nan, inf and 1_0, too."""
        if not isinstance(value, float | int) and not _DECIMAL.fullmatch(str(value).strip()):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return float(super().convert(value, param, ctx))


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


class OneOf(click.Choice[str]):
    """A choice among names that are looked up when they are asked for: packages may add some."""

    def __init__(self, names: Callable[[], Sequence[str]]) -> None:
        """`names`: all there are."""
        super().__init__(())
        self._names = names

    @property
    def choices(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(self._names())

    @choices.setter
    def choices(self, _: object) -> None:
        """click sets what it is given; the names are looked up instead."""


def comma(of: type | click.ParamType[Any]) -> Comma:
    """`Comma` of a plain type or of a click type."""
    return Comma(click.types.convert_type(of))


class Bytes(click.ParamType[int]):
    """A size in bytes, such as 500M or 2G (binary multiples), of 1 or more."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse the number and its unit."""
        if isinstance(value, int):
            return value
        text = str(value).strip().upper().removesuffix("B").removesuffix("I")
        power = {"K": 10, "M": 20, "G": 30, "T": 40}.get(text[-1:], 0)
        number = text[:-1] if power else text
        if _DECIMAL.fullmatch(number) and 1 <= float(number) * 2**power < 2**63:
            return int(float(number) * 2**power)
        return self.fail(f"{value!r} is not a size such as 500M or 2G", param, ctx)


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
        if _DECIMAL.fullmatch(number) and 0 <= float(number) * (unit or 1) < 1e12:
            return float(number) * (unit or 1)
        return self.fail(f"{value!r} is not a time such as 30m, 1h or 2d", param, ctx)


def _all(*options: Decorator) -> Decorator:
    """Several options as one decorator, in help's order."""

    def wrap(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return wrap


POSITIVE = Whole(1)
SEED = Whole(0, 2**63 - 1)

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


def _limit(ctx: click.Context, param: click.Parameter, value: int | None) -> int | None:
    """Hold every connection of this command to what `--memory` says."""
    from cmr import memory

    if value is not None:
        token = memory.limit.set(value)
        ctx.call_on_close(lambda: memory.limit.reset(token))
    return value


def memory_option(what: str, default: str, expose: bool = False) -> Decorator:
    """`--memory`; the command is given its value where it is exposed."""
    return click.option(
        "--memory",
        type=Bytes(),
        default=None,
        callback=_limit,
        expose_value=expose,
        help=f"Bytes for {what}, such as 2G.  [default: {default} of the machine]",
    )


query_memory_option = memory_option("queries, which spill beyond it", "half")
sandbox_option = click.option(
    "--sandbox", is_flag=True, help="Let the query read the warehouse alone, no other local file."
)
quantizer_option = click.option(
    "--quantizer",
    "quantizers",
    type=comma(OneOf(quantizer_names)),
    default=ABSMAX,
    show_default=True,
    help=f"How codes are made. {quantizer_help()}",
)


def precisions_option(default: str) -> Decorator:
    """`--precisions`; `default`: what is taken where none are asked for."""
    return click.option(
        "--precisions",
        type=comma(str),
        default=None,
        help=f"Of {listed()}.  [default: {default}, and fp32 at the native dimension]",
    )


dim_methods_option = click.option(
    "--dim-methods",
    type=comma(str),
    default=None,
    help=f"Of {', '.join(BELOW_NATIVE)}, for dimensions below the native one.  "
    f"[default: {BELOW_NATIVE[0]}]",
)
seed_option = click.option("--seed", type=SEED, default=42, show_default=True)
asymmetric_option = click.option(
    "--asymmetric", is_flag=True, help="Score fp32 queries on the coded gallery."
)
# How a gallery is searched by usearch's graph, and in two stages.
search_options = _all(
    click.option(
        "--connectivity",
        type=comma(Whole(2)),
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
