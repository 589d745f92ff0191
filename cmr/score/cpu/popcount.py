"""How many bits of vectors differ; a product of -1 and 1 is d - 2 · Hamming.

A vector of 32 words holds a word of each of 32 visuals; it is read once for eight texts. Where a
CPU counts the bits of such a vector in one instruction (AVX-512 BITALG), that is several times as
fast as products of int8; elsewhere it is right, and slow.
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

from cmr.score.bits import LANES, WORD_BYTES, Lanes, Words
from cmr.score.compiled import compiled

Tile = npt.NDArray[np.int32]
Strip = npt.NDArray[np.int16]

# Texts that are counted together: a register each.
TOGETHER = 8
# More than any two vectors differ by.
BEYOND = np.int16(2**15 - 1)
_WORDS = ir.VectorType(ir.IntType(16), LANES)
_TWICE = ir.VectorType(ir.IntType(32), LANES // 2)


@cache
def counts_bits_at_once() -> bool:
    """Whether code is compiled for a CPU that counts the bits of vectors in one instruction."""
    if config.CPU_NAME or config.CPU_FEATURES is not None:
        return "+avx512bitalg" in (config.CPU_FEATURES or "")
    return bool(binding.get_host_cpu_features().get("avx512bitalg", False))


@compiled(nogil=True)
def bit_products(texts: Words, lanes: Lanes, first: int, dim: int, out: Tile) -> None:
    """Fill `out`, (texts, visuals), with products of texts' words and of visuals from `first` on.

    `lanes`: of all visuals of the block; `first` is a multiple of LANES. `dim`: bits of a vector.
    """
    height, width = out.shape
    strip = np.empty((TOGETHER, -(-width // LANES) * LANES), dtype=np.int16)
    for i in range(0, height, TOGETHER):
        differing(texts, i, lanes, first, width, strip)
        for r in range(min(TOGETHER, height - i)):
            for j in range(width):
                out[i + r, j] = np.int32(dim) - np.int32(2) * np.int32(strip[r, j])


@compiled(nogil=True)
def differing(texts: Words, i: int, lanes: Lanes, first: int, width: int, strip: Strip) -> None:
    """Fill `strip`, (TOGETHER, visuals), with how many bits of texts from i on differ.

    Its visuals are `width` from `first` on; rows below the last text are left alone, and what lies
    beyond the last whole LANES of visuals.
    """
    groups, start, wide = -(-width // LANES), first // LANES, strip.shape[1]
    if i + TOGETHER <= len(texts):
        for group in range(groups):
            _together(texts, i, lanes, start + group, strip, group * LANES)
    else:
        for r in range(len(texts) - i):
            for group in range(groups):
                _alone(texts, i + r, lanes, start + group, strip, r * wide + group * LANES)


def _counting(rows: int) -> Any:
    """Counts how many bits of `rows` texts from `i` on differ from those of LANES visuals.

    The call: words of texts, i, lanes of visuals, which of them, a strip, and the place in its
    memory where the first text's go; a row for each text.
    """

    @intrinsic
    def count(
        typing_context: Any, texts: Any, i: Any, lanes: Any, group: Any, strip: Any, at: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds = signature.args
            arrays = [
                context.make_array(kinds[n])(context, builder, arguments[n]) for n in (0, 2, 4)
            ]
            _, i, _, group, _, at = arguments
            stride = builder.extract_value(arrays[2].shape, 1)
            wide = builder.extract_value(arrays[0].shape, 1)
            sums = _differing(
                builder,
                (arrays[0].data, builder.mul(i, wide)),
                (arrays[1].data, builder.mul(group, wide)),
                wide,
                rows,
            )
            for r, total in enumerate(sums):
                place = builder.add(at, builder.mul(stride, ir.Constant(stride.type, r)))
                to = builder.bitcast(builder.gep(arrays[2].data, [place]), _WORDS.as_pointer())
                builder.store(total, to, align=WORD_BYTES)
            return context.get_dummy_value()

        place = types.intp
        return types.void(texts, place, lanes, place, strip, place), generate

    return count


_together, _alone = _counting(TOGETHER), _counting(1)


def _differing(builder: Any, texts: Any, visuals: Any, wide: Any, rows: int) -> list[Any]:
    """How many bits of each text differ from those of LANES visuals, a vector a text.

    `texts`: their memory, and the first one's word. `visuals`: likewise, in vectors.
    """
    shape = ir.FunctionType(_WORDS, [_WORDS])
    popcount = cgutils.get_or_insert_function(builder.module, shape, f"llvm.ctpop.v{LANES}i16")
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
            unlike = builder.xor(theirs, _spread(builder, word))
            counted = builder.call(popcount, [unlike])
            builder.store(builder.add(builder.load(total), counted), total)
    return [builder.load(total) for total in sums]


def _spread(builder: Any, word: Any) -> Any:
    """A vector of one word, which comes twice."""
    empty = ir.Constant(_TWICE, ir.Undefined)
    first = builder.insert_element(empty, word, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), _TWICE.count), [0] * _TWICE.count)
    return builder.bitcast(builder.shuffle_vector(first, empty, mask), _WORDS)
