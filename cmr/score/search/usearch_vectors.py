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

from cmr.precision import precision_of
from cmr.represent.precisions import Encoded, to_integers


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


def acceleration(precision: str, dim: int) -> str:
    """usearch's name of the instructions that it compares vectors of a precision with."""
    from usearch.compiled import hardware_acceleration
    from usearch.index import MetricKind, ScalarKind

    row = precision_of(precision)
    metric = {"ip": MetricKind.IP, "hamming": MetricKind.Hamming}[row.metric]
    kind = getattr(ScalarKind, row.usearch.upper())
    return str(hardware_acceleration(dtype=kind, ndim=dim, metric_kind=metric))


def operand(encoded: Encoded, metric: str | None = None) -> Operand:
    """Stored vectors as usearch takes them; `metric`: the gallery's, for queries."""
    row, ndim = precision_of(encoded.precision), encoded.dim
    data: npt.NDArray[Any] = np.ascontiguousarray(encoded.data)
    if row.is_binary:
        ndim = data.shape[1] * 8
    elif row.is_integer:
        data = np.ascontiguousarray(to_integers(encoded))
    else:
        data = data.view(row.stored)
    return Operand(data, row.usearch, ndim, metric or metric_of(encoded))


def metric_of(encoded: Encoded) -> str:
    """The similarity of a gallery's vectors: ip, cos or hamming."""
    metric = precision_of(encoded.precision).metric
    return metric if len(np.unique(encoded.scales)) <= 1 else "cos"


def similarities(distances: npt.NDArray[Any], metric: str, dim: int) -> npt.NDArray[Any]:
    """usearch's distances as similarities: 1 - distance, of bits dim - 2 * Hamming distance."""
    return dim - 2 * distances if metric == "hamming" else 1 - distances
