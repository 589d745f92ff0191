"""Small work, scored at once: every score in float64, by NumPy alone.

Importing PyTorch and loading compiled kernels takes longer than all of such work. The counts are
those of `cmr.score.exhaustive`: products of codes are exact, those of float32 numbers err by 1e-13
at most.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cmr.precision import INTEGER, TIE_TOLERANCE
from cmr.progressbar import Advance
from cmr.represent.precisions import to_floats, to_integers
from cmr.score.judgments import Indices, Judged
from cmr.score.tally import Counted

if TYPE_CHECKING:
    from cmr.score.blocks import Vectors
    from cmr.score.pools import Drawn, Pools

# Scores of a pass, the products that they are summed of, and scores in drawn pools: a fraction of a
# second.
MOST_SCORES, MOST_PRODUCTS, MOST_DRAWN = 2**18, 2**27, 2**22
# Scores that are compared with their thresholds together.
COMPARED = 2**20
# What counts, as `Plan.counting` says it, and the stage in `timings`: not `score`, of which `speed`
# is made, since all precisions are multiplied as float64.
COUNTING = "at once"
# As `Plan.describe`.
DESCRIBED = json.dumps({"kernel": "float64", "counting": COUNTING})

Scores = npt.NDArray[np.float64]
Found = npt.NDArray[np.bool_]


def is_small(texts: int, visuals: int, dim: int, draws: int = 0) -> bool:
    """Whether so many vectors of `dim` numbers, and pools of them, are scored at once."""
    scores = texts * visuals
    few = scores <= MOST_SCORES and scores * draws <= MOST_DRAWN
    return few and scores * dim <= MOST_PRODUCTS


def count_at_once(
    texts: Vectors,
    visuals: Vectors,
    directions: dict[str, Judged],
    pools: Pools | None,
    progress: Advance,
) -> dict[str, Counted]:
    """Count every relevant pair's competitors, in one or both directions.

    `progress` is told how many query-item scores were counted.
    """
    scores, tolerance = _scores(texts, visuals)
    found = {}
    for name, judged in directions.items():
        mine = scores if name == "t2v" else scores.T
        drawn = [] if pools is None else pools.get(name, judged, 0, judged.asking)
        sizes = np.zeros(0, dtype=np.int64) if pools is None else pools.sizes
        found[name] = _counted(mine, judged, tolerance, drawn, sizes)
    progress(scores.size)
    return found


def _scores(texts: Vectors, visuals: Vectors) -> tuple[Scores, float]:
    """(texts, visuals) what is compared, and up to what distance two of them are tied.

    float64 holds every sum of products of codes exactly. Scales are multiplied as `Kernel.values`
    does.
    """
    sides = [[block for _, block in side.blocks(side.rows)] for side in (texts, visuals)]
    codes = sides[0][0].precision in INTEGER
    read = to_integers if codes else to_floats
    left, right = (np.concatenate([*map(read, side)]).astype(np.float64) for side in sides)
    products = left @ right.T
    if not codes:
        return products, TIE_TOLERANCE
    rows, columns = (np.concatenate([block.scales for block in side]) for side in sides)
    return products * columns * rows[:, None], 0.0


def _counted(
    scores: Scores, judged: Judged, tolerance: float, drawn: list[Drawn], sizes: Indices
) -> Counted:
    """The counts of one direction; its queries along the rows of `scores`."""
    pairs, relevants = len(judged.query), judged.relevants
    values = scores[judged.query, judged.item]
    relevant = np.zeros(scores.shape, dtype=bool)
    relevant[judged.query, judged.item] = True
    counts = np.zeros((4, pairs), dtype=np.int64)
    sampled = np.zeros((2, len(drawn), len(sizes), pairs), dtype=np.int32)
    step = max(1, COMPARED // scores.shape[1])
    for at in range(0, pairs, step):
        part = slice(at, at + step)
        query = judged.query[part]
        mine = relevant[query]
        better, equal = _compared(scores[query], values[part], tolerance)
        found = (better & ~mine, equal & ~mine, better & mine, equal & mine)
        counts[:, part] = [one.sum(axis=1) for one in found]
        for draw, pool in enumerate(drawn):
            members = pool.members[query]
            padding = members == judged.gallery
            theirs = scores[query[:, None], np.where(padding, 0, members)]
            better, equal = _compared(theirs, values[part], tolerance)
            # A pool holds the relevant items and, of the others, the first that were drawn.
            ahead = pool.places[query] + relevants[query, None]
            for c, size in enumerate(sizes):
                within = (ahead < size) & ~padding
                sampled[:, draw, c, part] = (
                    (better & within).sum(axis=1),
                    (equal & within).sum(axis=1),
                )
    above, tied, relevants_above, relevants_tied = counts
    # A relevant item ties with itself.
    ranks = above, tied, relevants_above, relevants_tied - 1
    return Counted(judged, values.astype(np.float32), *ranks, *sampled)


def _compared(scores: Scores, values: Scores, tolerance: float) -> tuple[Found, Found]:
    """Which of (pairs, n) scores are above their pair's value, (pairs,), and which are tied."""
    better = scores > values[:, None] + tolerance
    return better, (scores >= values[:, None] - tolerance) & ~better
