"""What is learnt from vectors, and from which: dimension bases and quantisers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cmr.precision import FP32, precision_of
from cmr.represent import dims
from cmr.represent.dim_methods import METHODS, NATIVE, projection
from cmr.represent.precisions import Encoded
from cmr.represent.quantizer_kinds import ABSMAX, quantizer_kind
from cmr.represent.quantizers import Quantizer
from cmr.represent.unit_vectors import Floats
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import Room, StoredVectors, group_rows

SIDES = (TEXT, VISUAL)
Mask = npt.NDArray[np.bool_]
Native = Mapping[tuple[str, int], Row]


@dataclass(frozen=True)
class Wanted:
    """A requested representation."""

    dim: int
    dim_method: str
    precision: str
    quantizer: str = ABSMAX

    def __str__(self) -> str:
        """The representation as people write it."""
        more = "" if self.quantizer == ABSMAX else f" {self.quantizer}"
        return f"{self.dim} {self.dim_method} {self.precision}{more}"

    @property
    def coded_by(self) -> str | None:
        """The recorded quantiser; None for plain floats, which have none."""
        return self.quantizer if precision_of(self.precision).is_coded else None

    @property
    def multiplied(self) -> str:
        """The precision of the operands: its own, or fp32 where codes are read as floats."""
        compared = quantizer_kind(self.quantizer).compares_codes(precision_of(self.precision))
        return self.precision if compared else FP32

    @property
    def is_binary(self) -> bool:
        """Whether its values are signs."""
        return precision_of(self.precision).is_binary

    @property
    def is_native(self) -> bool:
        """Whether these are the vectors that the encoder returned."""
        return self.dim_method == NATIVE and self.precision == FP32

    @property
    def learns(self) -> bool:
        """Whether any part of it is learnt from vectors."""
        return METHODS[self.dim_method].fitted or quantizer_kind(self.quantizer).learns is not None


@dataclass(frozen=True)
class Coding:
    """What was learnt or drawn for a representation: its basis, if it has one, and quantiser."""

    matrix: Floats | None
    quantizer: Quantizer


class Learner:
    """Learns from the native vectors of both sides, or some of them; each fit is cached."""

    def __init__(
        self,
        warehouse: Store,
        native: Native,
        largest: int,
        ids: Mapping[str, pa.Array],
        learn: Mapping[str, Mask] | None = None,
    ) -> None:
        """`native`: rows of `embedding_sets` by side and dimension. `largest`: the dimension that
        others are derived from. `ids`: item ids, for error messages. `learn`: by side, (items,)
        which items to learn from; None for all.
        """
        self._warehouse, self._native, self._largest = warehouse, native, largest
        self._ids, self._learn = ids, learn
        self._moments: dict[int, list[npt.NDArray[np.float64]]] = {}
        self._quantizers: dict[tuple[Wanted, str | None, int], Quantizer] = {}
        self._matrices: dict[tuple[str, int, int], Floats | None] = {}

    def source(self, wanted: Wanted) -> int:
        """The native dimension that a representation is derived from."""
        return wanted.dim if wanted.dim_method == NATIVE else self._largest

    def row(self, side: str, wanted: Wanted) -> Row:
        """The native set of a side that a representation learns from."""
        return self._native[side, self.source(wanted)]

    def count(self, sides: Sequence[str], wanted: Wanted) -> int:
        """How many vectors of these sides it learns from."""
        if self._learn is not None:
            return sum(int(self._learn[side].sum()) for side in sides)
        return sum(int(self.row(side, wanted)["rows"]) for side in sides)

    def vectors(self, side: str, wanted: Wanted, seed: int) -> Floats:
        """One side's unit vectors at the wanted dimension that may be learnt from, (n, d)."""
        found = [np.empty((0, wanted.dim), dtype=np.float32)]
        return np.concatenate([*found, *self._learnt_from(side, wanted, seed)])

    def matrix(self, wanted: Wanted, seed: int) -> Floats | None:
        """The (native, dim) float32 projection; None if the method has none."""
        method, source = METHODS[wanted.dim_method], self.source(wanted)
        key = wanted.dim_method, wanted.dim, seed
        if not method.fitted:
            return projection(wanted.dim_method, source, wanted.dim, seed)
        if key not in self._matrices:
            moments = self._second_moments(source)
            self._matrices[key] = projection(wanted.dim_method, source, wanted.dim, seed, moments)
        return self._matrices[key]

    def coding(self, wanted: Wanted, seed: int, teacher: str) -> Coding:
        """A representation's matrix and quantiser; `teacher`: see `quantizer`."""
        return Coding(self.matrix(wanted, seed), self.quantizer(wanted, seed, teacher))

    def quantizer(self, wanted: Wanted, seed: int, teacher: str | None) -> Quantizer:
        """A representation's quantiser; `teacher`: the side whose vectors it may learn from."""
        kind = quantizer_kind(wanted.quantizer)
        # Mostly the same for every precision; learning it again would read the gallery again.
        alike = wanted if kind.codebook is not None else replace(wanted, precision=FP32)
        key = alike, teacher, seed
        if key in self._quantizers:
            return self._quantizers[key]

        def blocks() -> Iterator[Floats]:
            assert teacher is not None
            return self._learnt_from(teacher, wanted, seed)

        found = kind.make(wanted.quantizer, wanted.dim, seed, blocks, wanted.precision)
        if kind.learns is not None:
            self._quantizers[key] = found
        return found

    def _learnt_from(self, side: str, wanted: Wanted, seed: int) -> Iterator[Floats]:
        """One side's unit vectors at the wanted dimension, those that it may learn from."""
        row, mask = self.row(side, wanted), None if self._learn is None else self._learn[side]
        what = f"{side} item (cut to {wanted.dim} dimensions)"
        for first, block in _floats(self._warehouse, row, wanted):
            names = self._ids[side][first : first + len(block)]
            if mask is not None:
                mine = mask[first : first + len(block)]
                block, names = block[mine], names.filter(pa.array(mine))
            if len(block):
                yield dims.apply(block, wanted.dim, self.matrix(wanted, seed), names, what)

    def _second_moments(self, source: int) -> list[npt.NDArray[np.float64]]:
        if source not in self._moments:
            self._moments[source] = [
                dims.second_moment(self._native_blocks(side, source), source) for side in SIDES
            ]
        return self._moments[source]

    def _native_blocks(self, side: str, source: int) -> Iterator[Floats]:
        mask = None if self._learn is None else self._learn[side]
        for first, floats in _floats(self._warehouse, self._native[side, source]):
            yield floats if mask is None else floats[mask[first : first + len(floats)]]


