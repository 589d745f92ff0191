"""Damage never becomes sound by being read: whatever writes anew checks what it reads first."""

from __future__ import annotations

import random

import numpy as np
import pytest

from cmr.warehouse.partials import read_thresholds, write_thresholds
from cmr.warehouse.store import Store
from tests.faults.damage import altered, truncate
from tests.faults.harness import GRID, call, files_of, well
from tests.faults.test_kills import MORE


@pytest.mark.slow
@pytest.mark.parametrize("table", ["items", "qrels"])
def test_other_items_and_judgments_are_not_scored(root, table):
    """Sound Parquet with another number in it: a sentence, and no run is written."""
    path = files_of(root, table)[0]
    altered(path, path, random.Random(0))
    before = {path: path.read_bytes() for path in files_of(root, "runs")}
    done = call("evaluate", *GRID, "--force", "-w", root)
    assert done.exit_code == 1
    assert path.name in done.stderr
    assert "`cmr ingest` makes it again" in done.stderr
    assert {path: path.read_bytes() for path in files_of(root, "runs")} == before


@pytest.mark.slow
def test_compact_merges_nothing_that_is_damaged(root):
    well("evaluate", *MORE, "-w", root)
    for path in files_of(root, "sampled_ranks"):
        altered(path, path, random.Random(0))
    done = call("warehouse", "compact", "--wait", "0", "-w", root)
    assert done.exit_code == 1 or "nothing" in done.stdout + done.stderr
    assert call("warehouse", "verify", "-w", root).exit_code == 1


def test_thresholds_of_others_are_not_counted_against(tmp_path):
    warehouse = Store.create(str(tmp_path / "w"))
    values = {"t2v": np.arange(3.0)}
    for key, more in (("a", 0.0), ("b", 1.0)):
        write_thresholds(warehouse, key, {"t2v": values["t2v"] + more})
    found = read_thresholds(warehouse, "a", {"t2v": 3})
    assert found is not None
    assert found["t2v"].tolist() == [0.0, 1.0, 2.0]
    folder = tmp_path / "w" / "thresholds"
    (folder / "a.parquet").write_bytes((folder / "b.parquet").read_bytes())
    assert read_thresholds(warehouse, "a", {"t2v": 3}) is None


@pytest.mark.slow
def test_a_sandbox_does_without_a_damaged_anchor(root):
    path = next(path for path in files_of(root, "anchors") if "/ranks/" in str(path))
    truncate(path, path, random.Random(0))
    query = ("sql", "select count(*) > 0 as n from ranks", "--format", "csv", "--sandbox")
    done = well(*query, "-w", root)
    assert done.stdout.split() == ["n", "true"]
    assert path.name in done.stderr
