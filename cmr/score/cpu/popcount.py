"""Products of bits, -1 and 1 each, by counting the bits that differ: d - 2 · Hamming.

A vector of eight words holds a word of each of eight visuals; it is read once for eight texts.
Where a CPU counts the bits of such a vector in one instruction (AVX-512 VPOPCNTDQ), that is several
times as fast as products of int8; elsewhere it is right, and slow.
"""

# numba compiles these functions from their Python text; it has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from cmr.score.bits import LANES, WORD_BYTES, Words
from cmr.score.compiled import compiled

Tile = npt.NDArray[np.int32]

# Texts that are counted together: a register each.
TOGETHER = 8
_WORDS = ir.VectorType(ir.IntType(64), LANES)
_COUNTS = ir.VectorType(ir.IntType(32), LANES)


@cache
def counts_bits_at_once() -> bool:
    """Whether code is compiled for a CPU that counts the bits of vectors in one instruction."""
    if config.CPU_NAME or config.CPU_FEATURES is not None:
        return "+avx512vpopcntdq" in (config.CPU_FEATURES or "")
    return bool(binding.get_host_cpu_features().get("avx512vpopcntdq", False))


@compiled(nogil=True)
def bit_products(texts: Words, lanes: Words, first: int, dim: int, out: Tile) -> None:
    """Fill `out`, (texts, visuals), with products of texts' words and of visuals from `first` on.

    `lanes`: of all visuals of the block; `first` is a multiple of LANES. `dim`: bits of a vector.
    """
    height, width = out.shape
    spare = np.empty((TOGETHER, LANES), dtype=np.int32)
    whole, start = width // LANES, first // LANES
    low = height - height % TOGETHER
    for i in range(0, low, TOGETHER):
        for group in range(whole):
            _together(texts, i, lanes, start + group, dim, out, i * width + group * LANES)
        if whole * LANES < width:
            _together(texts, i, lanes, start + whole, dim, spare, 0)
            _copy(spare, out, i, TOGETHER, whole * LANES)
    for i in range(low, height):
        for group in range(-(-width // LANES)):
            _alone(texts, i, lanes, start + group, dim, spare, 0)
            _copy(spare, out, i, 1, group * LANES)


@compiled()
def _copy(spare: Tile, out: Tile, i: int, rows: int, first: int) -> None:
    """Copy as many columns as there are from `first` on."""
    for r in range(rows):
        for j in range(min(LANES, out.shape[1] - first)):
            out[i + r, first + j] = spare[r, j]


def _counting(rows: int) -> Any:
    """Counts `rows` texts from `i` on against LANES visuals.

    The call: words of texts, i, lanes of visuals, which of them, bits of a vector, an array, a row
    for each text, and the place in its memory where the first product goes.
    """

    @intrinsic
    def count(
        typing_context: Any, texts: Any, i: Any, lanes: Any, group: Any, dim: Any, out: Any,
        at: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds = signature.args
            arrays = [
                context.make_array(kinds[n])(context, builder, arguments[n]) for n in (0, 2, 5)
            ]
            _, i, _, group, dim, _, at = arguments
            stride = builder.extract_value(arrays[2].shape, 1)
            wide = builder.extract_value(arrays[0].shape, 1)
            sums = _differing(
                builder,
                (arrays[0].data, builder.mul(i, wide)),
                (arrays[1].data, builder.mul(group, wide)),
                wide,
                rows,
            )
            bits = _spread(builder, builder.trunc(dim, ir.IntType(32)), _COUNTS)
            for r, total in enumerate(sums):
                twice = builder.shl(
                    builder.trunc(total, _COUNTS), ir.Constant(_COUNTS, [1] * LANES)
                )
                place = builder.add(at, builder.mul(stride, ir.Constant(stride.type, r)))
                to = builder.bitcast(builder.gep(arrays[2].data, [place]), _COUNTS.as_pointer())
                builder.store(builder.sub(bits, twice), to, align=4)
            return context.get_dummy_value()

        place = types.intp
        return types.void(texts, place, lanes, place, place, out, place), generate

    return count


_together, _alone = _counting(TOGETHER), _counting(1)


def _differing(builder: Any, texts: Any, visuals: Any, wide: Any, rows: int) -> list[Any]:
    """How many bits of each text differ from those of LANES visuals, a vector a text.

    `texts`: their memory, and the first one's word. `visuals`: likewise, in vectors.
    """
    shape = ir.FunctionType(_WORDS, [_WORDS])
    popcount = cgutils.get_or_insert_function(builder.module, shape, f"llvm.ctpop.v{LANES}i64")
    none = ir.Constant(_WORDS, [0] * LANES)
    sums = [cgutils.alloca_once_value(builder, none) for _ in range(rows)]
    for total in sums:
        builder.store(none, total)
    start = builder.mul(visuals[1], ir.Constant(wide.type, LANES))
    with cgutils.for_range(builder, wide) as loop:
        at = builder.add(start, builder.mul(loop.index, ir.Constant(wide.type, LANES)))
        vector = builder.bitcast(builder.gep(visuals[0], [at]), _WORDS.as_pointer())
        theirs = builder.load(vector, align=WORD_BYTES)
        for r, total in enumerate(sums):
            row = builder.add(texts[1], builder.mul(wide, ir.Constant(wide.type, r)))
            word = builder.load(builder.gep(texts[0], [builder.add(row, loop.index)]))
            differing = builder.xor(theirs, _spread(builder, word, _WORDS))
            counted = builder.call(popcount, [differing])
            builder.store(builder.add(builder.load(total), counted), total)
    return [builder.load(total) for total in sums]


def _spread(builder: Any, number: Any, vector: Any) -> Any:
    """A vector of one number."""
    empty = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, empty, ir.Constant(_COUNTS, [0] * vector.count))
