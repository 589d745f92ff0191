"""Vectors given to an engine a few at a time, and lists as it returns them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from cmr.progressbar import Advance
from cmr.score.search.engines.floats import Floats
from cmr.score.search.indexes import Ordinals, Scores

# Vectors of one insert.
INSERT = 2048


def inserts(
    vectors: Floats, advance: Advance | None, size: int = INSERT
) -> Iterator[tuple[int, Floats]]:
    """Each batch's first ordinal and its vectors; `advance` is told of it once it was used."""
    for first in range(0, len(vectors), size):
        part = vectors[first : first + size]
        yield first, part
        if advance is not None:
            advance(len(part))


def as_lists(
    found: Iterable[Sequence[tuple[int, float]]], queries: int, count: int
) -> tuple[Ordinals, Scores]:
    """(queries, count) ordinals and similarities of each query's pairs, best first."""
    index = np.full((queries, count), -1, dtype=np.int64)
    scores = np.full((queries, count), -np.inf, dtype=np.float32)
    for row, pairs in enumerate(found):
        if pairs:
            index[row, : len(pairs)], scores[row, : len(pairs)] = zip(*pairs, strict=True)
    return index, scores
