"""Whether one data set's vectors are apart from another's, so that a fit on these is held out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cmr.errors import CmrError
from cmr.pipeline.fits import Native
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors, group_rows

if TYPE_CHECKING:
    from cmr.represent.unit_vectors import Floats

# Larger shares of the visuals, and of the texts, for captions repeat, may not be in both.
MOST_SHARED, MOST_TEXTS_SHARED = 0.01, 0.1
# Items of a side that are looked for, drawn with this seed where there are more.
LOOKED_FOR, SEED = 2000, 0
# Vectors that are compared with those in one go.
ROWS = 4096
# A copy is as near as int8 rounds, and this much nearer than the fifth nearest of the others.
STEPS, NEARER, OTHERS = 127, 1 / 4, 5


def check_apart(warehouse: Store, mine: Native, other: Native, name: str) -> None:
    """Raise CmrError if the other data set, `name`, holds much of what is scored.

    That is more than a hundredth of the visuals, or a tenth of the texts, beyond as many as have
    the like of a copy among themselves. `mine`, `other`: rows of `embedding_sets` by side and
    dimension, of the same model.
    """
    dim = max(dim for _, dim in mine)
    for side, most in ((VISUAL, MOST_SHARED), (TEXT, MOST_TEXTS_SHARED)):
        scored, places = _drawn(warehouse, mine[side, dim])
        held = int(_copies(scored, _blocks(warehouse, other[side, dim])).sum())
        if held <= most * len(scored):
            continue
        alike = int(_copies(scored, _blocks(warehouse, mine[side, dim]), places).sum())
        if beyond_chance(held, alike) > most * len(scored):
            rows = int(mine[side, dim]["rows"])
            drawn = "" if len(scored) == rows else " that were looked for"
            raise CmrError(
                f"--fit-on {name} is not held out: {held:,} of the {len(scored):,} {side}s"
                f"{drawn or ' that are scored'} are among its own, by their vectors"
            )


def beyond_chance(held: int, alike: int) -> float:
    """How many more copies there are than items that look like copies without being any.

    `alike`: how many do among the scored items; so many more by chance, at three standard errors.
    """
    return held - alike - 3 * math.sqrt(alike)


def _copies(
    scored: Floats, others: Iterator[Floats], places: npt.NDArray[np.int64] | None = None
) -> npt.NDArray[np.bool_]:
    """(n,) which unit vectors have a copy among the others, which may be rounded or scaled.

    `places`: where the vectors themselves stand among the others, which is no copy.

    A copy differs by no more than int8 rounds. So may a neighbour where items lie close, but then
    several do: a copy is also much nearer than the fifth nearest.
    """
    near = np.full((len(scored), OTHERS), -2.0, dtype=np.float32)
    vectors = np.zeros((len(scored), OTHERS, scored.shape[1]), dtype=np.float32)
    first_row = 0
    for block in others:
        products = scored @ block.T
        if places is not None:
            here = np.flatnonzero((places >= first_row) & (places < first_row + len(block)))
            products[here, places[here] - first_row] = -2.0
            first_row += len(block)
        cosines = np.concatenate([near, products], axis=1)
        best = np.argpartition(-cosines, OTHERS - 1, axis=1)[:, :OTHERS]
        near = np.take_along_axis(cosines, best, axis=1)
        held = best < OTHERS
        kept = np.take_along_axis(vectors, np.where(held, best, 0)[:, :, None], axis=1)
        vectors = np.where(held[:, :, None], kept, block[np.where(held, 0, best - OTHERS)])
    # Cosines of what is all but the same are too coarse.
    apart = vectors.astype(np.float64) - scored[:, None]
    far = np.sqrt((apart * apart).sum(axis=2))
    far[near < -1] = np.inf
    first = np.argmin(far, axis=1)
    rounded = np.abs(apart[np.arange(len(scored)), first]).max(axis=1)
    step = np.abs(scored).max(axis=1) / STEPS
    nearest, fifth = far.min(axis=1), far.max(axis=1)
    found: npt.NDArray[np.bool_] = (rounded <= step) & (nearest < NEARER * fifth)
    return found


def _drawn(warehouse: Store, row: Row) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Unit vectors of a set: all, or as many as are looked for, drawn at random; and which."""
    rows = int(row["rows"])
    chosen = np.random.default_rng(SEED).permutation(rows)[:LOOKED_FOR]
    wanted = np.zeros(rows, dtype=bool)
    wanted[chosen] = True
    found, at = [], 0
    for block in _blocks(warehouse, row):
        found.append(block[wanted[at : at + len(block)]])
        at += len(block)
    return np.concatenate(found), np.flatnonzero(wanted)


def _blocks(warehouse: Store, row: Row) -> Iterator[Floats]:
    """A native set's vectors as unit vectors, at most ROWS at a time."""
    stored = StoredVectors(warehouse, row)
    for _, block in stored.blocks(group_rows(stored.dim, stored.precision)):
        vectors = np.asarray(block.data, dtype=np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        units = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
        for first in range(0, len(units), ROWS):
            yield units[first : first + ROWS]
