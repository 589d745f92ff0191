"""The mathematics of dimension methods: orthonormal bases, principal directions, projection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.represent.unit_vectors import Floats, normalise


# Both sides of a data set, every precision of a dimension, and the next model of the same width use
# the same ones: those of the published dimensions are kept.
@lru_cache(maxsize=3)
def orthonormal(rows: int, columns: int, seed: int) -> npt.NDArray[np.float64]:
    """A seeded (rows, columns) matrix, rows >= columns, whose columns are orthonormal.

    QR of a Gaussian matrix with the signs of R's diagonal moved into Q, which makes Q uniform
    (Haar) over such matrices: Mezzadri, How to generate random matrices, 2007, section 5.
    """
    gaussian = np.random.Generator(np.random.Philox(key=seed)).standard_normal((rows, columns))
    q, r = np.linalg.qr(gaussian)
    signs = np.where(np.diag(r) < 0, -1.0, 1.0)
    found = np.asarray(q * signs)
    found.setflags(write=False)
    return found


def second_moment(blocks: Iterable[Floats], dim: int) -> npt.NDArray[np.float64]:
    """Mean of x xᵀ over all rows of all blocks, (dim, dim) float64."""
    total = np.zeros((dim, dim))
    rows = 0
    for block in blocks:
        wide = block.astype(np.float64)
        total += wide.T @ wide
        rows += len(block)
    return total / max(rows, 1)


def principal_directions(
    moments: Sequence[npt.NDArray[np.float64]], dim: int
) -> npt.NDArray[np.float64]:
    """The top `dim` right singular vectors of the stacked, uncentred modalities: (native, dim).

    Each modality has the same weight, whatever its number of rows, so `moments` are means. The
    singular vectors are the eigenvectors of the moments' sum; uncentred ones preserve dot products
    best in the least-squares sense (Eckart and Young, 1936).
    """
    _, vectors = np.linalg.eigh(sum(moments, np.zeros_like(moments[0])))
    return np.asarray(vectors[:, ::-1][:, :dim])


def apply(
    vectors: Floats, dim: int, matrix: Floats | None, ids: Sequence[Any], what: str
) -> Floats:
    """Project (n, native) unit vectors to (n, dim) unit vectors, float32."""
    if matrix is None:
        if vectors.shape[1] == dim:
            return vectors
        return normalise(vectors[:, :dim], ids, what)
    return normalise(vectors @ matrix, ids, what)
