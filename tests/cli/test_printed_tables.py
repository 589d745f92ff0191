"""Tables off a terminal are what rich draws of them."""

from __future__ import annotations

import io

import pyarrow as pa
import pytest
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

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
