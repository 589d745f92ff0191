"""What is done once is done before a clock runs: kernels compile on a few vectors, not in a run."""

from __future__ import annotations

import importlib
import pkgutil
import time
from contextlib import nullcontext

import numba
import numpy as np
import pytest
from numba.core.registry import CPUDispatcher

import cmr.score
from cmr.engine import count_task
from cmr.pipeline.evaluate import evaluate
from cmr.pipeline.request import Request
from cmr.pipeline.scoring import Scorer
from cmr.pipeline.sharded import count_shard
from cmr.score import planning, warm_up
from cmr.score.kernels import int8_is_exact
from cmr.warehouse.schemas import RUNS
from cmr.warehouse.store import Store

TEXTS, VISUALS, DIM = 230, 90, 24


def no_bar(*_):
    return nullcontext(lambda count: None)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """More vectors than a few on both sides, and a visual with so many texts that it is sorted."""
    from click.testing import CliRunner

    from cmr.cli.main import main

    folder = tmp_path_factory.mktemp("warm")
    rng = np.random.default_rng(0)
    truth = np.arange(TEXTS) % VISUALS
    truth[: warm_up.FEW_RELEVANTS + 8] = 0
    visuals = rng.standard_normal((VISUALS, DIM)).astype(np.float32)
    texts = visuals[truth] + rng.standard_normal((TEXTS, DIM)).astype(np.float32)
    np.savez(folder / "d.npz", text_24=texts, video_24=visuals, ground_truth=truth)
    done = CliRunner().invoke(main, ["ingest", "npz", f"{folder}/d.npz", "-w", f"{folder}/w"])
    assert done.exit_code == 0, done.output
    return str(folder / "w")


@pytest.fixture
def kernels(monkeypatch):
    """Every compiled function of `cmr.score`, as in a process that has used none of them yet."""
    found = {}
    for module in pkgutil.walk_packages(cmr.score.__path__, "cmr.score."):
        if not module.name.startswith("cmr.score.device.triton_kernel"):
            for one in vars(importlib.import_module(module.name)).values():
                if isinstance(one, CPUDispatcher):
                    found[id(one)] = one
                    one._reset_overloads()
    monkeypatch.setattr(warm_up, "_warm", set())
    assert len(found) > 20
    return list(found.values())


def signatures(kernels):
    return {(one.py_func.__qualname__, found) for one in kernels for found in one.signatures}


REQUESTS = {
    "all": {"precisions": ("fp32", "bf16", "int8", "b1"), "k": (5, 10)},
    "one direction": {"precisions": ("fp16",), "directions": ("v2t",), "hits": 3},
    "whole gallery": {"precisions": ("fp32", "int4"), "protocols": ("full",)},
    "screened": {
        "precisions": ("fp32", "fp16"),
        "protocols": ("full",),
        "directions": ("t2v",),
    },
    "at once": {"precisions": ("fp16", "int8"), "device": "auto"},
    "asymmetric": {"precisions": ("int8",), "asymmetric": True},
    "usearch-exact": {"precisions": ("fp32", "b1"), "scorer": "usearch-exact"},
    "usearch-hnsw": {"precisions": ("int8",), "scorer": "usearch-hnsw", "list_length": 80},
    "rescored": {"precisions": ("b1",), "rescore": "fp32", "oversample": (2, 8)},
}


def request_of(**more):
    """Counted in tiles, unless `more` says otherwise."""
    asked = {"dims": (DIM,), "candidates": (50, 80), "force": True, "device": "cpu"}
    return Request(**{**asked, **more})


@pytest.mark.slow
@pytest.mark.parametrize("name", REQUESTS)
def test_scoring_compiles_nothing(root, kernels, monkeypatch, name):
    """No case adds a specialisation to those of the warm-up, or reads one from the cache."""
    score, added = Scorer.score, []

    def watched(self, *arguments):
        before = signatures(kernels)
        done = score(self, *arguments)
        if not self.few:
            assert before
            added.append(signatures(kernels) - before)
        return done

    if name == "screened":
        monkeypatch.setattr(planning, "screens", lambda kernel, dim: int8_is_exact())
    monkeypatch.setattr(Scorer, "score", watched)
    evaluate(root, request_of(**REQUESTS[name]), no_bar)
    assert added
    assert set().union(*added) == set()


@pytest.mark.slow
def test_tasks_compile_nothing(root, kernels, monkeypatch):
    warmed, after = count_task._warm, []

    def watched(*arguments):
        warmed(*arguments)
        after.append(signatures(kernels))

    monkeypatch.setattr(count_task, "_warm", watched)
    counted = count_shard(
        root, request_of(precisions=("fp32", "int8"), seed=7, hits=3), 1, 2, no_bar
    )
    assert counted.counted == len(after) == 2
    assert after[-1] == signatures(kernels) != set()


@pytest.mark.slow
def test_seconds_are_without_it(root, monkeypatch):
    """A compiler that takes its time, in each kind of kernel, is in no run's time."""
    import cmr.score.exhaustive as engine

    count, slow = engine._counting, set()

    def compiled(plan):
        if plan.kernel.name not in slow:
            slow.add(plan.kernel.name)
            time.sleep(0.6)
        return count(plan)

    monkeypatch.setattr(warm_up, "_warm", set())
    monkeypatch.setattr(engine, "_counting", compiled)
    done = evaluate(root, request_of(precisions=("fp32", "int8"), seed=8), no_bar)
    assert len(slow) == 2
    assert len(done.scored) == 4
    found = Store.open(root)
    assert all(found.find(RUNS, run_id)["seconds"] < 0.5 for run_id in done.scored)


def test_it_is_said_once_where_it_compiles(capsys, monkeypatch):
    monkeypatch.setattr(warm_up, "_told", False)
    monkeypatch.setattr(warm_up, "_warm", set())

    @numba.njit
    def one(x):
        return x + 1

    warm_up.warmed("a", lambda: None)
    assert capsys.readouterr().err == ""
    warm_up.warmed("b", lambda: one(1) + one(1.0))
    assert capsys.readouterr().err == "compiling kernels, once\n"
    warm_up.warmed("b", lambda: one("no such specialisation, and not called"))
    warm_up.warmed("c", lambda: one(1j))
    assert capsys.readouterr().err == ""
