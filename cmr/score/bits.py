"""Bits of vectors as words of 64, laid out so that eight vectors are counted at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

# Vectors whose words lie together.
LANES = 8
WORD_BYTES = 8


def words_of(data: npt.NDArray[Any]) -> Words:
    """Packed bits, (n, bytes) uint8, as (n, words), zeros at the end."""
    count, width = data.shape
    padded = np.zeros((count, -(-width // WORD_BYTES) * WORD_BYTES), dtype=np.uint8)
    padded[:, :width] = data
    return padded.view(np.uint64)


def lanes_of(words: Words) -> Words:
    """Words, (n, w), as (n / LANES, w, LANES), zeros at the end."""
    count, width = words.shape
    padded = np.zeros((-(-count // LANES) * LANES, width), dtype=np.uint64)
    padded[:count] = words
    return np.ascontiguousarray(padded.reshape(-1, LANES, width).transpose(0, 2, 1))
