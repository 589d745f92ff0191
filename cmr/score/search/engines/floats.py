"""Vectors as engines take them: float32, whatever they are stored as."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cmr.represent.precisions import Encoded, decode

Floats = npt.NDArray[np.float32]


def floats(vectors: Encoded) -> Floats:
    """(n, d) float32, contiguous: what the stored vectors stand for."""
    return np.ascontiguousarray(decode(vectors), dtype=np.float32)
