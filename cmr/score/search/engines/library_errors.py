"""What a library raises, as one sentence."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from cmr.errors import CmrError

# Where in a library's source an error was made, which Rust's errors end with.
_PLACE = re.compile(r",? *(at )?/\S+\.rs:\d+(:\d+)?$")


@contextlib.contextmanager
def refusals(library: str, *kinds: type[Exception]) -> Iterator[None]:
    """Raise what is of `kinds` as a CmrError with the first line of what it says."""
    try:
        yield
    except kinds as error:
        said = str(error).strip().splitlines()
        told = _PLACE.sub("", said[0]) if said else type(error).__name__
        raise CmrError(f"{library}: {told}") from None
