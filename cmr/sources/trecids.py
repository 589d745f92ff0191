"""How ids are spelt in TREC's files, whose fields are separated by white space."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

# Characters at which C's isspace or Python splits a line; a byte order mark, which a reader may
# drop; and the escape character itself.
_UNFIT = re.compile(r"[\s\x00-\x1f\x7f\ufeff%]")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f\ufeff]")


def need_encoding(names: Iterable[str]) -> bool:
    """Whether some id does not fit into a field: then all of a data set's are percent-encoded."""
    return any(_SPACE.search(name) for name in names)


def encoded(name: str) -> str:
    """An id with white space, control characters and % percent-encoded as UTF-8."""
    return _UNFIT.sub(lambda match: quote(match[0], safe=""), name)


def decoded(name: str) -> str:
    """The inverse of `encoded`."""
    return unquote(name)
