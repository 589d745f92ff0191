"""Tables off a terminal are what rich draws of them; on one they fit, and nothing is cut."""

from __future__ import annotations

import io
import sys

import pyarrow as pa
import pytest
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cmr.cli import paging
from cmr.cli.drawn_tables import text_width
from cmr.cli.fitted_tables import wrapped
from cmr.cli.printed_tables import print_table

COLUMNS = {
    "text": ["plain", "two\nlines", "日本 ", "🙂é", "", None],
    "count": [1, 20_000, None, -3, 0, 999],
    "a longer name": ["x", "", "ends\n", "\n", "y", "z"],
    "Ünit": [0.5, None, 1e-9, 1234.5, float("nan"), 2.0],
}
SHOWN = {
    "text": ["plain", "two\nlines", "日本 ", "🙂é", "", ""],
    "count": ["1", "20,000", "", "-3", "0", "999"],
    "a longer name": ["x", "", "ends\n", "\n", "y", "z"],
    "Ünit": ["0.5000", "", "1.00e-09", "1,234", "nan", "2.0000"],
}


class _Page(io.StringIO):
    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


@pytest.mark.parametrize("title", [None, "short"])
@pytest.mark.parametrize("rows", [6, 1, 0])
@pytest.mark.parametrize("names", [["text"], ["count"], list(COLUMNS)])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_as_rich_draws_it(encoding, names, rows, title):
    kinds = {"count": pa.int64(), "Ünit": pa.float64()}
    table = pa.table(
        {name: pa.array(COLUMNS[name][:rows], kinds.get(name, pa.string())) for name in names}
    )
    page = _Page(encoding)
    print_table(table, title, page)
    frame = box.SIMPLE_HEAD if encoding == "utf-8" else box.ASCII
    grid = Table(box=frame, pad_edge=False)
    for name in names:
        grid.add_column(name, justify="right" if name in kinds else "left", no_wrap=True)
    for row in zip(*(SHOWN[name][:rows] for name in names), strict=True):
        grid.add_row(*map(Text, row))
    drawn = io.StringIO()
    Console(file=drawn, width=100_000, highlight=False).print(grid)
    lines = page.getvalue().splitlines()
    if title is not None:
        assert lines.pop(0).rstrip() == title
    assert lines == drawn.getvalue().splitlines()


class _Screen(_Page):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch, width, columns, title=None, encoding="utf-8"):
    """The lines of a table on a terminal of this width."""
    monkeypatch.setenv("COLUMNS", str(width))
    page = _Screen(encoding)
    print_table(pa.table(columns), title, page)
    return page.getvalue().splitlines()


RUNS = {
    "run_id": ["762d318acdc27441", "64c66a5ba494db28"],
    "dataset": ["scenes", "scenes"],
    "model": ["ViT-B-32/laion2b_s34b_b79k"] * 2,
    "variant": [None, None],
    "representation": ["1024 expand int8 absmax", "512 native fp16"],
    "recall_10_low": [0.97321, 0.9729],
    "vector_bytes": [20_480, 1024],
    "query": ["a black ring in the top right and an orange heart at the top, 日本語の文章", "x"],
}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 200, 400])
def test_no_word_is_cut_at_any_width(monkeypatch, width, encoding):
    found = shown(monkeypatch, width, RUNS, "A title of the table, of some length", encoding)
    said = " ".join(found).split()
    for column in ("run_id", "model", "representation"):
        for cell in RUNS[column]:
            for word in cell.split():
                assert word in [one.strip(",;|") for one in said], (word, found)
    assert {"20,480", "1024", "0.9732", "0.9729", "orange"} <= {one.strip("|") for one in said}
    letters = "".join(one for line in found for one in line if text_width(one) == 2)
    assert letters == "日本語の文章"
    longest = max(map(text_width, said))
    # Names of a block stand before its values.
    assert all(text_width(line) <= max(width, longest + 16) for line in found), found


