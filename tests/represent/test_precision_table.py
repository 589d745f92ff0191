"""One table of precisions: every row has its codec, and nothing else asks for one by its name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cmr
from cmr.precision import PRECISIONS, ROWS
from cmr.represent.codecs import FLOATS, INTEGERS

NAMES = {*PRECISIONS, *(alias for row in ROWS for alias in row.aliases)}
FOLDER = Path(cmr.__file__).parent
# The table and its codecs; of encoders, what their weights are computed in; and of engines, what
# they call their own codes.
TABLES = ("precision.py", "represent/codecs.py")
OTHERS = ("encode", "engines")
MODULES = [
    path
    for path in sorted(FOLDER.rglob("*.py"))
    if path.relative_to(FOLDER).as_posix() not in TABLES and path.parent.name not in OTHERS
]


def asked_by_name(tree: ast.AST) -> list[int]:
    """Lines that compare with a literal name, or look something up by one."""
    found = []
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            parts = list(node.keys)
        elif isinstance(node, ast.Subscript):
            parts = [node.slice]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        for part in parts:
            every = part.elts if isinstance(part, ast.Tuple | ast.List | ast.Set) else [part]
            if any(isinstance(one, ast.Constant) and one.value in NAMES for one in every):
                found.append(node.lineno)
    return found


def test_no_module_asks_for_a_precision_by_its_name():
    assert len(MODULES) > 200
    lines = {path: asked_by_name(ast.parse(path.read_text(encoding="utf-8"))) for path in MODULES}
    assert {str(path): found for path, found in lines.items() if found} == {}


@pytest.mark.parametrize(
    "line", ['p == "b1"', 'p in ("int8", "x")', '{"fp16": 1}.get(p)', 't["fp32"]']
)
def test_which_lines_ask(line):
    assert asked_by_name(ast.parse(line)) == [1]


def test_every_row_has_a_codec():
    assert {row.name for row in ROWS if row.is_integer} == set(INTEGERS)
    assert {row.name for row in ROWS if not (row.is_integer or row.parts)} == set(FLOATS)


def test_names_are_told_apart_and_the_finest_comes_first():
    names = [name for row in ROWS for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))
    assert [row.bits for row in ROWS] == sorted((row.bits for row in ROWS), reverse=True)
