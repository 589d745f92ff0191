"""One side's vectors, a stretch at a time, ready to be multiplied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from cmr.errors import CmrError
from cmr.precision import BFLOAT16, INT8
from cmr.represent.precisions import Encoded, to_integers
from cmr.score.bits import Lanes, Words, lanes_of, words_of
from cmr.score.codes import Codes, coded
from cmr.score.kernels import Kernel
from cmr.score.plan import Plan

FULL = "the device's memory is full; --memory limits what cmr takes of it, --device cpu needs none"


class Vectors(Protocol):
    """One side's stored vectors."""

    @property
    def rows(self) -> int:
        """How many there are."""

    def blocks(self, rows: int) -> Iterator[tuple[int, Encoded]]:
        """All of them in order, at most `rows` at a time, with the first one's ordinal."""


class Held:
    """Vectors in memory, `encoded`, as the scorers take them."""

    def __init__(self, encoded: Encoded) -> None:
        """Hold them."""
        self.encoded = encoded

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.encoded)

    def blocks(self, rows: int) -> Iterator[tuple[int, Encoded]]:
        """All vectors in order, at most `rows` at a time."""
        for first in range(0, self.rows, rows):
            yield first, self.encoded.rows(slice(first, first + rows))


@dataclass(frozen=True)
class Block:
    """A stretch of one side, ready to be multiplied. `scales` is empty where unused.

    `bits`: what is stored of vectors whose differing bits are counted; `made`, what is multiplied
    of others.
    """

    first: int
    made: torch.Tensor | None
    scales: npt.NDArray[np.float32]
    bits: Encoded | None = None

    def __len__(self) -> int:
        return len(self.operand if self.bits is None else self.bits)

    @property
    def dim(self) -> int:
        """How many numbers a vector has."""
        return self.operand.shape[1] if self.bits is None else self.bits.dim

    @cached_property
    def operand(self) -> torch.Tensor:
        """The (n, d) tensor that is multiplied; of bits it is made where it is asked for."""
        if self.made is not None:
            return self.made
        assert self.bits is not None
        return torch.from_numpy(to_integers(self.bits))

    @property
    def last(self) -> int:
        """The ordinal after the last one."""
        return self.first + len(self)

    @cached_property
    def codes(self) -> Codes:
        """What screens the scores of a block of floats on the CPU."""
        return coded(self.operand, INT8)

    @cached_property
    def short(self) -> Codes:
        """The same as bfloat16 codes."""
        return coded(self.operand, BFLOAT16)

    @cached_property
    def words(self) -> Words:
        """What is counted of a block of bits, (n, words)."""
        assert self.bits is not None
        return words_of(self.bits.data)

    @cached_property
    def lanes(self) -> Lanes:
        """The same as visuals have it, many of them together."""
        assert self.bits is not None
        return lanes_of(self.bits.data)


def prepared(first: int, encoded: Encoded, kernel: Kernel) -> Block:
    """Stored vectors as a block on the kernel's device, the first with ordinal `first`.

    Raises CmrError where the device has no memory for it.
    """
    # A copy: numba compiles once more for an array that must not be written.
    scales = np.array(encoded.scales if kernel.scaled else encoded.scales[:0])
    if kernel.popcount:
        return Block(first, None, scales, encoded)
    try:
        return Block(first, kernel.prepare(encoded), scales)
    except torch.OutOfMemoryError:
        raise CmrError(FULL) from None


class Side:
    """One side's blocks; kept if there is only one, else read again in every pass."""

    def __init__(self, vectors: Vectors, rows: int, plan: Plan) -> None:
        self._vectors, self._rows, self._plan = vectors, rows, plan
        self._kept: Block | None = None

    def __iter__(self) -> Iterator[Block]:
        """Raises CmrError where a device has no memory for a block."""
        if self._kept is not None:
            yield self._kept
            return
        kernel = self._plan.kernel
        for first, encoded in self._vectors.blocks(self._rows):
            block = prepared(first, encoded, kernel)
            if len(block) == self._vectors.rows:
                self._kept = block
            yield block
