"""An evaluation's request, from single values, sequences or lists with commas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cmr.errors import CmrError
from cmr.pipeline.request import DIRECTIONS, PROTOCOLS, Request

_NUMBERS = (
    "dims", "candidates", "ks", "connectivity", "expansion_add", "expansion_search", "oversample",
)  # fmt: skip
_WORDS = ("precisions", "dim_methods", "protocols", "directions", "quantizers")
# The largest counts that the tables hold; seeds and bytes have 63 bits.
LARGEST = 2**31 - 1
_LONG = ("seed", "memory")
# What may be left open.
_OPEN = ("dim_methods", "directions", "connectivity", "expansion_add", "expansion_search")
# What None leaves open, and an empty list does not.
_GRID = ("dims", "precisions")
_LEAST = {"draws": 1, "hits": 0, "seed": 0, "memory": 1, "list_length": 1}
_CHOICE = {"protocols": PROTOCOLS, "directions": DIRECTIONS}


def make_request(**given: Any) -> Request:
    """A `Request` of its fields. Raises CmrError for a value that has no meaning."""
    settings = dict(given)
    for name in (*_NUMBERS, *_WORDS):
        if name in settings:
            settings[name] = _many(name, settings[name])
    for name, least in _LEAST.items():
        value = settings.get(name)
        if value is None:
            continue
        most = 2**63 - 1 if name in _LONG else LARGEST
        if not isinstance(value, int) or not least <= value <= most:
            raise CmrError(f"{name} is {_short(value)}, expected a whole number from {least}")
    return Request(**settings)


def _many(name: str, given: Any) -> tuple[Any, ...]:
    """Values without repeats, in the given order; None is an empty list."""
    parts: Iterable[Any] = () if given is None else (given,)
    if isinstance(given, str):
        parts = [part for part in given.split(",") if part.strip()]
    elif isinstance(given, Iterable):
        parts = given
    convert = _positive if name in _NUMBERS else _word
    found = tuple(dict.fromkeys(convert(name, part) for part in parts))
    if not found and name not in _OPEN and not (given is None and name in _GRID):
        raise CmrError(f"{_said(name)} is empty")
    return found


def _positive(name: str, given: Any) -> int:
    try:
        number = int(given)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if not 1 <= number <= LARGEST or (isinstance(given, float) and number != given):
        raise CmrError(f"{_said(name)} has {_short(given)}, expected whole numbers from 1")
    return number


def _word(name: str, given: Any) -> str:
    word = str(given).strip()
    if word not in _CHOICE.get(name, (word,)):
        raise CmrError(f"{_said(name)} has {word!r}; there are {', '.join(_CHOICE[name])}")
    return word


def _short(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _said(name: str) -> str:
    """As callers call it."""
    return "k" if name == "ks" else name
