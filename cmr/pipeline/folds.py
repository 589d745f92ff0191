"""Cross-fitting: a data set in folds, so that no query is scored by what was learnt from it.

Stone, Cross-validatory choice and assessment of statistical predictions, 1974; for estimates that
depend on fits, Chernozhukov et al., Double/debiased machine learning, 2018, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from cmr.score.judgments import Indices, Judged, clusters
from cmr.sources.collection import TEXT, VISUAL

Mask = npt.NDArray[np.bool_]
MOST, FEWEST = 5, 2
# Vectors per dimension in half of the data from which a smaller fold would not fit any better.
PLENTY = 100


@dataclass(frozen=True)
class Fold:
    """A part of one direction's queries, with what may be learnt from to score them.

    `queries`: (n,) ascending ordinals. `learn`: by side, (items,), true for items that are neither
    among these queries nor relevant to any of them.
    """

    number: int
    direction: str
    queries: Indices
    learn: Mapping[str, Mask]

    @cached_property
    def mark(self) -> str:
        """A hash of the items to learn from, so that folds with the same ones share a fit."""
        packed = (np.packbits(self.learn[side]).tobytes() for side in (TEXT, VISUAL))
        return sha256(b"|".join(packed)).hexdigest()

    def part_of(self, judged: Judged) -> Judged:
        """The judgments of only these queries, renumbered from 0, on the whole gallery."""
        return judged.part(self.queries)


def fold_count(vectors: int, dim: int) -> int:
    """The number of folds: two if half of the vectors is plenty, else five.

    `vectors`: of both sides together. `dim`: the dimension in which fits are learnt. With fewer
    folds each fit sees less data; with more, the vectors are derived and the gallery is scored more
    often.
    """
    return FEWEST if vectors / 2 >= PLENTY * dim else MOST


def folds_of(judged: Judged, direction: str, place: Indices, seed: int, count: int) -> list[Fold]:
    """The queries that have a relevant item in `count` folds, by visual item; [] if impossible.

    Queries that share a visual, such as the captions of a picture, are in the same fold, the one
    that a permutation depending only on the seed assigns to the visual. `place`: (visuals,) the
    position of each visual's id in sorted order, which decides a query's cluster. There are no
    folds if one would leave a side nothing to learn from.
    """
    ask, find = (TEXT, VISUAL) if direction == "t2v" else (VISUAL, TEXT)
    size = {ask: judged.queries, find: judged.gallery}
    order = np.random.Generator(np.random.Philox(key=seed)).permutation(size[VISUAL])
    drawn = np.empty(size[VISUAL], dtype=np.int64)
    drawn[order] = np.arange(size[VISUAL]) % count
    part = drawn[clusters(judged, direction, place)]
    found = []
    for number in range(count):
        mine = part == number
        if not mine.any():
            continue
        queries = np.unique(judged.query[mine])
        learn = {side: np.ones(rows, dtype=bool) for side, rows in size.items()}
        learn[ask][queries] = False
        learn[find][judged.item[mine]] = False
        if not (learn[TEXT].any() and learn[VISUAL].any()):
            return []
        found.append(Fold(number, direction, queries, learn))
    return found if len(found) >= FEWEST else []
