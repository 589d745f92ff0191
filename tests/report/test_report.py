"""The report's files: complete, the same for the same warehouse, and never empty boxes."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from cmr.errors import CmrError
from cmr.report import fonts
from cmr.report.write import write_report
from tests import warehouses


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    relevance = np.zeros((40, 20), dtype=int)
    relevance[np.arange(40), np.arange(40) % 20] = 1
    warehouse = warehouses.new(tmp_path / "w")
    warehouses.add_dataset(warehouse, "d", relevance)
    settings = json.dumps({"threads": 1})
    for number, precision in enumerate(("fp32", "int8")):
        for direction in ("t2v", "v2t"):
            warehouses.add_run(
                warehouse, f"{direction}{number}", "d", rng.random((40, 20)), relevance, direction,
                precision=precision, candidates=[5, 10], model="a/b", vector_bytes=32 >> number,
                plan=settings, versions=settings, machine=settings,
            )  # fmt: skip
    return str(tmp_path / "w")


def test_files(root, tmp_path):
    paths = write_report(root, str(tmp_path / "out"))
    names = {path.rsplit("/", 1)[1] for path in paths}
    plots = {f"d_a%2Fb_{way}_{what}.png" for way in ("t2v", "v2t")
             for what in ("recall", "mrr", "ndcg", "lift")}  # fmt: skip
    assert names == {"experiment_summary.json", "metrics.csv", "leaderboard.csv", *plots}
    for name in plots:
        assert Image.open(tmp_path / "out" / name).size[0] > 800
    summary = json.loads((tmp_path / "out" / "experiment_summary.json").read_text())
    values = summary["metrics"]["d"]["a/b"]["t2v"]["8 native int8"]["full"]["20"]
    rows = csv.DictReader(io.StringIO((tmp_path / "out" / "metrics.csv").read_text()))
    for row in rows:
        if (row["run_id"], row["protocol"], row["measure"], row["k"]) == (
            "t2v1",
            "full",
            "recall",
            "10",
        ):
            assert float(row["value"]) == values["recall@10"]["value"]
            break
    else:
        pytest.fail("metrics.csv lacks the row")
    assert len(summary["runs"]) == 4


def test_the_same_twice(root, tmp_path):
    first = write_report(root, str(tmp_path / "a"))
    second = write_report(root, str(tmp_path / "b"))
    for one, other in zip(first, second, strict=True):
        with open(one, "rb") as a, open(other, "rb") as b:
            assert a.read() == b.read(), one


def test_no_runs(tmp_path):
    warehouse = warehouses.new(tmp_path / "w")
    with pytest.raises(CmrError, match="no runs to report"):
        write_report(warehouse.root, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_chinese_needs_a_font(root, tmp_path, monkeypatch):
    monkeypatch.setattr(fonts, "CJK_FONTS", ("No Such Font",))
    with pytest.raises(CmrError, match="fonts-noto-cjk"):
        write_report(root, str(tmp_path / "out"), lang="zh")
    assert not (tmp_path / "out").exists()
