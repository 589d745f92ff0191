"""`cmr runs`: the list, one run, and what differs."""

from __future__ import annotations

import pytest

from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store

pytestmark = pytest.mark.slow


@pytest.fixture
def root(evaluated_with):
    return evaluated_with("--dims", "16,40", "--precisions", "fp32,int8", "--protocols", "full")


def test_list(cmr, root):
    shown = cmr("runs", "list", "-w", root).stdout
    for row in Store.open(str(root)).catalogue(RUNS):
        assert row["run_id"] in shown
    assert "no such runs" in cmr("runs", "list", "-w", root, "--dataset", "x", code=1).stderr


def test_show(cmr, root):
    shown = cmr("runs", "show", "dim=40,precision=int8,direction=t2v", "-w", root).stdout
    assert "plan.kernel" in shown
    assert "versions.torch" in shown
    refused = cmr("runs", "show", "dim=40", "-w", root, code=1)
    assert refused.stderr == "cmr: 'dim=40' means 4 runs; `cmr runs list` shows them\n"


def test_diff(cmr, root):
    a, b = "dim=40,precision=int8,direction=t2v", "dim=40,precision=fp32,direction=t2v"
    shown = cmr("runs", "diff", a, b, "-w", root).stdout
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    assert lines["precision"] == ["int8", "fp32"]
    assert lines["vector_bytes"] == ["40", "160"]
    assert "dataset" not in lines
    assert "nothing recorded differs" in cmr("runs", "diff", a, a, "-w", root).stdout
