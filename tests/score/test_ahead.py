"""What is compiled ahead is all that the published grid needs."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core import event

from cmr.api.ahead import compile_ahead
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


@pytest.mark.slow
def test_nothing_is_left_to_compile(tmp_path):
    compile_ahead()
    rng = np.random.default_rng(1)
    root = str(tmp_path / "w")
    vectors = [rng.standard_normal((size, 40)).astype(np.float32) for size in (300, 120)]
    ingest_arrays(root, *vectors, np.arange(300) % 120, "d", "m")
    listener = Compiled()
    with event.install_listener("numba:compile", listener):
        evaluate(root, Request(device="cpu", hits=10, candidates=(10, 100)), no_bar)
    assert listener.names == []