def test_remedies_in_turn(monkeypatch):
    whole = shown(monkeypatch, 400, RUNS)
    assert "dataset" in whole[1]
    assert whole[0].strip() == ""
    folded = shown(monkeypatch, 160, RUNS)
    assert folded[0] == ("dataset scenes, model ViT-B-32/laion2b_s34b_b79k; empty: variant")
    assert "dataset" not in folded[2]
    assert len(folded) == 1 + 6
    assert len(shown(monkeypatch, 110, RUNS)) > len(folded)
    block = shown(monkeypatch, 40, RUNS)
    assert any("── 1 ──" in line for line in block)
    assert "vector_bytes    20,480" in block
    settings = {"setting": ["a", "b"], "value": ["x" * 200, "y"]}
    assert "x" * 200 in shown(monkeypatch, 80, settings)[3]
    single = shown(monkeypatch, 200, {name: values[:1] for name, values in RUNS.items()})
    assert "dataset" in single[0] + single[1]


def test_numbers_are_right_aligned_and_names_wrap(monkeypatch):
    figures = {f"recall_{k}_low": [0.5, 1234.5] for k in (1, 5, 10)}
    lines = shown(monkeypatch, 25, figures)
    assert lines[1].split() == ["recall_"] * 3
    assert lines[2].split() == ["1_low", "5_low", "10_low"]
    assert [line.split() for line in lines[-3:-1]] == [["0.5000"] * 3, ["1,234"] * 3]


def test_sentences_wrap_between_words():
    text = "one two-three 日本語の文章です。 four five"
    lines = wrapped(text, 12).split("\n")
    assert max(map(text_width, lines)) <= 12
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line.startswith("。") for line in lines)
    assert wrapped("a word" + "x" * 40, 10).split("\n") == ["a", "word" + "x" * 40]


@pytest.fixture
def pager(tmp_path, monkeypatch):
    """A pager that keeps what it is given, in the file returned; the screen has 10 lines."""
    kept, program = tmp_path / "kept", tmp_path / "pager"
    program.write_text(f"#!/bin/sh\ncat > {kept}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PAGER", str(program))
    monkeypatch.setenv("LINES", "10")
    monkeypatch.setenv("COLUMNS", "80")
    return kept


def _print(rows):
    with paging.paged():
        print_table(pa.table({"n": list(range(rows))}))


def test_more_than_a_screen_is_paged(pager, monkeypatch):
    screen = _Screen("utf-8")
    monkeypatch.setattr(sys, "stdout", screen)
    _print(3)
    assert "2" in screen.getvalue()
    assert not pager.exists()
    _print(30)
    assert pager.read_text().split() == ["n", "─" * 2, *map(str, range(30))]
    assert "29" not in screen.getvalue()


@pytest.mark.parametrize("named", ["", "cat", "no-such-pager", "'", "sh -c 'exit 0'"])
def test_pagers_that_do_not_show_it(pager, monkeypatch, named):
    """Without a pager everything is printed; one that is left at once ends silently."""
    screen = _Screen("utf-8")
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("PAGER", named)
    _print(100_000 if "exit" in named else 30)
    assert ("29" in screen.getvalue()) == ("exit" not in named)


def test_no_pager_off_a_terminal(pager, monkeypatch):
    page = _Page("utf-8")
    monkeypatch.setattr(sys, "stdout", page)
    _print(30)
    assert "29" in page.getvalue()
    assert not pager.exists()


def test_what_less_is_told(monkeypatch):
    monkeypatch.delenv("PAGER", raising=False)
    monkeypatch.setattr(paging.shutil, "which", lambda name: name)
    assert paging._pager() == ["less", "-SFRX"]
    monkeypatch.setenv("PAGER", "more -d")
    assert paging._pager() == ["more", "-d"]
    monkeypatch.setattr(paging.shutil, "which", lambda name: None)
    assert paging._pager() == []
