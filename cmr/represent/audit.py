"""What a quantiser has done to a set of vectors: clipping, codes in use, error."""

from __future__ import annotations

from typing import Any

import numpy as np

from cmr.precision import INTEGER
from cmr.represent.precisions import Encoded, to_integers
from cmr.represent.quantizers import Quantizer
from cmr.represent.unit_vectors import Floats


class Audit:
    """Adds up over the blocks of a set."""

    def __init__(self, quantizer: Quantizer) -> None:
        """`quantizer`: what codes the set."""
        self._quantizer = quantizer
        self._values = self._clipped = self._vectors = 0
        self._error = 0.0
        self._used: set[int] = set()

    def add(self, vectors: Floats, encoded: Encoded) -> None:
        """Hold (n, d) unit vectors against their codes."""
        turned = self._quantizer.turn(vectors)
        ranges = self._quantizer.ranges
        if ranges is not None:
            beyond = (turned < ranges.low) | (turned > ranges.high)
            self._clipped += int(beyond.sum())
        self._values += turned.size
        self._vectors += len(turned)
        decoded = self._quantizer.decode(encoded)
        missing = np.einsum("ij,ij->i", turned - decoded, turned - decoded, dtype=np.float64)
        self._error += float(missing.sum())
        coded = encoded.precision in INTEGER
        codes = to_integers(encoded) if coded else encoded.data.view(np.int8)
        self._used |= set(np.unique(codes).tolist())

    def result(self) -> dict[str, Any]:
        """`clip_rate`: share of values beyond their range. `used_codes`: how many occur. `error`:
        mean squared distance of a unit vector from what its codes stand for.
        """
        return {
            "clip_rate": self._clipped / max(self._values, 1),
            "used_codes": len(self._used),
            "error": self._error / max(self._vectors, 1),
        }
