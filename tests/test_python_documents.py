"""The blocks of docs/python.md and the cells of docs/tour.ipynb run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.slow
def test_python_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(), re.S)
    assert len(blocks) > 7
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert names["rows"] == 4 * 300


@pytest.mark.slow
def test_notebook_runs_and_its_outputs_are_those():
    nbformat = pytest.importorskip("nbformat", reason="needs nbformat, of the extra test")
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient, of the extra test")
    kept = nbformat.read(DOCS / "tour.ipynb", as_version=4)
    nbformat.validate(kept)
    fresh = nbformat.read(DOCS / "tour.ipynb", as_version=4)
    nbclient.NotebookClient(fresh, timeout=200, kernel_name="python3").execute()
    for old, new in zip(kept.cells, fresh.cells, strict=True):
        if old.cell_type == "code":
            assert _texts(old) == _texts(new), old.source


def _texts(cell):
    """What a cell printed or showed as text, but for warnings."""
    shown = [out for out in cell.outputs if out.get("name") != "stderr"]
    return ["".join(out.get("text") or out["data"]["text/plain"]) for out in shown]


def test_notebook_is_small_and_has_no_errors():
    text = (DOCS / "tour.ipynb").read_text()
    assert len(text) < 60_000
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] for cell in cells)
    assert not any(out["output_type"] == "error" for cell in cells for out in cell["outputs"])
