"""What is compiled ahead is all that the published grid needs, and other common requests."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core import event

from cmr.api.ahead import DIM, GRID, compile_ahead, compile_others
from cmr.api.ingestion import ingest_arrays
from cmr.pipeline.evaluate import evaluate
from cmr.pipeline.request import Request
from cmr.progressbar import no_bar


class Compiled(event.Listener):
    def __init__(self):
        self.names = []

    def on_start(self, happened):
        self.names.append(happened.data["dispatcher"].py_func.__name__)

    def on_end(self, happened):
        pass


def compiled(tmp_path, dim, *requests):
    """What numba compiles for requests of other vectors."""
    rng = np.random.default_rng(1)
    root = str(tmp_path / "w")
    vectors = [rng.standard_normal((size, dim)).astype(np.float32) for size in (300, 120)]
    ingest_arrays(root, *vectors, np.arange(300) % 120, "d", "m")
    listener = Compiled()
    with event.install_listener("numba:compile", listener):
        for request in requests:
            evaluate(root, request, no_bar)
    return listener.names


@pytest.mark.slow
def test_nothing_of_the_grid_is_left_to_compile(tmp_path):
    compile_ahead(DIM, GRID)
    assert compiled(tmp_path, 40, Request(device="cpu", hits=10, candidates=(10, 100))) == []


@pytest.mark.slow
def test_nothing_of_others_is_left_to_compile(tmp_path):
    compile_others()
    found = compiled(
        tmp_path, 200,
        Request(dims=200, precisions=("fp32", "b1"), protocols="full", device="cpu"),
        Request(dims=200, precisions="fp16", protocols="grouped", device="cpu"),
        Request(dims=200, precisions="int8", protocols="full", scorer="usearch-hnsw"),
    )  # fmt: skip
    assert found == []
