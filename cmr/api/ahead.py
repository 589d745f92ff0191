"""Compile ahead of the first evaluation what evaluations use: `python -m cmr.api.ahead`.

numba keeps what it compiles for this machine beside the code, or in cmr's cache. A small random
data set is evaluated as the embedded one is, so that the kernels of the machine's own plans are
compiled, with the types that the published grid has. What few runs use, such as one-bit codes, is
left to the first of them.
"""

from __future__ import annotations

import tempfile

import numpy as np

from cmr.api.ingestion import ingest_arrays
from cmr.pipeline.evaluate import evaluate
from cmr.pipeline.request import Request
from cmr.progressbar import no_bar

# As in the embedded data set, a visual has several texts, and dimensions are kept, learnt and
# lifted. So many vectors are in several tiles, with enough of them to be worth a screen.
VISUALS, TEXTS, DIM = 1000, 5000, 64


def compile_ahead() -> None:
    """Evaluate random vectors in a temporary warehouse, so that all kernels are in the cache."""
    rng = np.random.default_rng(0)
    visuals = rng.standard_normal((VISUALS, DIM)).astype(np.float32)
    truth = np.arange(TEXTS) % VISUALS
    texts = visuals[truth] + rng.standard_normal((TEXTS, DIM)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        root = f"{folder}/w"
        ingest_arrays(root, texts, visuals, truth, "ahead", "random")
        evaluate(root, Request(dims=(DIM // 2, DIM, 2 * DIM), device="cpu", hits=10), no_bar)


if __name__ == "__main__":
    compile_ahead()
