"""All kinds of quantisers: our own, and those that other packages register.

Another package registers one with an entry point in the group `cmr.quantizers`, whose name is the
quantiser's and whose value is a `QuantizerKind`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from cmr.errors import CmrError
from cmr.plugins import load, registered
from cmr.precision import PRODUCT, RABITQ, ROWS, Precision, precision_of
from cmr.suggestions import suggestion

if TYPE_CHECKING:
    from cmr.represent.product_codes import Codebook
    from cmr.represent.quantizers import Quantizer, Ranges
    from cmr.represent.unit_vectors import Floats

GROUP = "cmr.quantizers"
# The default, which also names plain floats.
ABSMAX = "absmax"
# Requests every quantiser.
ALL = "all"
# Whose vectors a quantiser learns from: those of the searched side, for both sides' codes, or each
# side's own.
GALLERY_SIDE, OWN_SIDE = "gallery", "own"
# Blocks of vectors, (n, d) float32 each, which can be iterated more than once.
Blocks = Iterable["Floats"]


@dataclass(frozen=True)
class QuantizerKind:
    """One way of coding unit vectors, the same for every data set.

    `summary`: for the help. `codes`: whether it makes codes of a precision. `rotation`: from a
    dimension and a seed, the (d, d) float32 matrix by which the vectors of both sides are
    multiplied first. `centre`: (d,) float32, subtracted next, learnt from blocks of vectors,
    (n, d) float32 each, and the dimension. `ranges`: of the values to be coded, learnt likewise.
    `from_own`: whether each side's are learnt from its own vectors; else both from the gallery's.
    It gets no other input and nothing else of it is stored: seed, centre and ranges are columns of
    `embedding_sets`, by which its codes are decoded. `codebook`: of the precisions that have one,
    from blocks, the precision, the dimension and a seed: it is stored in a file beside the codes,
    and its rotation takes the place of the other.
    """

    summary: str
    codes: Callable[[Precision], bool]
    rotation: Callable[[int, int], Floats] | None = None
    ranges: Callable[[Blocks, int], Ranges] | None = None
    centre: Callable[[Blocks, int], Floats] | None = None
    codebook: Callable[[Blocks, Precision, int, int], Codebook] | None = None
    from_own: bool = False

    @property
    def learns(self) -> str | None:
        """Whose vectors it learns from: GALLERY_SIDE, OWN_SIDE, or None if it learns nothing."""
        if self.ranges is None and self.centre is None and self.codebook is None:
            return None
        return OWN_SIDE if self.from_own else GALLERY_SIDE

    def compares_codes(self, precision: Precision) -> bool:
        """Whether codes are compared directly; otherwise they are decoded to floats first.

        With a centre, a code is not just code x scale. Bits are always compared as bits.
        """
        return (self.centre is None and self.codebook is None) or precision.is_binary

    @property
    def is_seeded(self) -> bool:
        """Whether its codes depend on a seed."""
        return self.rotation is not None or self.codebook is not None

    def make(
        self,
        name: str,
        dim: int,
        seed: int,
        blocks: Callable[[], Blocks],
        precision: str | None = None,
    ) -> Quantizer:
        """The quantiser for one dimension; `blocks` yields the vectors that it may learn from.

        `precision`: where it learns another codebook for each.
        """
        from cmr.represent.quantizers import Quantizer

        if self.codebook is not None:
            assert precision is not None
            row, plain = precision_of(precision), Quantizer(name)
            learnt = self.codebook(Turned(plain, blocks), row, dim, seed)
            return replace(plain, rotation=learnt.rotation, codebook=learnt)
        made = Quantizer(name, rotation=self.rotation and self.rotation(dim, seed))
        if self.centre is not None:
            made = replace(made, centre=self.centre(Turned(made, blocks), dim))
        if self.ranges is not None:
            made = replace(made, ranges=self.ranges(Turned(made, blocks), dim))
        return made

    def read(
        self, name: str, row: Mapping[str, Any], codebook: Codebook | None = None
    ) -> Quantizer:
        """The same quantiser, restored from the row of `embedding_sets` that it coded, and from the
        codebook that is stored with it.
        """
        import numpy as np

        from cmr.represent.quantizers import Quantizer, Ranges

        ranges = centre = None
        if self.ranges is not None:
            ends = (np.array(row[f"range_{end}"], dtype=np.float32) for end in ("low", "high"))
            ranges = Ranges(*ends)
        if self.centre is not None:
            centre = np.array(row["centre"], dtype=np.float32)
        if self.codebook is not None:
            assert codebook is not None
            return Quantizer(name, codebook.rotation, codebook=codebook)
        turn = self.rotation and self.rotation(row["dim"], row["seed"])
        return Quantizer(name, turn, ranges, centre)


@dataclass(frozen=True)
class Turned:
    """Blocks rotated and shifted by a quantiser; can be iterated repeatedly."""

    quantizer: Quantizer
    blocks: Callable[[], Blocks]

    def __iter__(self) -> Iterator[Floats]:
        turn, shift = self.quantizer.turn, self.quantizer.shift
        return (shift(turn(block)) for block in self.blocks())


def _rotation(dim: int, seed: int) -> Floats:
    from cmr.represent.quantizers import rotation

    return rotation(dim, seed)


def _ranges(blocks: Blocks, dim: int) -> Ranges:
    from cmr.represent.quantizers import ranges_of

    return ranges_of(blocks, dim)


def _mean(blocks: Blocks, dim: int) -> Floats:
    from cmr.represent.quantizers import mean_of

    return mean_of(blocks, dim)


def _median(blocks: Blocks, dim: int) -> Floats:
    from cmr.represent.quantizers import median_of

    return median_of(blocks, dim)


def _codebook(blocks: Blocks, precision: Precision, dim: int, seed: int) -> Codebook:
    from cmr.represent.product_codes import learn

    return learn(blocks, precision, dim, seed)


def _integers(precision: Precision) -> bool:
    """Whether its codes are equal steps; those of eight-bit floats grow with the value."""
    return precision.is_integer and precision.quantizer is None


def _for_all(precision: Precision) -> bool:
    """Whether it has codes that are not one quantiser's own."""
    return precision.is_coded and precision.quantizer is None


