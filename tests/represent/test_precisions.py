"""Codecs: their definition written plainly, their size, and their edge cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cmr.errors import CmrError
from cmr.precision import ALONE, INTEGER, precision_of
from cmr.represent.precisions import encode, to_floats, to_integers
from cmr.represent.unit_vectors import normalise
from tests.reference import counts


def unit(rows, dim, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((rows, dim))
    return normalise(vectors, [str(row) for row in range(rows)], "item")


@pytest.mark.parametrize("precision", ALONE)
@pytest.mark.parametrize("dim", [1, 7, 8, 96, 513])
def test_size_and_decoding(precision, dim):
    encoded = encode(unit(5, dim), precision)
    assert encoded.data[0].nbytes == precision_of(precision).vector_bytes(dim)
    decode = to_integers if precision in INTEGER else to_floats
    np.testing.assert_array_equal(decode(encoded), counts.values(encoded))


@given(st.integers(1, 40), st.integers(0, 10_000))
def test_integers_by_definition(dim, seed):
    """scale = max|x| / limit; codes = round-half-even(x / scale), in float32."""
    vectors = unit(3, dim, seed)
    for precision, limit in (("int8", 127), ("int4", 7)):
        encoded = encode(vectors, precision)
        for row in range(3):
            scale = np.float32(np.abs(vectors[row]).max()) / np.float32(limit)
            assert encoded.scales[row] == scale
            plain = [round(float(value / scale)) for value in vectors[row]]
            assert to_integers(encoded)[row].tolist() == plain


def test_bfloat16_is_torchs():
    vectors = unit(50, 64)
    np.testing.assert_array_equal(
        to_floats(encode(vectors, "bf16")), torch.from_numpy(vectors).bfloat16().float().numpy()
    )


def test_int4_of_512_dimensions_is_256_bytes():
    assert precision_of("int4").vector_bytes(512) == 256
    assert encode(unit(2, 512), "int4").data.nbytes == 512


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "zero"), (np.nan, "NaN or infinite"), (np.inf, "NaN or infinite")]
)
def test_vectors_without_a_direction_are_refused(value, words):
    vectors = np.ones((4, 3), dtype=np.float32)
    vectors[2] = value
    with pytest.raises(CmrError, match=f"item 'c' is {words}"):
        normalise(vectors, list("abcd"), "item")


def test_large_half_vectors_do_not_overflow():
    vectors = np.full((1, 64), 60_000, dtype=np.float16)
    np.testing.assert_allclose(normalise(vectors, ["a"], ""), 1 / 8, rtol=1e-6)
