"""The files of `sql/`, parsed: layer, name, statement and comments.

A file is one view, named by the file, or one or several macros of a theme. Each has a head comment
that says what its rows and columns mean.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cmr.tokens import tokens

LAYERS = ("macros", "staging", "intermediate", "marts", "checks", "doubts")
COLUMNS = "columns.toml"
# Of every file its name, inode, time of change and size.
_State = tuple[tuple[str, int, int, int], ...]
_MACRO = re.compile(r"\s*create\s+macro\s+(?P<name>\w+)", re.IGNORECASE)
_NOTE = re.compile(r"-- ?(?:@(?P<column>\w+): )?(?P<text>.*)")


@dataclass(frozen=True)
class View:
    """A view or macro: its layer, name, statement, and what its head comment says.

    The statement of a view is its SELECT, that of a macro what follows `create macro`.
    """

    layer: str
    name: str
    query: str
    comment: str
    columns: dict[str, str]
    is_macro: bool


def sql_dir() -> Path:
    """The folder `sql`: inside an installed package, beside it in a checkout."""
    inside = Path(__file__).parent / "sql"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "sql"


def views(layer: str | None = None) -> list[View]:
    """The views and macros of one layer, or of all, by layer and file."""
    return [view for view in _views(_state()) if layer in (None, view.layer)]


def view_names(layer: str | None = None) -> list[str]:
    """Names of the views of one layer, or of all but the macros."""
    return [view.name for view in views(layer) if not view.is_macro]


def glossary() -> dict[str, str]:
    """The meanings of columns that mean the same everywhere."""
    with (sql_dir() / COLUMNS).open("rb") as stream:
        return dict(tomllib.load(stream)["columns"])


def sql_fingerprint() -> str:
    """Hash of all of `sql/`, comments included."""
    return _hash_of_sql(_state())


def _state() -> _State:
    """What changes with the files: to read and parse them takes longer than many of the answers."""
    folder = str(sql_dir())
    found = [(COLUMNS, os.stat(os.path.join(folder, COLUMNS)))]
    for layer in LAYERS:
        with os.scandir(os.path.join(folder, layer)) as entries:
            found += [(f"{layer}/{entry.name}", entry.stat()) for entry in entries]
    return tuple((name, one.st_ino, one.st_mtime_ns, one.st_size) for name, one in found)


@lru_cache(maxsize=1)
def _views(_files: _State) -> tuple[View, ...]:
    """Every view and macro, parsed once for a state of the files."""
    return tuple(
        _parse(path, text)
        for path in _paths(LAYERS)
        for text in _statements(path.read_text(encoding="utf-8"))
    )


@lru_cache(maxsize=1)
def _hash_of_sql(_files: _State) -> str:
    """`sql_fingerprint`, computed once for a state of the files."""
    folder, digest, names = str(sql_dir()), hashlib.sha256(), [COLUMNS]
    # Paths as objects take longer than to read the files.
    for layer in LAYERS:
        there = sorted(os.listdir(os.path.join(folder, layer)))
        names += [f"{layer}/{name}" for name in there if name.endswith(".sql")]
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        digest.update(f"{name} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()[:16]


def _paths(layers: Iterable[str]) -> list[Path]:
    folder = sql_dir()
    return [path for layer in layers for path in sorted((folder / layer).glob("*.sql"))]


def _statements(text: str) -> Iterator[str]:
    """The statements of a file, each with the comment before it and without its semicolon."""
    start = 0
    for token in tokens(text):
        if token.text == ";":
            yield text[start : token.start].strip()
            start = token.start + 1
    if text[start:].strip():
        yield text[start:].strip()


def _parse(path: Path, text: str) -> View:
    """Split a statement into its head comment and the rest."""
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
    query, macro = "\n".join(lines), _MACRO.match("\n".join(lines))
    name = macro["name"] if macro else path.stem
    if macro:
        query = query[macro.start("name") :]
    return View(path.parent.name, name, query, " ".join(notes), columns, macro is not None)
