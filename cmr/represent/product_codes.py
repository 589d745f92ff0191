"""Product quantisation: a byte for each part of a rotated vector, which names its nearest centroid.

Jégou et al., Product quantization for nearest neighbor search, 2011; the rotation that is learnt
with the centroids is of Ge et al., Optimized product quantization, 2013, section 3.1. k-means is
faiss's; codes are made and read without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.represent.dims import orthonormal
from cmr.represent.unit_vectors import Floats

if TYPE_CHECKING:
    from cmr.precision import Precision

Packed = npt.NDArray[np.uint8]
# What a byte can name.
CENTROIDS = 256
# Vectors that are learnt from at most, spread evenly: as many as faiss's k-means takes by default.
MOST = 256 * CENTROIDS
# Rotations in turn with centroids; k-means's steps before the first, and before each later one, as
# in faiss. faiss's 50 rotations take longer and fit a small gallery more closely, hence fewer.
ROTATIONS, FIRST_STEPS, STEPS = 20, 40, 4
# Vectors that are coded at a time: their distances to the centroids stay in the cache.
TILE = 1024


@dataclass(frozen=True)
class Codebook:
    """What was learnt: `rotation`, (d, d), and `centroids`, (parts, 256, d / parts), float32.

    `learnt_by`: the package and its version.
    """

    rotation: Floats
    centroids: Floats
    learnt_by: str = ""

    def encode(self, turned: Floats) -> Packed:
        """The centroids nearest to rotated vectors, (n, d), or the first such: (n, parts)."""
        parts, _, wide = self.centroids.shape
        sizes = np.einsum("pcw,pcw->pc", self.centroids, self.centroids)
        found = np.empty((len(turned), parts), dtype=np.uint8)
        for at in range(0, len(turned), TILE):
            tile = turned[at : at + TILE].reshape(-1, parts, wide)
            for part in range(parts):
                products = tile[:, part] @ self.centroids[part].T
                found[at : at + TILE, part] = (sizes[part] - 2 * products).argmin(axis=1)
        return found

    def decode(self, codes: Packed) -> Floats:
        """The centroids that codes name, (n, d) float32, in the rotated space."""
        parts = np.arange(codes.shape[1])
        return np.asarray(self.centroids[parts, codes].reshape(len(codes), -1))


def check_parts(precision: Precision, dim: int) -> None:
    """Raises CmrError if dimensions cannot be parted for a precision's codes."""
    if precision.parts and dim % precision.parts:
        raise CmrError(
            f"{precision.name} codes vectors in {precision.parts} equal parts, which {dim} "
            "dimensions do not have"
        )


def learn(blocks: Iterable[Floats], precision: Precision, dim: int, seed: int) -> Codebook:
    """The rotation and the centroids with the least error of vectors given block by block.

    Raises CmrError without faiss, and for fewer vectors than centroids.
    """
    check_parts(precision, dim)
    try:
        import faiss
    except ImportError:
        raise CmrError(
            f"--precisions {precision.name} learns with faiss, which is not installed: "
            "pip install '.[faiss]'"
        ) from None
    vectors = _some(blocks, dim)
    if len(vectors) < CENTROIDS:
        raise CmrError(
            f"{precision.name} learns {CENTROIDS} centroids and needs as many vectors; there are "
            f"{len(vectors)}"
        )
    rotation = np.ascontiguousarray(orthonormal(dim, dim, seed), dtype=np.float32)
    coder = _coder(faiss, dim, precision.parts, seed)
    for turn in range(ROTATIONS):
        coder.cp.niter = STEPS if turn else FIRST_STEPS
        coder.train_type = coder.Train_hot_start if turn else coder.Train_default
        turned = np.ascontiguousarray(vectors @ rotation)
        coder.train(turned)
        decoded = coder.decode(coder.compute_codes(turned))
        # The rotation that takes the vectors nearest to what their codes stand for (Procrustes).
        left, _, right = np.linalg.svd(vectors.T.astype(np.float64) @ decoded)
        rotation = np.ascontiguousarray(left @ right, dtype=np.float32)
    last = _coder(faiss, dim, precision.parts, seed)
    last.train(np.ascontiguousarray(vectors @ rotation))
    shape = precision.parts, CENTROIDS, dim // precision.parts
    centroids = faiss.vector_to_array(last.centroids).reshape(shape)
    found = np.ascontiguousarray(centroids, dtype=np.float32)
    return Codebook(rotation, found, f"faiss {faiss.__version__}")


def _coder(faiss: Any, dim: int, parts: int, seed: int) -> Any:
    """faiss's product quantiser, which says nothing about few vectors: runs do."""
    coder = faiss.ProductQuantizer(dim, parts, 8)
    coder.cp.min_points_per_centroid = 1
    # Seeds of faiss are 32 bits.
    coder.cp.seed = seed % 2**31
    return coder


def _some(blocks: Iterable[Floats], dim: int) -> Floats:
    """At most MOST of the vectors, evenly spread; blocks are read twice, the first time counted."""
    rows = sum(len(block) for block in blocks)
    step = max(1, -(-rows // MOST))
    kept, at = [np.empty((0, dim), dtype=np.float32)], 0
    for block in blocks:
        kept.append(block[-at % step :: step])
        at += len(block)
    return np.concatenate(kept)
