"""What other packages register with cmr, by entry point."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import TypeVar

from cmr.errors import CmrError

T = TypeVar("T")


def registered(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group, by name."""
    return _found(entry_points, tuple(sys.path), group).copy()


@cache
def _found(
    find: Callable[..., EntryPoints], path: tuple[str, ...], group: str
) -> dict[str, EntryPoint]:
    """The same, looked for once while Python looks for packages in the same places."""
    return {point.name: point for point in find(group=group)}


def load(point: EntryPoint, kind: type[T], what: str) -> T:
    """Load what an entry point names. Raises CmrError if it does not load or is not a `kind`."""
    try:
        loaded = point.load()
    except Exception as error:
        raise CmrError(
            f"the {what} {point.name!r} ({point.value}) does not load: {error}"
        ) from None
    if not isinstance(loaded, kind):
        wanted = f"{kind.__module__}.{kind.__qualname__}"
        raise CmrError(f"the {what} {point.name!r} ({point.value}) is not a {wanted}")
    return loaded
