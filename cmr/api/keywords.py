"""Methods whose keywords are a dataclass's fields, for type checkers, editors and `help`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from cmr.pipeline.request import Request
from cmr.progressbar import ProgressBar, no_bar
from cmr.renamed import row_now

P = ParamSpec("P")
S = TypeVar("S")
C = TypeVar("C")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EvaluateKeywords(Request):
    """The arguments of `Warehouse.evaluate`: a request, and where progress is reported."""

    bar: ProgressBar = no_bar


@dataclass(frozen=True)
class EmbeddingsKeywords:
    """The arguments of `Warehouse.embeddings`: one set; `find_set` says what None means."""

    dataset: str | None = None
    model: str | None = None
    _: KW_ONLY
    modality: str
    dim: int | None = None
    precision: str | None = None
    dim_method: str | None = None
    seed: int | None = None
    quantizer: str | None = None

    def form(self) -> dict[str, Any]:
        """The fields that describe the vectors' form, without those that are None."""
        names = ("dim", "precision", "dim_method", "seed", "quantizer")
        every = {name: getattr(self, name) for name in names}
        return row_now({name: value for name, value in every.items() if value is not None})


def keywords_of(
    settings: Callable[P, C],
) -> Callable[[Callable[[S, C], R]], Callable[Concatenate[S, P], R]]:
    """Give a method that takes a dataclass instance the dataclass's own fields as parameters.

    `settings`: the dataclass. Type checkers see its constructor's parameters; `help` and
    `inspect.signature` show each with its default. Calling with others raises TypeError.
    """

    def decorate(method: Callable[[S, C], R]) -> Callable[Concatenate[S, P], R]:
        shown = _signature(method, settings)

        @wraps(method)
        def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            shown.bind(self, *args, **kwargs)
            return method(self, settings(*args, **kwargs))

        call.__signature__ = shown  # type: ignore[attr-defined]
        del call.__wrapped__
        call.__annotations__ = {name: one.annotation for name, one in shown.parameters.items()}
        return call

    return decorate


def _signature(method: Callable[..., Any], settings: Callable[..., Any]) -> inspect.Signature:
    """The method's signature, with the dataclass's parameters in place of the last one."""
    own = inspect.signature(method)
    first = next(iter(own.parameters.values()))
    found = []
    for one in inspect.signature(settings).parameters.values():
        single = re.fullmatch(r"One\[(.*)\]", str(one.annotation))
        found.append(one.replace(annotation=single[1] if single else one.annotation))
    return own.replace(parameters=[first, *found])
