"""Cross-fitting: a data set in parts, so that no query is scored by what has seen it.

Stone, Cross-validatory choice and assessment of statistical predictions, 1974; as of estimates that
rest on fits, Chernozhukov et al., Double/debiased machine learning, 2018, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from cmr.score.judgments import Indices, Judged, clusters, judge
from cmr.sources.collection import TEXT, VISUAL

Mask = npt.NDArray[np.bool_]
MOST, FEWEST = 5, 2
# Vectors a dimension in half of the data from which on a smaller part would learn no better.
PLENTY = 100


@dataclass(frozen=True)
class Fold:
    """A part of one direction's queries, with what may be learnt before they are scored.

    `queries`: (n,) ordinals, ascending. `learn`: by side, (items,), true of the items that are
    neither among these queries nor relevant to one of them.
    """

    number: int
    direction: str
    queries: Indices
    learn: Mapping[str, Mask]

    @cached_property
    def mark(self) -> str:
        """The same for folds that leave the same items to learn from."""
        packed = (np.packbits(self.learn[side]).tobytes() for side in (TEXT, VISUAL))
        return sha256(b"|".join(packed)).hexdigest()

    def part_of(self, judged: Judged) -> Judged:
        """The judgments of these queries alone, which are numbered anew; the gallery is whole."""
        number = np.full(judged.queries, -1, dtype=np.int64)
        number[self.queries] = np.arange(len(self.queries))
        mine = number[judged.query] >= 0
        return judge(
            number[judged.query[mine]], judged.item[mine], len(self.queries), judged.gallery
        )


def fold_count(vectors: int, dim: int) -> int:
    """In how many parts to fit: two where half of the vectors is plenty, else five.

    `vectors`: those of both sides. `dim`: the dimension that they are learnt in. The fewer parts,
    the less is learnt from; the more, the oftener the vectors are derived and the gallery scored.
    """
    return FEWEST if vectors / 2 >= PLENTY * dim else MOST


def folds_of(judged: Judged, direction: str, place: Indices, seed: int, count: int) -> list[Fold]:
    """The queries with a relevant item in `count` parts, by visual item; none if it cannot be.

    Queries that share a visual, such as the captions of a picture, lie in the same part: that which
    the visual was drawn into, by a permutation that depends on the seed alone. `place`: (visuals,)
    where each visual's id stands in order, which decides what clusters a query. There are none
    where a part would leave one side nothing to learn from.
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
