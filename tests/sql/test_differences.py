"""The view differences: in every protocol, C, measure and K what `compare` says."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.answers import fetch
from cmr.materialised import open_for
from tests import warehouses


@pytest.mark.slow
def test_it_is_what_compare_says(tmp_path):
    rng = np.random.default_rng(3)
    relevance = np.zeros((60, 30), dtype=int)
    relevance[np.arange(60), np.arange(60) % 30] = 1
    warehouse = warehouses.new(tmp_path / "w")
    warehouses.add_dataset(warehouse, "d", relevance)
    base = 1.5 * relevance + rng.standard_normal((60, 30))
    for number, noise in enumerate((0.0, 0.0, 0.4)):
        warehouses.add_run(
            warehouse, f"r{number}", "d", base + noise * rng.standard_normal((60, 30)), relevance,
            "t2v", precision=("fp32", "fp16", "int8")[number], vector_bytes=32 >> number,
            ks=[1, 10], candidates=[12, 20],
        )  # fmt: skip
    con = open_for(warehouse, "from differences, metrics")
    rows = fetch(con, "from differences").to_pylist()
    assert {row["baseline"] for row in rows} == {"r0"}
    checked = 0
    for run in ("r1", "r2"):
        for pools in ("full", "expected"):
            for other in fetch(con, f"from compare('r0', '{run}', pools := '{pools}')").to_pylist():
                key = ("protocol", "candidates", "measure", "k")
                mine = [
                    row
                    for row in rows
                    if row["run_id"] == run and all(row[name] == other[name] for name in key)
                ]
                (row,) = mine
                assert row["value"] == pytest.approx(other["value_b"], abs=1e-12)
                assert row["baseline_value"] == pytest.approx(other["value_a"], abs=1e-12)
                for name, its in (
                    ("difference", "difference"),
                    ("difference_low", "ci_low"),
                    ("difference_high", "ci_high"),
                    ("queries", "queries"),
                    ("clusters", "clusters"),
                ):
                    assert row[name] == pytest.approx(other[its], abs=1e-11), (name, row, other)
                checked += 1
    assert checked > 40