class DerivedVectors:
    """One side's vectors in a representation, coded as they are read, and not stored."""

    def __init__(
        self,
        warehouse: Store,
        native: Row,
        wanted: Wanted,
        coding: Coding,
        ids: pa.Array,
        only: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """`native`: the row of the set that they are derived from. `only`: ascending ordinals of
        the wanted ones, which are renumbered from 0.
        """
        self._warehouse, self._native, self._wanted, self._ids = warehouse, native, wanted, ids
        self._coding, self._only = coding, only
        self.rows = int(native["rows"]) if only is None else len(only)

    def blocks(self, rows: int) -> Iterator[tuple[int, Encoded]]:
        """All vectors in order; see `Vectors`. Floats of one row group are held at a time."""
        room: Room | None = None
        at = 0
        for part in self._coded():
            while len(part):
                if room is None:
                    room = Room(at, min(rows, self.rows - at), part)
                taken = room.add(part)
                part, at = part.rows(slice(taken, None)), at + taken
                if room.is_full:
                    yield room.first, room.held()
                    room = None

    def _coded(self) -> Iterator[Encoded]:
        """The wanted vectors, one row group of the native vectors at a time."""
        what = f"{self._native['modality']} item (cut to {self._wanted.dim} dimensions)"
        for first, floats in _floats(self._warehouse, self._native):
            names = self._ids[first : first + len(floats)]
            if self._only is not None:
                low, high = np.searchsorted(self._only, [first, first + len(floats)])
                mine = self._only[low:high] - first
                floats, names = floats[mine], names.take(pa.array(mine))
            if len(floats):
                changed = dims.apply(floats, self._wanted.dim, self._coding.matrix, names, what)
                yield self._coding.quantizer.encode(changed, self._wanted.precision)


def changed(
    warehouse: Store, native: Row, wanted: Wanted, matrix: Floats | None, ids: pa.Array
) -> Iterator[tuple[int, Floats]]:
    """A native set's unit vectors at the wanted dimension, block by block, not yet coded."""
    what = f"{native['modality']} item (cut to {wanted.dim} dimensions)"
    for first, block in _floats(warehouse, native, wanted):
        names = ids[first : first + len(block)]
        yield first, dims.apply(block, wanted.dim, matrix, names, what)


def _floats(
    warehouse: Store, native: Row, wanted: Wanted | None = None
) -> Iterator[tuple[int, Floats]]:
    """A native set's vectors as float32, with the first one's ordinal: a row group at a time, of
    its own or, where they are coded to be written, of what is wanted.
    """
    stored = StoredVectors(warehouse, native)
    groups_of = stored if wanted is None else wanted
    for first, block in stored.blocks(group_rows(groups_of.dim, groups_of.precision)):
        yield first, np.asarray(block.data, dtype=np.float32)
