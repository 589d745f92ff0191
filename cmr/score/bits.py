"""Bits of vectors as words of 16, laid out so that 32 vectors are counted at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]
Lanes = npt.NDArray[np.uint16]

# Vectors whose words lie together: as many as a register of 512 bits has words.
LANES = 32
WORD_BYTES = 2
# How many bits differ must fit into a signed word.
MOST_BITS = 2**15 - 1


def words_of(data: npt.NDArray[Any]) -> Words:
    """Packed bits, (n, bytes) uint8, as (n, words), zeros at the end; each word twice, in 32 bits.

    Twice, because a CPU spreads 32 bits of memory over a register at no cost, and 16 not.
    """
    words = _padded(data).astype(np.uint32)
    return words | words << np.uint32(16)


def lanes_of(data: npt.NDArray[Any]) -> Lanes:
    """The same bits as (n / LANES, words, LANES) uint16, zeros at the end."""
    words = _padded(data)
    count, width = words.shape
    padded = np.zeros((-(-count // LANES) * LANES, width), dtype=np.uint16)
    padded[:count] = words
    return np.ascontiguousarray(padded.reshape(-1, LANES, width).transpose(0, 2, 1))


def _padded(data: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    count, width = data.shape
    padded = np.zeros((count, -(-width // WORD_BYTES) * WORD_BYTES), dtype=np.uint8)
    padded[:, :width] = data
    return padded.view(np.uint16)
