"""A plot or table of the page: its query, the resulting rows, and how they are shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from cmr.answers import fetch
from cmr.rows import Row

if TYPE_CHECKING:
    import duckdb


@dataclass
class Exhibit:
    """One query and its rows. `spec`: a Vega-Lite specification as JSON; a table has none.

    `about` and `alt`: what it shows. `empty`: the text shown instead if there are no rows. `wide`:
    it does not shrink below a minimum width, but scrolls.
    """

    key: str
    sql: str
    rows: list[Row]
    title: str = ""
    about: str = ""
    alt: str = ""
    spec: Markup | None = None
    empty: str = ""
    wide: bool = False

    @property
    def json(self) -> Markup:
        """The rows as JSON that is safe in a script element."""
        return as_json(self.rows)

    @property
    def size(self) -> int:
        """Approximate bytes that it takes in the page."""
        return len(self.json.encode()) + len(self.sql.encode()) + len(self.spec or "") + 800


def ask(con: duckdb.DuckDBPyConnection, key: str, sql: str) -> Exhibit:
    """The exhibit of a query."""
    return Exhibit(key, sql, rounded(fetch(con, sql).to_pylist()))


def rounded(rows: list[Row]) -> list[Row]:
    """Rows with floats to eight decimals and no -0, because later digits vary between calls."""
    return [
        {
            key: round(value, 8) + 0.0 if isinstance(value, float) else value
            for key, value in row.items()
        }
        for row in rows
    ]


def as_json(value: Any) -> Markup:
    """JSON that is safe in a script element: no `<`, and no JavaScript line terminators."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
