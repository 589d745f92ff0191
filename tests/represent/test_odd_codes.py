"""RaBitQ's codes: the best of all on their rays, their estimate of a product, and their bytes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cmr.precision import ROWS, precision_of
from cmr.represent.precisions import encode, to_integers
from cmr.represent.quantizer_kinds import RABITQ, quantizer_kind
from tests.reference.counts import values

ODD = [row for row in ROWS if row.odd]


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def best_cosine(vector, row):
    """Of all odd codes that a stretched vector is cut to, each of which begins at some stretch."""
    sizes = np.abs(vector).astype(np.float64)
    most = row.half // 2
    ends = {step / size for step in range(1, most + 1) for size in sizes if size > 0}
    found = [1.0]
    for stretch in [0.0, *sorted(ends)]:
        codes = 2 * np.minimum(np.floor(sizes * stretch * (1 + 1e-12)), most) + 1
        found.append(codes @ sizes / np.linalg.norm(codes))
    return max(found[1:])


@pytest.mark.parametrize("row", ODD, ids=lambda row: row.name)
def test_the_codes_are_all_but_the_best(row):
    rng = np.random.default_rng(0)
    vectors = unit(rng.standard_normal((20, 96)))
    codes = to_integers(encode(vectors, row.name)).astype(np.float64)
    assert set(np.unique(np.abs(codes))) <= set(range(1, row.half + 1, 2))
    cosines = (codes * vectors).sum(axis=1) / np.linalg.norm(codes, axis=1)
    best = [best_cosine(vector, row) for vector in vectors]
    assert (cosines <= np.array(best) + 1e-6).all()
    assert (cosines > np.array(best) - 1e-3).all()


@pytest.mark.parametrize("row", ODD, ids=lambda row: row.name)
def test_the_estimate_is_the_paper_s(row):
    """<c, q> + |v - c| <o, q> / <o, u>, with o the unit vector of a code and u that of v - c."""
    rng = np.random.default_rng(1)
    gallery = unit(rng.standard_normal((300, 64)) + 1)
    queries = unit(rng.standard_normal((10, 64)) + 1)
    kind = quantizer_kind(RABITQ)
    made = kind.make(RABITQ, 64, 7, lambda: [gallery])
    coded = made.encode(gallery, row.name)
    found = made.ask(queries, row.name) @ made.decode(coded).T
    turn = made.rotation.astype(np.float64)
    centre = (gallery @ turn).mean(axis=0)
    rest = gallery @ turn - centre
    lengths = np.linalg.norm(rest, axis=1, keepdims=True)
    codes = to_integers(coded).astype(np.float64)
    o = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    along = (o * rest / lengths).sum(axis=1)
    expected = (queries @ turn) @ centre[:, None] + (queries @ turn @ o.T) * lengths.T / along
    assert found == pytest.approx(expected, abs=1e-5)
    # More bits are nearer to the true product.
    error = np.abs(found - queries @ gallery.T).mean()
    assert error < {1: 0.06, 2: 0.03, 3: 0.015, 4: 0.0075}[row.bits]


@pytest.mark.parametrize(("row", "dim"), list(itertools.product(ODD, (1, 7, 16))))
def test_bytes(row, dim):
    vectors = unit(np.random.default_rng(2).standard_normal((9, dim)))
    coded = encode(vectors, row.name)
    assert coded.data.shape[1] == row.vector_bytes(dim) == -(-dim * row.bits // 8)
    assert (values(coded) == to_integers(coded)).all()


def test_a_vector_at_the_centre_is_the_centre():
    coded = encode(np.zeros((1, 8), dtype=np.float32), ODD[0].name)
    assert coded.scales.tolist() == [0]


def test_they_are_for_rabitq_alone():
    for row in ODD:
        others = [name for name in ("absmax", "rotated", "centred", "median", "calibrated")
                  if quantizer_kind(name).codes(row)]  # fmt: skip
        assert others == []
        assert not row.is_binary
    assert not quantizer_kind(RABITQ).codes(precision_of("int4"))
