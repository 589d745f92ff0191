"""Unit vectors, and rejecting vectors that cannot be normalised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError

Floats = npt.NDArray[np.float32]


def normalise(vectors: npt.NDArray[np.floating], ids: Sequence[Any], what: str) -> Floats:
    """L2-normalise rows: (n, d) of any float type -> (n, d) float32.

    Norms are computed in float64, so that large float16 values do not overflow.
    Raises CmrError, naming the first item, if a row is NaN, infinite or zero.
    """
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    bad = np.flatnonzero(~np.isfinite(norms) | (norms == 0))
    if len(bad):
        row = int(bad[0])
        kind = "zero" if norms[row] == 0 else "NaN or infinite"
        more = f" ({len(bad)} such vectors)" if len(bad) > 1 else ""
        raise CmrError(f"the vector of {what} {str(ids[row])!r} is {kind}{more}")
    return np.asarray(vectors / norms[:, None], dtype=np.float32)
