"""What docs/method.md says of ties, peers and folds: measured again, and as in the kept files."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.plain_ranx import plain_ranx

ROOT = Path(__file__).parent.parent
METHOD = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")


def load(name):
    """A script of bench/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", ROOT / "bench" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def kept(name):
    path = max((ROOT / "bench" / "results").glob(f"*-{name}.json"))
    return json.loads(path.read_text(encoding="utf-8"))["rows"]


@pytest.fixture(scope="module")
def ties():
    return load("ties")


@pytest.fixture(scope="module")
def figures():
    return {row["contender"]: row for row in kept("ties")}


@pytest.mark.slow
def test_cmr_is_the_exact_expectation(ties, figures):
    """By enumeration of where in its tie the own picture may stand."""
    text, visual = ties.make_vectors()
    scores = text.astype(float) @ visual.astype(float).T
    assert set(np.unique(scores * 4) % 1) == {0.0}
    each = []
    for query, row in enumerate(scores):
        above, tied = (row > row[query]).sum(), (row == row[query]).sum() - 1
        each.append(np.mean([above + place < 1 for place in range(tied + 1)]))
    assert ties.exact(text, visual) == pytest.approx(np.mean(each), abs=1e-12)
    assert ties.cmr(text, visual) == pytest.approx(np.mean(each), abs=1e-9)
    for name in ("cmr", "exact expectation"):
        assert figures[name]["hit_rate@1"] == pytest.approx(np.mean(each), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pytrec_eval", "ranx"])
def test_peers_print_what_is_kept(ties, figures, name):
    package, contender = ties.PEERS[name]
    pytest.importorskip(name)
    if importlib.metadata.version(package) != figures[name]["version"]:
        pytest.skip("another version than the file's")
    with plain_ranx() if name == "ranx" else contextlib.nullcontext():
        found = contender(*ties.make_vectors())
    assert found == pytest.approx(figures[name]["hit_rate@1"], abs=1e-9)


def test_the_table_of_ties(figures):
    for name, row in figures.items():
        shown = f"{row['hit_rate@1']:.3f}".removeprefix("0")
        assert re.search(rf"^\| {name}\b.*\| {re.escape(shown)} \|", METHOD, re.M), name


@pytest.mark.slow
def test_folds_are_pools_of_pictures_but_not_of_captions():
    """t2v: the same expectation. v2t: neither C, for the captions of a picture come together."""
    folds = load("folds")
    rows = {(row["direction"], row["measure"]): row for row in folds.measure(200, 40)}
    for k in (1, 10):
        row = rows["t2v", f"hit_rate@{k}"]
        assert abs(row["folds"] - row["expected_C_40"]) < 4 * row["standard_error"]
    row = rows["v2t", "hit_rate@1"]
    assert row["expected_C_40"] - row["folds"] > 10 * row["standard_error"]
    assert row["folds"] - row["expected_C_200"] > 4 * row["standard_error"]


def test_the_table_of_folds():
    for row in kept("folds"):
        name = f"{row['direction']} {row['measure']}"
        values = [row["folds"], *(v for key, v in row.items() if key.startswith("expected_C_"))]
        line = next(line for line in METHOD.splitlines() if line.startswith(f"| {name} "))
        for value in values:
            assert f"{value:.4f}".removeprefix("0") in line, (name, value)
