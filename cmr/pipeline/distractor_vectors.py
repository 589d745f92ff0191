"""Vectors of distractors in files: checked in one pass and written in another, block by block."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cmr.errors import CmrError
from cmr.pipeline.copies import Copies
from cmr.progressbar import Advance
from cmr.represent.unit_vectors import Floats, normalise
from cmr.sources.vectorcolumns import VectorFile
from cmr.warehouse.vectors import group_rows

# What generated ids begin with.
NAMED = "distractor-"
# Bytes that a row of a block takes, per dimension: as read, in float64, as float32 and as a table.
BYTES = 40


@dataclass(frozen=True)
class Matrix:
    """The vectors of one dimension: files in order. `ids`: (rows,) unique strings, of all files."""

    dim: int
    files: Sequence[VectorFile]
    ids: pa.Array

    def step(self, memory: int | None) -> int:
        """Rows of a block: a row group, or fewer if that is much of `memory` bytes."""
        most = group_rows(self.dim, "fp32")
        return most if memory is None else max(256, min(most, memory // 8 // (BYTES * self.dim)))

    def blocks(self, step: int) -> Iterator[tuple[int, Floats]]:
        """Unit vectors (n, dim) with the first one's row, `step` at a time.

        Raises CmrError, naming the file and the item, for one that is NaN, infinite or zero.
        """
        held: list[Floats] = []
        first = done = 0
        for file in self.files:
            for block in file.blocks(step):
                names = self.ids[done : done + len(block)]
                try:
                    unit = normalise(block, names, "distractor")
                except CmrError as error:
                    raise CmrError(f"{file.where}: {error}") from None
                done += len(block)
                while len(unit):
                    room = step - sum(map(len, held))
                    held.append(unit[:room])
                    unit = unit[room:]
                    if sum(map(len, held)) == step:
                        yield first, np.concatenate(held)
                        first, held = first + step, []
        if held:
            yield first, np.concatenate(held)


@dataclass(frozen=True)
class Surveyed:
    """What a pass over the vectors found.

    `mark`: a hash of the kept ones, and of their ids. `copy_of`: (rows,) the ordinal among the
    looked-for vectors that each is a copy of, -1 for none.
    """

    mark: str
    copy_of: npt.NDArray[np.int64]


def named(files: Sequence[VectorFile], prefix: str, first: int) -> pa.Array:
    """The ids of the rows of all files: the files' own, after a prefix, or numbers from `first`."""
    found, at = [], first
    for file in files:
        if file.ids is None:
            numbers = pa.array(np.arange(at, at + file.rows)).cast(pa.string())
            found.append(pc.binary_join_element_wise(prefix or NAMED, numbers, ""))
            at += file.rows
        else:
            ids = file.ids
            found.append(pc.binary_join_element_wise(prefix, ids, "") if prefix else ids)
    return pa.concat_arrays(found)


def survey(matrix: Matrix, looked_for: Floats, memory: int | None, advance: Advance) -> Surveyed:
    """Read all vectors once. Raises CmrError for one that cannot be normalised."""
    copies = Copies(looked_for)
    digest, found = hashlib.sha256(f"{matrix.dim}".encode()), []
    for _, block in matrix.blocks(matrix.step(memory)):
        digest.update(np.ascontiguousarray(block).data)
        found.append(copies.of(block))
        advance(len(block))
    return Surveyed(digest.hexdigest(), np.concatenate(found))


def again(
    matrix: Matrix, mark: str, keep: npt.NDArray[np.bool_], memory: int | None, advance: Advance
) -> Iterator[tuple[int, Floats]]:
    """The kept vectors with the first one's place among them, as `survey` has read them.

    Raises CmrError at the end if they are others now.
    """
    digest, at = hashlib.sha256(f"{matrix.dim}".encode()), 0
    for first, block in matrix.blocks(matrix.step(memory)):
        digest.update(np.ascontiguousarray(block).data)
        mine = block[keep[first : first + len(block)]]
        if len(mine):
            yield at, mine
        at += len(mine)
        advance(len(block))
    if digest.hexdigest() != mark:
        raise CmrError(f"{matrix.files[0].where} has changed while it was read; nothing is stored")
