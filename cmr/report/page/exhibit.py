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
    it does not shrink below a minimum width, but scrolls. `made`: what the page itself makes of the
    rows, chosen and arranged by what is asked for at its top, such as "quality" or "lift".
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
    made: str = ""

    @property
    def drawn(self) -> bool:
        """Whether there is more to show than a sentence."""
        return bool(self.rows) and (
            self.spec is not None or self.made in ("quality", "lift", "models")
        )

    @property
    def json(self) -> Markup:
        """The rows, packed, as JSON that is safe in a script element."""
        return as_json(packed(self.rows))

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


def packed(rows: list[Row]) -> dict[str, Any]:
    """Rows by column, `{"names": […], "columns": […]}`, without what repeats.

    A column of few different texts is `{"of": texts, "at": places}`.
    """
    names = list(rows[0]) if rows else []
    return {"names": names, "columns": [_column([row[name] for row in rows]) for name in names]}


def _column(values: list[Any]) -> Any:
    if not all(value is None or isinstance(value, str) for value in values):
        return values
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    if 2 * len(places) > len(values):
        return values
    return {"of": list(places), "at": [places[value] for value in values]}


def as_json(value: Any) -> Markup:
    """JSON that is safe in a script element: no `<`, and no JavaScript line terminators."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
