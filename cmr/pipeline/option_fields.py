"""Fields of a dataclass that are options: default, values, help and name, declared once.

A field is a descriptor, so that type checkers and editors know two types for it: what the
constructor accepts (for `Many[int]`: 16, [16, 32] or "16,32") and what is read (a tuple). The
command line's options, Python's keywords and the checks of both are generated from these fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from inspect import getattr_static
from typing import Any, Generic, TypeVar

from cmr.errors import CmrError
from cmr.pipeline.option_values import Kind, WrongValueError, parse_many

T = TypeVar("T")


class Option(Generic[T]):
    """The declaration of a field, which is one of `One`, `Many` and `ManyOrNone`.

    `kind`: what a value may be. `default`: as it is read. `help`: for the command line; if the
    default is None or empty, it says what that means. `metavar`: how the help shows a value.
    """

    many = True

    def __init__(
        self,
        kind: Kind[T],
        default: object = None,
        help: str | None = None,
        *,
        flag: str | None = None,
        metavar: str | None = None,
    ) -> None:
        """`default`: a value, or several; it is not checked, because packages may add values.
        `flag`: the option's name on the command line, if it differs from the field's.
        """
        self.kind, self.help, self.metavar, self._flag = kind, help, metavar, flag
        self.name = ""
        self.left_open = default is None
        self.default: Any = self.as_read(default)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def flag(self) -> str:
        """The option's name on the command line."""
        return "--" + (self._flag or self.name).replace("_", "-")

    def as_read(self, default: object) -> Any:
        """The default in the form in which values are read."""
        return default

    def parse(self, given: object) -> Any:
        """Parse a given value. Raises WrongValueError, or CmrError for an empty list."""
        raise NotImplementedError

    def keep(self, settings: object, given: object) -> None:
        """Store the value in an object of the dataclass. Raises CmrError for an invalid value.

        It is stored in the object's own dictionary, so it is pickled and compared like any other.
        """
        try:
            value = given if given is self.default else self.parse(given)
            settings.__dict__[self.name] = value
        except WrongValueError as wrong:
            verb = "has" if self.many else "is"
            said = f"{self.name} {verb} {wrong.given}, which {wrong.why}"
            raise CmrError(said) from None

    def read(self, settings: object | None) -> Any:
        """The value; on the class, the default, which is where a dataclass looks for it."""
        return self.default if settings is None else settings.__dict__[self.name]


class One(Option[T]):
    """A single value, or None if that is the default."""

    many = False

    def __get__(self, settings: object | None, owner: type | None = None) -> T:
        value: T = self.read(settings)
        return value

    def __set__(self, settings: object, given: T) -> None:
        self.keep(settings, given)

    def parse(self, given: object) -> T | None:
        """None if that is the default, else the value parsed by its kind."""
        return None if given is None and self.left_open else self.kind.parse(given)


class Many(Option[T]):
    """A tuple of distinct values; it may be empty if the default is."""

    def __get__(self, settings: object | None, owner: type | None = None) -> tuple[T, ...]:
        value: tuple[T, ...] = self.read(settings)
        return value

    def __set__(self, settings: object, given: T | str | Sequence[T] | None) -> None:
        self.keep(settings, given)

    def as_read(self, default: object) -> tuple[T, ...]:
        """A tuple."""
        if default is None:
            return ()
        found: tuple[T, ...] = default if isinstance(default, tuple) else (default,)
        return found

    def parse(self, given: object) -> tuple[T, ...]:
        """Parse one value, several, or a comma-separated text; None is an empty list."""
        found = parse_many(self.kind, given)
        if not found and not self.left_open:
            raise CmrError(f"{self.name} is empty")
        return found


class ManyOrNone(Option[T]):
    """A non-empty tuple of distinct values, or None if nothing was given."""

    def __get__(self, settings: object | None, owner: type | None = None) -> tuple[T, ...] | None:
        value: tuple[T, ...] | None = self.read(settings)
        return value

    def __set__(self, settings: object, given: T | str | Sequence[T] | None) -> None:
        self.keep(settings, given)

    def parse(self, given: object) -> tuple[T, ...] | None:
        """As for `Many`, but an empty list, which may be a mistake, is not None."""
        if given is None:
            return None
        found = parse_many(self.kind, given)
        if not found:
            raise CmrError(f"{self.name} is empty")
        return found


def options_of(settings: type) -> list[Option[Any]]:
    """The fields of a dataclass that are options, in order."""
    found = (getattr_static(settings, field.name, None) for field in fields(settings))
    return [one for one in found if isinstance(one, Option)]
