"""Whether a device counts inside products, and rightly: tried before it is used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from cmr.progressbar import no_advance
from cmr.represent.precisions import encode
from cmr.score.blocks import Block, prepared
from cmr.score.judgments import judge
from cmr.score.kernels import Kernel
from cmr.score.screened import Screened
from cmr.score.tally import Tally

# More than a tile of each, and multiples of nothing that the kernel divides by.
TEXTS, VISUALS, DIM = 300, 200, 211


Count = Callable[[Block, Block, dict[str, Tally]], object]


@cache
def fused_is_right(kernel: Kernel) -> bool:
    """Whether counting inside the product runs on the kernel's device, and equals float64's."""
    try:
        # Triton comes with PyTorch on Linux; elsewhere there is none.
        from cmr.score.device.triton_tiles import Launches
    except ImportError:
        return False

    def count(texts: Block, visuals: Block, tallies: dict[str, Tally]) -> None:
        Launches(texts, visuals, tallies, kernel, no_advance).count(0, TEXTS, 0, VISUALS)

    return _counts_rightly(kernel, count)


@cache
def screen_is_right(kernel: Kernel, by: str) -> bool:
    """Whether counting by codes of that type runs there, and equals float64's."""
    try:
        from cmr.score.device.screened_pieces import CodedPieces
    except ImportError:
        return False

    def count(texts: Block, visuals: Block, tallies: dict[str, Tally]) -> None:
        # Of so few dimensions much is in doubt.
        screening = CodedPieces(texts, visuals, tallies, Screened(by), listed=1.0)
        screening.count((0, TEXTS, 0, VISUALS))
        screening.flush()

    return _counts_rightly(kernel, count)


def _counts_rightly(kernel: Kernel, count: Count) -> bool:
    """Whether `count` adds to tallies what float64 does."""
    generator = np.random.default_rng(0)
    sides = []
    for rows in (TEXTS, VISUALS):
        vectors = generator.standard_normal((rows, DIM)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        sides.append(prepared(0, encode(vectors, kernel.precision), kernel))
    texts, visuals = sides
    scores = texts.operand.cpu().double().numpy() @ visuals.operand.cpu().double().numpy().T
    if kernel.scaled:
        scores = scores * visuals.scales * texts.scales[:, None]
    text, visual = generator.permutation(TEXTS), np.arange(TEXTS) % VISUALS
    judged = {
        "t2v": judge(text, visual, TEXTS, VISUALS),
        "v2t": judge(visual, text, VISUALS, TEXTS),
    }
    tallies = {
        name: Tally(pairs, kernel, scores[text, visual][pairs.order], 0, 0)
        for name, pairs in judged.items()
    }
    try:
        count(texts, visuals, tallies)
    except Exception:
        # Compilers and drivers fail in many ways; counting beside the product is right on all.
        return False
    return _is_right(tallies["t2v"], scores) and _is_right(tallies["v2t"], scores.T)


def _is_right(tally: Tally, scores: npt.NDArray[np.float64]) -> bool:
    values = scores[tally.judged.query]
    more = np.count_nonzero(values > tally.bounds.high[:, None], axis=1)
    tied = np.count_nonzero(
        (values >= tally.bounds.low[:, None]) & (values <= tally.bounds.high[:, None]), axis=1
    )
    return np.array_equal(more, tally.more) and np.array_equal(tied, tally.tied)
