"""The tokens of SQL, as DuckDB's own parser splits it."""

from __future__ import annotations

from typing import NamedTuple

import duckdb


class Token(NamedTuple):
    """Where a token starts, in characters; its text, without the space that follows; its kind."""

    start: int
    text: str
    kind: duckdb.token_type


def tokens(text: str) -> list[Token]:
    """Every token of a text, comments included.

    DuckDB counts bytes of UTF-8, which are more than characters where a text is not ASCII.
    """
    data = text.encode()
    found = duckdb.tokenize(text)
    ends = [place for place, _ in found[1:]] + [len(data)]
    start = len(data[: found[0][0]].decode()) if found else 0
    listed = []
    for (place, kind), end in zip(found, ends, strict=True):
        piece = data[place:end].decode()
        listed.append(Token(start, piece.strip(), kind))
        start += len(piece)
    return listed
