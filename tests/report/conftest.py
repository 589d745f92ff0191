"""What the tests of reports share: warehouses of runs with random scores, and quick reports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cmr.report import page, write
from cmr.report.plots import style
from tests import warehouses

SETTINGS = json.dumps({"threads": 1})


def fill(path, names=(("d", "a/b"),), precisions=("fp32", "int8"), ways=("t2v", "v2t")):
    """A warehouse of runs with random scores, four texts of every two visuals."""
    rng = np.random.default_rng(0)
    relevance = np.zeros((40, 20), dtype=int)
    relevance[np.arange(40), np.arange(40) % 20] = 1
    warehouse = warehouses.new(path)
    for dataset in {dataset for dataset, _ in names}:
        warehouses.add_dataset(warehouse, dataset, relevance)
    for number, (dataset, model) in enumerate(names):
        for place, precision in enumerate(precisions):
            for way in ways:
                warehouses.add_run(
                    warehouse, f"{way}{number}-{place:03}", dataset, rng.random((40, 20)),
                    relevance, way, precision=precision.split()[0], dim=8 + place // 4, model=model,
                    candidates=[5, 10], vector_bytes=64 - place, device="cpu",
                    plan=SETTINGS, versions=SETTINGS, machine=SETTINGS,
                )  # fmt: skip
    return str(path)


def without_page(patch):
    patch.setattr(page, "build", lambda *_, **__: b"<!doctype html>")
    patch.setattr(style, "DPI", 30)


def without_drawing(patch):
    empty = lambda _look, name, _draw: ((f"{name}.{kind}", b"-") for kind in ("png", "svg"))  # noqa: E731
    patch.setattr(write, "drawn", empty)


@pytest.fixture
def no_page(monkeypatch):
    """The page has tests of its own and takes seconds."""
    without_page(monkeypatch)


@pytest.fixture
def no_drawing(no_page, monkeypatch):
    """Where the question is which files there are."""
    without_drawing(monkeypatch)


def names_below(folder):
    return {
        path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()
    }
