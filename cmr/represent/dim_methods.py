"""Dimension methods: native, pca, truncate, random, expand; how vectors change dimension.

Each is linear: a matrix, or none where coordinates are simply dropped. The mathematics is in
`cmr.represent.dims`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cmr.errors import CmrError
from cmr.renamed import method_now
from cmr.suggestions import suggestion

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from cmr.represent.unit_vectors import Floats

    Matrix = npt.NDArray[np.float64]

NATIVE = "native"
TRUNCATE = "truncate"


@dataclass(frozen=True)
class Basis:
    """What a method's matrix is made from.

    `native`, `dim`: dimensions before and after. `moments`: of each side, the mean of x xᵀ,
    (native, native); empty for methods that do not fit the vectors.
    """

    native: int
    dim: int
    seed: int
    moments: Sequence[Matrix] = ()


@dataclass(frozen=True)
class DimMethod:
    """One method.

    `goes`: to dimensions below or above the native one, or stays. `matrix`: makes the (native, dim)
    matrix; None drops coordinates. `seeded`: whether it depends on the seed. `fitted`: whether it
    depends on the vectors of both sides.
    """

    name: str
    goes: Literal["stays", "down", "up"]
    matrix: Callable[[Basis], Matrix] | None = None
    seeded: bool = False
    fitted: bool = False


def _pca(basis: Basis) -> Matrix:
    from cmr.represent.dims import principal_directions

    return principal_directions(basis.moments, basis.dim)


def _random(basis: Basis) -> Matrix:
    from cmr.represent.dims import orthonormal

    return orthonormal(basis.native, basis.dim, basis.seed)


def _expand(basis: Basis) -> Matrix:
    from cmr.represent.dims import orthonormal

    return orthonormal(basis.dim, basis.native, basis.seed).T


METHODS = {
    method.name: method
    for method in (
        DimMethod(NATIVE, "stays"),
        DimMethod("pca", "down", _pca, fitted=True),
        DimMethod(TRUNCATE, "down"),
        DimMethod("random", "down", _random, seeded=True),
        DimMethod("expand", "up", _expand, seeded=True),
    )
}
# Those that a request can choose from; the first is the default.
BELOW_NATIVE = tuple(name for name, method in METHODS.items() if method.goes == "down")
ABOVE_NATIVE = tuple(name for name, method in METHODS.items() if method.goes == "up")


def methods_for(dim: int, native: Sequence[int], wanted: Sequence[str]) -> list[str]:
    """Which methods make `dim` from a source with the dimensions `native`.

    A dimension of the source is `native`; above the largest it is `expand`; below it, those of
    `wanted` that go down, or `pca` if none is named.
    """
    if dim in native:
        return [NATIVE]
    there = ABOVE_NATIVE if dim > max(native) else BELOW_NATIVE
    return [method for method in map(method_now, wanted) if method in there] or [there[0]]


def projection(
    method: str, native: int, dim: int, seed: int, moments: Sequence[Matrix] = ()
) -> Floats | None:
    """The (native, dim) float32 matrix of a method; None if there is nothing to multiply with.

    Raises CmrError if there is no such method.
    """
    import numpy as np

    make = METHODS[check_method(method)].matrix
    if make is None:
        return None
    matrix: Any = make(Basis(native, dim, seed, moments))
    return np.ascontiguousarray(matrix, dtype=np.float32)


def check_method(name: str) -> str:
    """A method's name; `name` may be an earlier one. Raises CmrError if there is no such method."""
    name = method_now(name)
    if name not in METHODS:
        there = ", ".join(METHODS)
        raise CmrError(
            f"unknown dimension method {name!r}; there are {there}{suggestion(name, METHODS)}"
        )
    return name
