"""Dimension methods against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.represent import dims
from cmr.represent.dim_methods import methods_for, projection
from cmr.represent.unit_vectors import normalise

IDS = [str(row) for row in range(1000)]


def unit(rows, dim, seed):
    return normalise(np.random.default_rng(seed).standard_normal((rows, dim)), IDS, "")


def moments(*sides):
    return [dims.second_moment([side[:40], side[40:]], side.shape[1]) for side in sides]


def test_pca_is_the_weighted_svd():
    """Each side repeated until both have as many rows, stacked, uncentred."""
    texts, visuals = unit(300, 24, 0), unit(100, 24, 1)
    texts[:, :6] *= 4
    texts = normalise(texts, IDS, "")
    matrix = projection("pca", 24, 10, 0, moments(texts, visuals))
    stacked = np.concatenate([texts, np.repeat(visuals, 3, axis=0)]).astype(np.float64)
    _, _, right = np.linalg.svd(stacked, full_matrices=False)
    plain = right[:10].T
    np.testing.assert_allclose(matrix @ matrix.T, plain @ plain.T, atol=1e-5)


def test_lift_keeps_every_dot_product():
    texts, visuals = unit(50, 24, 0), unit(40, 24, 1)
    matrix = projection("expand", 24, 70, 5)
    raised = [dims.apply(side, 70, matrix, IDS, "") for side in (texts, visuals)]
    np.testing.assert_allclose(raised[0] @ raised[1].T, texts @ visuals.T, atol=1e-6)


@pytest.mark.parametrize("method", ["random", "expand"])
def test_seeded_bases_are_orthonormal_and_repeatable(method):
    dim = 10 if method == "random" else 40
    matrix = projection(method, 24, dim, 5)
    small = matrix.T @ matrix if method == "random" else matrix @ matrix.T
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-6)
    np.testing.assert_array_equal(matrix, projection(method, 24, dim, 5))
    assert np.abs(matrix - projection(method, 24, dim, 6)).max() > 0.1


def test_truncate_cuts_and_normalises():
    vectors = unit(5, 24, 0)
    cut = dims.apply(vectors, 7, projection("truncate", 24, 7, 0), IDS, "")
    plain = vectors[:, :7] / np.linalg.norm(vectors[:, :7], axis=1, keepdims=True)
    np.testing.assert_allclose(cut, plain, rtol=1e-6)


def test_which_method_a_dimension_means():
    assert methods_for(512, [512], []) == ["native"]
    assert methods_for(256, [512], []) == ["pca"]
    assert methods_for(1024, [512], ["truncate"]) == ["expand"]
    assert methods_for(256, [512], ["truncate", "random"]) == ["truncate", "random"]
    assert methods_for(256, [256, 512], ["truncate"]) == ["native"]
    assert methods_for(256, [512], ["expand"]) == ["pca"]
