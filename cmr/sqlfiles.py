"""The files of `sql/`: what each is, says and needs.

Every file is one view or macro, with a head comment that says what its rows and columns mean.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cmr.identity import identity

LAYERS = ("macros", "staging", "intermediate", "marts", "checks", "doubts")
_WORD = re.compile(r"\w+")
_SOURCE = re.compile(r"\b(?:from|join)\s+(main\.)?(\w+)|\b(\w+)\(")
_TABLE_MACRO = re.compile(r"\w+\([^)]*\) as table\b")
_CTE = re.compile(r"^(\w+) as (?:materialized )?\(", re.MULTILINE)
_NOTE = re.compile(r"-- ?(?:@(?P<column>\w+): )?(?P<text>.*)")


@dataclass(frozen=True)
class View:
    """One file of `sql/`: its layer, name, statement, and what its head comment says."""

    layer: str
    name: str
    query: str
    comment: str
    columns: dict[str, str]

    @property
    def is_table_macro(self) -> bool:
        """Whether it is a macro that stands after `from`."""
        return self.layer == "macros" and bool(_TABLE_MACRO.match(self.query))


def sql_dir() -> Path:
    """The folder `sql`: inside an installed package, beside it in a checkout."""
    inside = Path(__file__).parent / "sql"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "sql"


def views(layer: str | None = None) -> list[View]:
    """The files of one layer, or of all, by layer and name."""
    found = []
    for name in LAYERS if layer is None else (layer,):
        for path in sorted((sql_dir() / name).glob("*.sql")):
            found.append(_parse(name, path))
    return found


def view_names(layer: str | None = None) -> list[str]:
    """Names of the views of one layer, or of all but the macros."""
    return [view.name for view in views(layer) if view.layer != "macros"]


def glossary() -> dict[str, str]:
    """What columns mean that mean the same everywhere."""
    with (sql_dir() / "columns.toml").open("rb") as stream:
        return dict(tomllib.load(stream)["columns"])


def in_order(found: Sequence[View]) -> list[View]:
    """The same files, each after those of them that it reads from."""
    by_name = {view.name: view for view in found}
    begun: set[str] = set()
    done: list[View] = []

    def place(view: View) -> None:
        if view.name in begun:
            return
        begun.add(view.name)
        for name in reads(view.query):
            if name in by_name:
                place(by_name[name])
        done.append(view)

    for view in found:
        place(view)
    return done


def reads(query: str, unqualified: bool = False) -> list[str]:
    """What a statement may read: names after `from` or `join`, and of calls.

    `unqualified`: not those written `main.name`, which are the views themselves whatever CTE has
    their name.
    """
    found = _SOURCE.findall(query)
    return list(
        dict.fromkeys(name or call for main, name, call in found if not (main and unqualified))
    )


def needs(query: str, without: Iterable[str] = ()) -> set[str]:
    """The views and macros that a query names, and those that they are made of.

    Not those of `without`, nor what only they are made of. All of them for a query that looks at
    DuckDB's own lists of views.
    """
    by_name = {view.name: view for view in views() if view.name not in set(without)}
    if "duckdb_" in query.lower() or "information_schema" in query.lower():
        return set(by_name)
    found: set[str] = set()

    def collect(text: str) -> None:
        for name in _WORD.findall(text):
            if name in by_name and name not in found:
                found.add(name)
                collect(by_name[name].query)

    collect(query.lower())
    return found


def sql_fingerprint() -> str:
    """Hash of all of `sql/`."""
    return identity(**{f"{view.layer}/{view.name}": view.query for view in views()})


def standing_in(view: View, found: dict[str, View]) -> str:
    """The statement, with every view between its query and those that its first CTEs replace.

    A view knows nothing of a macro's arguments. So a CTE that has a view's name stands in for it,
    and each view that the rest of the statement reads and that reads that one becomes a CTE too.
    """
    query = view.query
    ctes = list(_CTE.finditer(query))
    standing = [at for at, cte in enumerate(ctes) if cte[1] in found]
    if not standing:
        return query
    following = standing[-1] + 1
    last = following == len(ctes)
    cut = query.rindex("\nselect ") if last else ctes[following].start()
    fresh = {ctes[at][1] for at in standing}
    wanted: set[str] = set()

    def collect(name: str) -> None:
        if name in found and name not in wanted:
            wanted.add(name)
            for source in reads(found[name].query):
                collect(source)

    for source in reads(query[cut:]):
        collect(source)
    parts = []
    for name, other in found.items():
        if (
            name in wanted
            and name not in fresh
            and fresh.intersection(reads(other.query, unqualified=True))
        ):
            fresh.add(name)
            parts.append(f"{name} as (\n{standing_in(other, found)}\n)")
    between = ",\n".join(parts)
    if last:
        return ",\n".join([query[:cut], *parts]) + query[cut:]
    return query[:cut] + (between + ",\n" if parts else "") + query[cut:]


def _parse(layer: str, path: Path) -> View:
    """Split a file into its head comment and its statement."""
    text = path.read_text(encoding="utf-8")
    notes: list[str] = []
    columns: dict[str, str] = {}
    lines = text.splitlines()
    while lines and lines[0].startswith("--"):
        match = _NOTE.match(lines.pop(0))
        assert match is not None
        if match["column"]:
            columns[match["column"]] = match["text"]
        elif columns:
            last = next(reversed(columns))
            columns[last] += " " + match["text"].strip()
        else:
            notes.append(match["text"].strip())
    return View(layer, path.stem, "\n".join(lines), " ".join(notes), columns)
