"""What usearch is handed: our own codes, in one of its types, and the similarity that fits them.

usearch casts what it is given (int8: x · 127, cut off). So it is given vectors that are coded
already: int8 codes as `i8`, int4 codes one a byte, for it has no type of four bits, bits as `b1`,
eights of floats and halves as the bytes they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr.represent.precisions import Encoded, to_integers

_TYPES = {
    "fp32": "f32",
    "fp16": "f16",
    "bf16": "bf16",
    "int8": "i8",
    "int4": "i8",
    "b1": "b1",
    "fp8_e4m3": "e4m3",
    "fp8_e5m2": "e5m2",
}


@dataclass(frozen=True)
class Operand:
    """Vectors as usearch takes them: (n, width) of `dtype`, `ndim` values each.

    `metric`: ip for floats and for codes of one scale, cos for codes with a scale a vector, whose
    order it keeps whatever the scales, hamming for bits.
    """

    data: npt.NDArray[Any]
    dtype: str
    ndim: int
    metric: str

    def __len__(self) -> int:
        return len(self.data)

    @property
    def vector_bytes(self) -> int:
        """Bytes of one vector as usearch holds it."""
        return int(self.data.itemsize * self.data.shape[1])


def usearch_type(precision: str) -> str:
    """usearch's name of the type that holds a precision's numbers."""
    return _TYPES[precision]


def operand(encoded: Encoded, metric: str | None = None) -> Operand:
    """Stored vectors as usearch takes them; `metric`: the gallery's, for queries."""
    precision, data = encoded.precision, encoded.data
    ndim = encoded.dim
    if precision in ("int8", "int4"):
        array: npt.NDArray[Any] = to_integers(encoded)
    elif precision == "bf16":
        array = np.ascontiguousarray(data).view(np.uint16)
    else:
        array = data
    if precision == "b1":
        ndim = data.shape[1] * 8
    return Operand(
        np.ascontiguousarray(array), _TYPES[precision], ndim, metric or metric_of(encoded)
    )


def metric_of(encoded: Encoded) -> str:
    """The similarity of a gallery's vectors: ip, cos or hamming."""
    if encoded.precision == "b1":
        return "hamming"
    return "ip" if len(np.unique(encoded.scales)) <= 1 else "cos"


def similarities(distances: npt.NDArray[Any], metric: str, dim: int) -> npt.NDArray[Any]:
    """usearch's distances as similarities: 1 - distance, of bits dim - 2 * Hamming distance."""
    return dim - 2 * distances if metric == "hamming" else 1 - distances
