"""Random orders from a counter-based generator, which are the same on every machine.

A Fisher-Yates shuffle whose random words are Philox4x64-10 (Salmon et al., Parallel random numbers:
as easy as 1, 2, 3, 2011) with key (seed, 0) and counter (block, query, draw, direction);
`np.random.Philox(key=[seed, 0], counter=[0, query, draw, direction]).random_raw()` gives the same
words. So an order depends on nothing but those four: not on batch, shard, thread or representation.
Each 64-bit word gives two 32-bit ones, low half first; an index below m is (word * m) >> 32, and
words whose low product is under 2^32 mod m are skipped (Lemire, Fast random integer generation in
an interval, 2019), which leaves no bias.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cmr.score.compiled import compiled


class Stream(NamedTuple):
    """What, beside the query, the random words of a draw depend on."""

    seed: np.uint64
    draw: int
    direction: int


_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_M0 = np.uint64(0xD2E7470EE14C6C93)
_M1 = np.uint64(0xCA5A826395121157)
_W0 = np.uint64(0x9E3779B97F4A7C15)
_W1 = np.uint64(0xBB67AE8584CAA73B)


@compiled(inline="always")
def _high(a: np.uint64, b: np.uint64) -> np.uint64:
    """Upper 64 bits of a 64 x 64 bit product."""
    a0, a1, b0, b1 = a & _LOW, a >> _32, b & _LOW, b >> _32
    middle = a1 * b0 + ((a0 * b0) >> _32)
    other = a0 * b1 + (middle & _LOW)
    return a1 * b1 + (middle >> _32) + (other >> _32)


@compiled()
def _philox(
    block: np.uint64, query: np.uint64, stream: Stream, out: npt.NDArray[np.uint64]
) -> None:
    """Ten rounds of Philox4x64 into `out`, (4,)."""
    c0, c1, c2, c3 = block, query, np.uint64(stream.draw), np.uint64(stream.direction)
    k0, k1 = stream.seed, np.uint64(0)
    for _ in range(10):
        h0, l0 = _high(_M0, c0), _M0 * c0
        h1, l1 = _high(_M1, c2), _M1 * c2
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
        k0 += _W0
        k1 += _W1
    out[0], out[1], out[2], out[3] = c0, c1, c2, c3


@compiled()
def shuffle_prefix(
    order: npt.NDArray[np.int64],
    population: int,
    count: int,
    query: int,
    stream: Stream,
    picks: npt.NDArray[np.int64],
) -> None:
    """Put the first `count` of a random order of range(population) into `picks`.

    `order` is scratch that holds range(population) before and after.
    """
    words = np.empty(4, dtype=np.uint64)
    swapped = np.empty(count, dtype=np.int64)
    block = np.uint64(0)
    half = 8
    for i in range(count):
        width = np.uint64(population - i)
        floor = (np.uint64(1) << _32) % width
        while True:
            if half == 8:
                # NumPy's generator steps its counter before the first block.
                block += np.uint64(1)
                _philox(block, np.uint64(query), stream, words)
                half = 0
            word = words[half >> 1]
            word = (word >> _32) if half & 1 else (word & _LOW)
            half += 1
            product = word * width
            if (product & _LOW) >= floor:
                break
        j = i + np.int64(product >> _32)
        swapped[i] = j
        order[i], order[j] = order[j], order[i]
        picks[i] = order[i]
    for i in range(count - 1, -1, -1):
        j = swapped[i]
        order[i], order[j] = order[j], order[i]
