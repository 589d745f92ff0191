"""The files of `sql/`, parsed: layer, name, statement and comments.

Every file is one view or macro, with a head comment that says what its rows and columns mean.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from cmr.identity import identity

LAYERS = ("macros", "staging", "intermediate", "marts", "checks", "doubts")
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
    def is_macro(self) -> bool:
        """Whether it has arguments."""
        return re.match(rf"{self.name}\s*\(", self.query) is not None


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
    return [view.name for view in views(layer) if not view.is_macro]


def glossary() -> dict[str, str]:
    """The meanings of columns that mean the same everywhere."""
    with (sql_dir() / "columns.toml").open("rb") as stream:
        return dict(tomllib.load(stream)["columns"])


def sql_fingerprint() -> str:
    """Hash of all of `sql/`."""
    return identity(**{f"{view.layer}/{view.name}": view.query for view in views()})


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
