"""What one value of an option may be, parsed the same way from the command line and Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from cmr.suggestions import suggestion

# The largest counts that the tables hold; seeds and bytes have 63 bits.
LARGEST = 2**31 - 1
LARGEST_LONG = 2**63 - 1
# Python refuses to parse thousands of digits; no valid number here is that long.
_DIGITS = re.compile(r"[+-]?[0-9]{1,20}")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class WrongValueError(ValueError):
    """A value that an option cannot have; the message is the value and the reason."""

    def __init__(self, given: object, why: str) -> None:
        """`given`: the value. `why`: what is wrong with it, such as "is not a text"."""
        text = repr(given)
        self.given = text if len(text) <= 40 else f"{text[:40]}…"
        self.why = why
        super().__init__(f"{self.given} {why}")


class Kind(Protocol[T_co]):
    """What one value may be."""

    def parse(self, given: object) -> T_co:
        """Parse a text, or what was given in Python. Raises WrongValueError."""


class Integer:
    """An integer in plain digits, within a range that the tables can hold."""

    def __init__(self, least: int, most: int = LARGEST, because: str = "") -> None:
        """`least`, `most`: the ends of the range, inclusive. `because`: why it begins there, if
        that needs explaining.
        """
        self.least, self.most, self.because = least, most, because

    def parse(self, given: object) -> int:
        """Parse; Python's `int` would also accept 1_000, 1.5 and the digits of any script."""
        text = isinstance(given, str)
        wrong = WrongValueError(given, f"is not in the range of whole numbers from {self.least}")
        if isinstance(given, str) and not _DIGITS.fullmatch(given.strip()):
            raise wrong
        try:
            number = int(given)  # type: ignore[call-overload]
        except (TypeError, ValueError, OverflowError):
            raise wrong from None
        if not text and number != given:
            raise wrong
        if number > self.most:
            raise WrongValueError(number, f"{wrong.why} to {self.most}")
        if number < self.least:
            raise WrongValueError(number, wrong.why + (self.because and f": {self.because}"))
        return int(number)


class ByteSize:
    """A size in bytes, at least 1; a text may have a binary unit, such as 500M or 2G."""

    def parse(self, given: object) -> int:
        """Parse the number and its unit."""
        if isinstance(given, str):
            text = given.strip().upper().removesuffix("B").removesuffix("I")
            power = {"K": 10, "M": 20, "G": 30, "T": 40}.get(text[-1:], 0)
            number = text[:-1] if power else text
            if DECIMAL.fullmatch(number) and 1 <= float(number) * 2**power <= LARGEST_LONG:
                return int(float(number) * 2**power)
        else:
            try:
                return Integer(1, LARGEST_LONG).parse(given)
            except WrongValueError:
                pass
        raise WrongValueError(
            given, "is neither a whole number of bytes from 1 nor a size such as 500M or 2G"
        )


class Number:
    """A decimal number above 0, and at most `most`."""

    def __init__(self, most: float) -> None:
        self.most = most

    def parse(self, given: object) -> float:
        """Parse a number, or a text of one."""
        text = str(given).strip()
        if not DECIMAL.fullmatch(text) or not 0 < float(text) <= self.most:
            raise WrongValueError(given, f"is not a number above 0, up to {self.most:g}")
        return float(text)


class Text:
    """Any text."""

    def parse(self, given: object) -> str:
        """A text; a path or a torch device is converted to one."""
        if given is None:
            raise WrongValueError(given, "is not a text")
        return str(given)


class Choice:
    """One of some words."""

    def __init__(self, words: Sequence[str] | Callable[[], Sequence[str]]) -> None:
        """`words`: the words, or a function that looks them up late, as packages may add some."""
        self._words = words

    @property
    def words(self) -> tuple[str, ...]:
        """All words, in order."""
        return tuple(self._words() if callable(self._words) else self._words)

    def parse(self, given: object) -> str:
        """Parse a word, ignoring surrounding blanks."""
        word = str(given).strip()
        if word not in self.words:
            there = self.words
            said = f"is unknown; there are {', '.join(there)}{suggestion(word, there)}"
            raise WrongValueError(word, said)
        return word


class Flag:
    """Yes or no."""

    def parse(self, given: object) -> bool:
        """Whether the value is true in Python's sense."""
        return bool(given)


def parse_many(kind: Kind[T], given: object) -> tuple[T, ...]:
    """Distinct values in the given order; None means no values.

    `given`: one value, several, or a comma-separated text. Raises WrongValueError.
    """
    parts: Iterable[object] = () if given is None else (given,)
    if isinstance(given, str):
        parts = [part.strip() for part in given.split(",") if part.strip()]
    elif isinstance(given, Iterable):
        parts = [part.strip() if isinstance(part, str) else part for part in given]
    return tuple(dict.fromkeys(kind.parse(part) for part in parts))
