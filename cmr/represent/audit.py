"""What a quantiser did to a set of vectors: clipping, codes in use, balance, error."""

from __future__ import annotations

from typing import Any

import numpy as np

from cmr.precision import INTEGER, precision_of
from cmr.represent.precisions import Encoded, to_integers
from cmr.represent.quantizers import Quantizer
from cmr.represent.unit_vectors import Floats

# A bit is balanced if between 40% and 60% of the vectors have it set.
LEAST, MOST = 0.4, 0.6


class Audit:
    """Accumulates statistics over the blocks of a set."""

    def __init__(self, quantizer: Quantizer) -> None:
        """`quantizer`: the one that codes the set."""
        self._quantizer = quantizer
        self._values = self._clipped = self._vectors = 0
        self._error = 0.0
        self._used: set[int] = set()
        self._above = np.zeros(0, dtype=np.int64)

    def add(self, vectors: Floats, encoded: Encoded) -> None:
        """Compare (n, d) unit vectors with their codes."""
        shifted = self._quantizer.shift(self._quantizer.turn(vectors))
        ranges = self._quantizer.ranges
        if ranges is not None:
            beyond = (shifted < ranges.low) | (shifted > ranges.high)
            self._clipped += int(beyond.sum())
        # The bit that b1 would have, whatever the precision.
        bits = shifted > (0 if ranges is None else ranges.middle)
        self._above = bits.sum(axis=0) + (self._above if self._vectors else 0)
        self._values += shifted.size
        self._vectors += len(shifted)
        missing = self._meant(vectors, shifted, encoded) - self._quantizer.decode(encoded)
        self._error += float(np.einsum("ij,ij->", missing, missing, dtype=np.float64))
        coded = encoded.precision in INTEGER
        codes = to_integers(encoded) if coded else encoded.data.view(np.int8)
        self._used |= set(np.unique(codes).tolist())

    def _meant(self, vectors: Floats, shifted: Floats, encoded: Encoded) -> Floats:
        """What the codes should decode to; for bits with a centre, the direction from it."""
        if not precision_of(encoded.precision).is_binary or self._quantizer.centre is None:
            return self._quantizer.turn(vectors)
        lengths = np.linalg.norm(shifted, axis=1, keepdims=True)
        return np.asarray(shifted / np.where(lengths > 0, lengths, 1), dtype=np.float32)

    def result(self) -> dict[str, Any]:
        """`clip_rate`: share of values beyond their range. `used_codes`: how many codes occur.
        `error`: mean squared distance between a unit vector and its decoded codes. `balanced`:
        share of dimensions in which 40% to 60% of the vectors lie above the middle, which is zero,
        the centre, or the middle of the range.
        """
        share = self._above / max(self._vectors, 1)
        balanced = (share >= LEAST) & (share <= MOST)
        return {
            "clip_rate": self._clipped / max(self._values, 1),
            "used_codes": len(self._used),
            "error": self._error / max(self._vectors, 1),
            "balanced": float(balanced.mean()) if balanced.size else 0.0,
        }
