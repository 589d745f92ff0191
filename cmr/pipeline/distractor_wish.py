"""What is asked about distractors, and what was found beside themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cmr.sources.collection import VISUAL, Reject


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    `name`: of the enlarged data set; None for DATASET+COUNT. `side`: that they are added to.
    `model`: whose vectors they get; None for the only one, or, of pictures and captions, for all.
    `prefix`: before their ids. `drop_copies`: leave out copies of relevant items. `images`: where
    the pictures of a table are. `memory`: bytes for blocks of vectors.
    """

    dataset: str | None = None
    name: str | None = None
    side: str = VISUAL
    model: str | None = None
    prefix: str = ""
    drop_copies: bool = False
    images: str | None = None
    pretrained: str | None = None
    limit: int | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Found:
    """What was found about distractors, beside themselves: see `Added`.

    `finish`: called when they are stored.
    """

    copies: int
    example: tuple[str, str] | None
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()
    finish: Callable[[], None] = lambda: None


def copied(
    ids: pa.Array, copy_of: npt.NDArray[np.int64], known: pa.Array
) -> tuple[int, tuple[str, str] | None]:
    """How many distractors are copies, and an example: its id, and the relevant item's."""
    rows = np.flatnonzero(copy_of >= 0)
    if not len(rows):
        return 0, None
    first = int(rows[0])
    return len(rows), (ids[first].as_py(), known[int(copy_of[first])].as_py())
