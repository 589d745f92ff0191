"""Compile ahead of the first evaluation what evaluations use: `python -m cmr.api.ahead`.

numba keeps what it compiles for this machine beside the code, or in cmr's cache. Small random data
sets are evaluated: one as the embedded one is, so that the kernels of the machine's own plans are
compiled with the types that the published grid has, and beside it one in the other common ways.
What few runs use is left to the first of them.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from dataclasses import replace

import numpy as np

from cmr.api.ingestion import ingest_arrays
from cmr.pipeline.evaluate import evaluate
from cmr.pipeline.request import Request
from cmr.precision import BFLOAT16, FP32, INT8
from cmr.progressbar import no_bar
from cmr.protocols import GROUPED
from cmr.represent.precisions import encode
from cmr.score.blocks import Held
from cmr.score.exhaustive import score
from cmr.score.judgments import judge
from cmr.score.kernels import int8_is_exact
from cmr.score.planning import make_plan
from cmr.score.screen_trial import SCREENED_DIMS, rounds_once
from cmr.score.screened import Screened
from cmr.score.search.scorer_kinds import BUILT_IN

# As in the embedded data set, a visual has several texts, and dimensions are kept, learnt and
# lifted. So many vectors are in several tiles, with enough of them to be worth a screen.
VISUALS, TEXTS, DIM = 1000, 5000, 64
GRID = (Request(dims=(DIM // 2, DIM, 2 * DIM), device="cpu", hits=10),)
# Whole galleries, one bit a dimension, captions in groups, and other scorers.
WIDE = SCREENED_DIMS.start
OTHERS = (
    Request(dims=WIDE, precisions=("fp32", "int8", "b1"), protocols="full", device="cpu", hits=10),
    Request(dims=WIDE, precisions="b1", candidates=100, device="cpu"),
    Request(dims=WIDE, precisions=("fp16", "b1"), protocols=tuple(GROUPED), device="cpu"),
    *(Request(dims=WIDE, precisions="fp16", scorer=name, protocols="full") for name in BUILT_IN),
)


def compile_ahead(dim: int, requests: tuple[Request, ...]) -> None:
    """Evaluate random vectors in a temporary warehouse, so that the kernels are in the cache."""
    rng = np.random.default_rng(0)
    visuals = rng.standard_normal((VISUALS, dim)).astype(np.float32)
    truth = np.arange(TEXTS) % VISUALS
    texts = visuals[truth] + rng.standard_normal((TEXTS, dim)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        root = f"{folder}/w"
        ingest_arrays(root, texts, visuals, truth, "ahead", "random")
        for request in requests:
            evaluate(root, request, no_bar)


def compile_others() -> None:
    """Compile what other common requests use, and screens by each kind of codes.

    Which kind a run takes is timed, so on one machine it is not always the same.
    """
    compile_ahead(WIDE, OTHERS)
    rng = np.random.default_rng(0)
    sides = [rng.standard_normal((rows, WIDE)).astype(np.float32) for rows in (TEXTS, VISUALS)]
    texts, visuals = (Held(encode(one / np.sqrt(np.float32(WIDE)), FP32)) for one in sides)
    text, visual = np.arange(TEXTS), np.arange(TEXTS) % VISUALS
    judged = {
        "t2v": judge(text, visual, TEXTS, VISUALS),
        "v2t": judge(visual, text, VISUALS, TEXTS),
    }
    plan = make_plan(FP32, WIDE, TEXTS, VISUALS, "cpu")
    kernel = replace(plan.kernel, screened=True)
    for by, works in ((INT8, int8_is_exact()), (BFLOAT16, rounds_once(WIDE))):
        if works:
            score(texts, visuals, judged, None, replace(plan, kernel=kernel, screened=Screened(by)))


def main() -> None:
    """Compile both at once; exits with an error where either fails."""
    beside = multiprocessing.get_context("spawn").Process(target=compile_others)
    beside.start()
    compile_ahead(DIM, GRID)
    beside.join()
    sys.exit(beside.exitcode)


if __name__ == "__main__":
    main()
