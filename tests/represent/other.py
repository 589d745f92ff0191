"""A quantiser as another package would write it: ranges that leave out what is rare."""

from __future__ import annotations

import numpy as np

from cmr.represent.quantizer_kinds import QuantizerKind
from cmr.represent.quantizers import Ranges

WIDE = 2.5


def within(blocks, dim):
    """So many standard deviations about the mean of each dimension of the gallery."""
    count, total, squares = 0, np.zeros(dim), np.zeros(dim)
    for block in blocks:
        count += len(block)
        total += block.sum(axis=0, dtype=np.float64)
        squares += np.square(block, dtype=np.float64).sum(axis=0)
    mean = total / count
    away = WIDE * np.sqrt(np.maximum(squares / count - mean**2, 0))
    return Ranges((mean - away).astype(np.float32), (mean + away).astype(np.float32))


KIND = QuantizerKind(
    summary="ranges of 2.5 standard deviations",
    codes=lambda precision: precision.is_integer,
    ranges=within,
)
