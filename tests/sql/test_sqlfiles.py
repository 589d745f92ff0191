"""The files of `sql/` as views and macros: how they are written makes no difference."""

from __future__ import annotations

import re
import shutil

import pytest

from cmr import sqlfiles
from cmr.sqlfiles import COLUMNS, sql_dir, sql_fingerprint, views


@pytest.fixture
def rewritten(tmp_path, monkeypatch):
    """A copy of `sql/`, which is read instead of it."""
    copy = tmp_path / "sql"
    shutil.copytree(sql_dir(), copy)
    monkeypatch.setattr(sqlfiles, "sql_dir", lambda: copy)
    return copy


def words(found):
    """What is said, without how it is laid out."""
    return [
        (view.layer, view.name, re.sub(r"\s+", "", view.query).lower(), view.comment)
        for view in found
    ]


def test_layout_is_free(rewritten):
    """Other indents, blank lines and case of `create macro` change nothing."""
    before = words(views())
    for path in rewritten.rglob("*.sql"):
        lines = path.read_text(encoding="utf-8").splitlines()
        text = "\n".join(
            line
            if line.startswith("--")
            else f"    {line}".replace("create macro", "CREATE  MACRO")
            for line in lines
        )
        # A head comment starts its line; what is left of an indent before it is no part of it.
        path.write_text(text + "\n\n", encoding="utf-8")
    assert words(views()) == before


def test_a_semicolon_ends_a_statement_only_outside_texts(rewritten):
    path = rewritten / "macros" / "odd.sql"
    path.write_text(
        "-- One; with a …\ncreate macro one(a) as a || ';' -- not here;\n;\n\n"
        "-- Another\n-- @x: Its column;\ncreate macro another() as table\nselect '图;' as x;\n",
        encoding="utf-8",
    )
    found = {view.name: view for view in views("macros")}
    assert found["one"].comment == "One; with a …"
    assert found["one"].query.startswith("one(a) as a || ';'")
    assert found["another"].query == "another() as table\nselect '图;' as x"
    assert found["another"].columns == {"x": "Its column;"}
    assert found["another"].is_macro


@pytest.mark.parametrize("name", [COLUMNS, "macros/measured.sql"])
def test_the_fingerprint_is_of_every_byte(rewritten, name):
    before = sql_fingerprint()
    path = rewritten / name
    path.write_bytes(path.read_bytes().replace(b"# ", b"#  ").replace(b"-- ", b"--  "))
    assert sql_fingerprint() != before


def test_names_are_said_once():
    names = [view.name for view in views()]
    assert len(set(names)) == len(names)
