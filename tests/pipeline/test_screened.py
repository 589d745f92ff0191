"""What is told of screening: which scores it decides, before a run and after it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from cmr.pipeline.evaluate import explain
from cmr.pipeline.request import Request
from cmr.score import screen_trial
from cmr.score.kernels import int8_is_exact
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store
from tests.pipeline.test_searches import run

pytestmark = pytest.mark.skipif(not int8_is_exact(), reason="int8 products saturate here")
DIM = screen_trial.SCREENED_DIMS[0]


@pytest.mark.slow
def test_what_screens_and_what_it_came_to(tmp_path, monkeypatch):
    monkeypatch.setattr(screen_trial, "fastest_code", lambda bf16: "int8")
    rng = np.random.default_rng(0)
    truth = np.arange(120) % 60
    visuals = rng.standard_normal((60, DIM)).astype(np.float32)
    texts = visuals[truth] + rng.standard_normal((120, DIM)).astype(np.float32)
    data = {f"text_{DIM}": texts, f"video_{DIM}": visuals, "ground_truth": truth}
    np.savez(tmp_path / "d.npz", **data)
    root = tmp_path / "w"
    run("ingest", "npz", tmp_path / "d.npz", "-w", root)
    asked = Request(dims=(DIM,), precisions=("fp32", "int8"), protocols=("full",), device="cpu")
    told = {row["precision"]: row["screened by"] for row in explain(str(root), asked)}
    assert told == {"fp32": "int8 codes", "int8": None}
    grid = ("--dims", DIM, "--precisions", "fp32,int8", "--protocols", "full")
    run("evaluate", "-w", root, *grid, "--device", "cpu")
    plans = {
        row["precision"]: json.loads(row["plan"]) for row in Store.open(str(root)).catalogue(RUNS)
    }
    assert "screen" not in plans["int8"]
    screen = plans["fp32"]["screen"]
    assert plans["fp32"]["kernel"] == "float32-mm"
    assert screen["by"] == "int8"
    assert 0.005 < screen["bound"] < 0.05
    assert screen["screened"] == 1
    assert 0 < screen["settled"] < 0.125
    told = explain(str(root), asked)[0]["screened by"]
    assert told == f"int8 codes, ±{screen['bound']:.4f}; {screen['settled']:.2%} settled"
    drawn = dataclasses.replace(asked, protocols=("sampled",), candidates=(20,))
    assert explain(str(root), drawn)[0]["screened by"] is None