# calibrated is as `quantize_embeddings` of sentence-transformers, but for two things: it cuts the
# fraction off, here codes are rounded; it lets what lies beyond the range wrap around, here it gets
# the last code. Steps of eight-bit floats grow with the value, so they have no ranges, and are as
# fine near zero without a centre.
# rotated keeps every dot product and spreads large coordinates over all of them: the first step of
# RaBitQ (Gao and Long, 2024) and TurboQuant (Zandieh et al., 2025). rabitq is RaBitQ with 1 to 4
# bits: what a code stands for is the mean + scale x code, so that its product with a query is the
# estimate of the paper (section 3.2).
# centred and median cut where the vectors are. Texts and pictures often lie in cones of their own
# (Liang et al., Mind the gap, 2022): the gallery's median is then no middle of the queries, but one
# set of codes means the same on both sides; centred takes each side's own mean.
OWN = {
    ABSMAX: QuantizerKind("a scale a vector", _for_all),
    "calibrated": QuantizerKind(
        "ranges a dimension, calibrated on the gallery",
        _integers,
        ranges=_ranges,
    ),
    "rotated": QuantizerKind("a random rotation first", _for_all, rotation=_rotation),
    "centred": QuantizerKind(
        "each side's own mean subtracted first", _integers, centre=_mean, from_own=True
    ),
    "median": QuantizerKind(
        "the gallery's median by dimension subtracted first", _integers, centre=_median
    ),
    RABITQ: QuantizerKind(
        "the gallery's mean subtracted after a random rotation, of its own precisions",
        lambda precision: precision.quantizer == RABITQ,
        rotation=_rotation,
        centre=_mean,
    ),
    PRODUCT: QuantizerKind(
        "centroids of the parts of a vector, learnt with a rotation, of its own precisions",
        lambda precision: precision.quantizer == PRODUCT,
        codebook=_codebook,
    ),
}


def quantizer_names() -> list[str]:
    """The names available, our own first."""
    return [*OWN, *(name for name in sorted(_others()) if name not in OWN)]


def quantizer_kind(name: str) -> QuantizerKind:
    """The kind with a name. Raises CmrError if there is none, or a package's does not load."""
    if name in OWN:
        return OWN[name]
    point = _others().get(name)
    if point is None:
        there = quantizer_names()
        raise CmrError(
            f"unknown quantizer {name!r}; there are {', '.join(there)}{suggestion(name, there)}"
        )
    return load(point, QuantizerKind, "quantizer")


def quantizer_help() -> str:
    """What our own do, and which precisions they do not apply to, for the help."""
    told = "; ".join(f"{name}: {kind.summary}" for name, kind in OWN.items())
    lacking = [f"{_and(row.name for row in ROWS if not row.is_coded)} have none"]
    for name, kind in OWN.items():
        without = [row.name for row in ROWS if _for_all(row) and not kind.codes(row)]
        without = [] if name in (RABITQ, PRODUCT) else without
        lacking += [f"{_and(without)} no {name}"] if without else []
    return f"{told}; {ALL}: every one there is. {', '.join(lacking)}."


def _and(names: Iterable[str]) -> str:
    """Names joined for a sentence."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def quantizers_named(wanted: Sequence[str]) -> list[str]:
    """Those of `wanted`, or all if ALL is among them."""
    return quantizer_names() if ALL in wanted else list(wanted)


def quantizers_for(precision: str, wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` that make a precision's codes; its own, or absmax, where none does."""
    row = precision_of(precision)
    own = row.quantizer or ABSMAX
    return [name for name in wanted if quantizer_kind(name).codes(row)] or [own]


def _others() -> dict[str, EntryPoint]:
    return registered(GROUP)
