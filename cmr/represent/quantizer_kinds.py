"""All kinds of quantisers: our own, and those that other packages register.

Another package registers one with an entry point of the group `cmr.quantizers`, whose name is the
quantiser's and whose value a `QuantizerKind`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from cmr.errors import CmrError
from cmr.plugins import load, registered
from cmr.precision import ROWS, Precision, precision_of

if TYPE_CHECKING:
    from cmr.represent.quantizers import Quantizer, Ranges
    from cmr.represent.unit_vectors import Floats

GROUP = "cmr.quantizers"
# What there is where nothing is said, and what plain floats are called by.
ABSMAX = "absmax"


@dataclass(frozen=True)
class QuantizerKind:
    """One way of making codes of unit vectors, the same for every data set.

    `summary`: for help. `codes`: whether it makes those of a precision. `rotation`: of a dimension
    and a seed, the (d, d) float32 matrix that the vectors of both sides are multiplied with first.
    `ranges`: learnt from the blocks, (n, d) float32 each, of the gallery's vectors as they are
    coded, and the dimension. It is given nothing else, and nothing else of it is stored: the seed
    and the ranges are columns of `embedding_sets`, from which its codes are read again.
    """

    summary: str
    codes: Callable[[Precision], bool]
    rotation: Callable[[int, int], Floats] | None = None
    ranges: Callable[[Iterable[Floats], int], Ranges] | None = None

    def make(
        self, name: str, dim: int, seed: int, gallery: Callable[[], Iterable[Floats]]
    ) -> Quantizer:
        """The quantiser of one dimension; `gallery`: the blocks that it may learn from."""
        from cmr.represent.quantizers import Quantizer

        turn = Quantizer(name, rotation=self.rotation and self.rotation(dim, seed))
        if self.ranges is None:
            return turn
        ranges = self.ranges((turn.turn(block) for block in gallery()), dim)
        return Quantizer(name, turn.rotation, ranges)

    def read(self, name: str, row: Mapping[str, Any]) -> Quantizer:
        """The same again, from the row of `embedding_sets` of what it coded."""
        import numpy as np

        from cmr.represent.quantizers import Quantizer, Ranges

        ranges = None
        if self.ranges is not None:
            ends = (np.array(row[f"range_{end}"], dtype=np.float32) for end in ("low", "high"))
            ranges = Ranges(*ends)
        turn = self.rotation and self.rotation(row["dim"], row["seed"])
        return Quantizer(name, turn, ranges)


def _rotation(dim: int, seed: int) -> Floats:
    from cmr.represent.quantizers import rotation

    return rotation(dim, seed)


def _ranges(blocks: Iterable[Floats], dim: int) -> Ranges:
    from cmr.represent.quantizers import ranges_of

    return ranges_of(blocks, dim)


# calibrated is as `quantize_embeddings` of sentence-transformers, but for two things: it cuts the
# fraction off, here codes are rounded; it lets what lies beyond the range wrap around, here it gets
# the last code. Steps of eight-bit floats grow with the value, so they have no ranges.
# rotated keeps every dot product and spreads large coordinates over all of them: the first step of
# RaBitQ (Gao and Long, 2024) and TurboQuant (Zandieh et al., 2025).
OWN = {
    ABSMAX: QuantizerKind("a scale a vector", lambda precision: precision.is_coded),
    "calibrated": QuantizerKind(
        "ranges a dimension, calibrated on the gallery",
        lambda precision: precision.is_integer,
        ranges=_ranges,
    ),
    "rotated": QuantizerKind(
        "a random rotation first", lambda precision: precision.is_coded, rotation=_rotation
    ),
}


def quantizer_names() -> list[str]:
    """What there is, our own first."""
    return [*OWN, *(name for name in sorted(_others()) if name not in OWN)]


def quantizer_kind(name: str) -> QuantizerKind:
    """The kind of a name. Raises CmrError if there is none, or another package's does not load."""
    if name in OWN:
        return OWN[name]
    point = _others().get(name)
    if point is None:
        raise CmrError(f"unknown quantizer {name!r}; there are {', '.join(quantizer_names())}")
    return load(point, QuantizerKind, "quantizer")


def quantizer_help() -> str:
    """What our own do, and which precisions have none of them, in a sentence each."""
    told = "; ".join(f"{name}: {kind.summary}" for name, kind in OWN.items())
    lacking = [f"{_and(row.name for row in ROWS if not row.is_coded)} have none"]
    for name, kind in OWN.items():
        without = [row.name for row in ROWS if row.is_coded and not kind.codes(row)]
        lacking += [f"{_and(without)} no {name}"] if without else []
    return f"{told}. {', '.join(lacking)}."


def _and(names: Iterable[str]) -> str:
    """Names as a sentence has them."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def quantizers_for(precision: str, wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` that make a precision's codes; absmax where none does."""
    row = precision_of(precision)
    return [name for name in wanted if quantizer_kind(name).codes(row)] or [ABSMAX]


def from_row(row: Mapping[str, Any]) -> Quantizer:
    """The quantiser of a stored set, from its row of `embedding_sets`.

    Raises CmrError if it is of a package that is not here.
    """
    name = row["quantizer"] or ABSMAX
    return quantizer_kind(name).read(name, row)


def _others() -> dict[str, EntryPoint]:
    return registered(GROUP)
