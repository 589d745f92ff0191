"""What a library raises, as one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from cmr.errors import CmrError


@contextlib.contextmanager
def refusals(library: str, *kinds: type[Exception]) -> Iterator[None]:
    """Raise what is of `kinds` as a CmrError with the first line of what it says."""
    try:
        yield
    except kinds as error:
        said = str(error).strip().splitlines()
        raise CmrError(f"{library}: {said[0] if said else type(error).__name__}") from None
