"""How ids are spelt in TREC's files, whose fields are separated by white space."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

# Whatever a line is split at, by C's isspace or by Python; a mark of byte order that a reader may
# take for none of the text; and the sign that stands for them.
_UNFIT = re.compile(r"[\s\x00-\x1f\x7f\ufeff%]")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f\ufeff]")


def need_encoding(names: Iterable[str]) -> bool:
    """Whether some id cannot stand in a field: then all of a data set's are percent-encoded."""
    return any(_SPACE.search(name) for name in names)


def encoded(name: str) -> str:
    """An id with white space, control characters and % as percent and their UTF-8 bytes."""
    return _UNFIT.sub(lambda match: quote(match[0], safe=""), name)


def decoded(name: str) -> str:
    """What `encoded` was given."""
    return unquote(name)
