"""docs/data-model.md is what the comments and schemas say today."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def load():
    spec = importlib.util.spec_from_file_location("data_model", DOCS / "data_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_page_is_current():
    page = load().page()
    assert (DOCS / "data-model.md").read_text(encoding="utf-8") == page, "run make docs"
    assert [line for line in page.splitlines() if line.endswith("|  |")] == []
