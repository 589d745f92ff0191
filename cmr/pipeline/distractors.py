"""Distractors: gallery items that no query looks for, added to a data set under another name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from cmr.errors import CmrError
from cmr.identity import identity
from cmr.pipeline.distractor_vectors import Matrix, Surveyed, again, named, survey
from cmr.pipeline.distractor_wish import Found, Wish, copied
from cmr.pipeline.encoding import EncodeOptions
from cmr.pipeline.enlarged import (
    Base,
    New,
    base_of,
    fingerprint_of,
    refuse_ids,
    relevant_vectors,
    store,
)
from cmr.pipeline.judged_data import find_dataset, find_model
from cmr.progressbar import ProgressBar
from cmr.represent.unit_vectors import Floats
from cmr.sources.collection import Reject
from cmr.sources.vectorcolumns import Array, VectorFile
from cmr.sources.vectorfiles import is_vectors, told_where, vector_files
from cmr.warehouse.distractors import distractors_of
from cmr.warehouse.layout import check_name
from cmr.warehouse.store import Store


@dataclass(frozen=True)
class Added:
    """What an ingest of distractors found or made; `new` tells which.

    `of`: the data set that they were added to. `gallery`: items of the side now. `copies`: how many
    were copies of relevant items, with an example of both ids; `dropped`: whether they were left
    out.
    """

    dataset: str
    of: str
    side: str
    models: tuple[str, ...]
    count: int
    gallery: int
    copies: int
    example: tuple[str, str] | None
    dropped: bool
    new: bool
    seconds: float
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()


def add_distractors(
    root: str, sources: Sequence[str], wish: Wish, options: EncodeOptions, bar: ProgressBar
) -> Added:
    """Store a data set with distractors. Raises CmrError before anything is visible.

    Sources of vectors are read twice, block by block: once to check them, once to write them.
    """
    clock = time.perf_counter()
    warehouse = Store.open(root)
    base = base_of(warehouse, find_dataset(warehouse, wish.dataset))
    if wish.name is not None:
        check_name("--as", wish.name)
        if wish.name == base.row["dataset"]:
            raise CmrError(
                f"--as {wish.name} is the data set itself, whose runs would not hold any more; "
                "name another"
            )
    kinds = {is_vectors(path) for path in sources}
    if len(kinds) > 1:
        raise CmrError("give sources of vectors or of pictures and captions, not both at once")
    if not kinds.pop():
        from cmr.pipeline.encoded_distractors import encode_distractors

        new, found = encode_distractors(warehouse, base, sources, wish, options, bar)
    else:
        new, found = _of_files(warehouse, base, sources, wish, bar)
    return _stored(warehouse, base, new, found, sources, wish, clock)


def _stored(
    warehouse: Store,
    base: Base,
    new: New,
    found: Found,
    sources: Sequence[str],
    wish: Wish,
    clock: float,
) -> Added:
    if not len(new.ids):
        raise CmrError("no distractor is left: all are copies of relevant items")
    count = distractors_of(base.row)[new.side] + len(new.ids)
    name = wish.name or f"{base.row['dataset'].partition('+')[0]}+{short(count)}"
    check_name("--as", name)
    settings: dict[str, Any] = {"sources": [told_where(path) for path in sources]}
    if wish.drop_copies:
        settings["dropped_copies"] = found.copies
    made = store(warehouse, base, new, name, settings, clock)
    found.finish()
    return Added(
        dataset=name,
        of=base.row["dataset"],
        side=new.side,
        models=tuple(new.settings),
        count=len(new.ids),
        gallery=len(base.ids[new.side]) + len(new.ids),
        copies=found.copies,
        example=found.example,
        dropped=wish.drop_copies,
        new=made,
        seconds=time.perf_counter() - clock,
        rejects=found.rejects,
        notes=found.notes,
    )


def short(count: int) -> str:
    """A count as part of a name: 1m, 250k, 1234; only where nothing is rounded."""
    for size, letter in ((10**9, "b"), (10**6, "m"), (10**3, "k")):
        if count % size == 0:
            return f"{count // size}{letter}"
    return str(count)


def _of_files(
    warehouse: Store, base: Base, sources: Sequence[str], wish: Wish, bar: ProgressBar
) -> tuple[New, Found]:
    """Distractors whose vectors are in files. All are read and checked; nothing is written."""
    side, row = wish.side, base.row
    for option, given in (("--images", wish.images), ("--pretrained", wish.pretrained)):
        if given is not None:
            raise CmrError(f"{option} is for pictures and captions; these are vectors")
    model = find_model(warehouse, row, wish.model)
    stored = {dim: one for (which, dim), one in base.sets[model].items() if which == side}
    files = _files(sources, side, sorted(stored), f"the vectors of {row['dataset']!r} by {model!r}")
    if wish.limit is not None:
        files = {dim: _first(mine, wish.limit) for dim, mine in files.items()}
    largest = max(stored)
    ids = named(files[largest], wish.prefix, distractors_of(row)[side])
    refuse_ids(base, side, ids)
    matrices = {dim: Matrix(dim, mine, ids) for dim, mine in files.items()}
    surveyed: dict[int, Surveyed] = {}
    with bar("checking distractors", len(ids) * len(matrices), "vectors") as advance:
        for dim, matrix in matrices.items():
            known, names = relevant_vectors(warehouse, base, side, stored[dim])
            looked_for = known if dim == largest else known[:0]
            surveyed[dim] = survey(matrix, looked_for, wish.memory, advance)
            if dim == largest:
                relevant = names
    copy_of = surveyed[largest].copy_of
    copies, example = copied(ids, copy_of, relevant)
    keep = copy_of < 0 if wish.drop_copies else np.ones(len(ids), dtype=bool)
    kept = ids.filter(pa.array(keep))

    def written(dim: int) -> Callable[[], Iterator[tuple[int, Floats]]]:
        def blocks() -> Iterator[tuple[int, Floats]]:
            with bar("storing distractors", len(ids), "vectors") as advance:
                yield from again(matrices[dim], surveyed[dim].mark, keep, wish.memory, advance)

        return blocks

    mark = identity(
        vectors={str(dim): one.mark for dim, one in surveyed.items()},
        kept=int(keep.sum()),
        ids=fingerprint_of(base, New(side, kept, {}, {})),
    )
    before = json.loads(next(iter(stored.values()))["settings"]).get("distractors", [])
    new = New(
        side,
        kept,
        {(model, dim): written(dim) for dim in stored},
        {model: {"distractors": [*before, mark]}},
    )
    return new, Found(copies, example)


def _files(
    sources: Sequence[str], side: str, dims: Sequence[int], of: str
) -> dict[int, list[VectorFile]]:
    """The sources' files by dimension. Raises CmrError where one lacks a dimension of the model."""
    found: dict[int, list[VectorFile]] = {dim: [] for dim in dims}
    for path in sources:
        mine = vector_files(path, side)
        for dim in dims:
            if dim not in mine:
                have = ", ".join(map(str, sorted(mine)))
                raise CmrError(
                    f"{path} has vectors of {have} dimensions, and {of} have "
                    f"{', '.join(map(str, dims))}"
                )
            found[dim] += mine[dim]
    rows = {dim: [one.rows for one in mine] for dim, mine in found.items()}
    if len({tuple(one) for one in rows.values()}) > 1:
        raise CmrError(f"{sources[0]}: the {side} arrays differ in rows by dimension: {rows}")
    return found


def _first(files: Sequence[VectorFile], limit: int) -> list[VectorFile]:
    """Only the first rows."""
    found: list[VectorFile] = []
    for one in files:
        left = limit - sum(before.rows for before in found)
        if left > 0:
            found.append(_cut(one, min(left, one.rows)))
    return found


def _cut(one: VectorFile, rows: int) -> VectorFile:
    if rows == one.rows:
        return one

    def blocks(size: int) -> Iterator[Array]:
        left = rows
        for block in one.blocks(size):
            yield block[:left]
            left -= len(block[:left])
            if left <= 0:
                return

    return replace(one, rows=rows, blocks=blocks, ids=None if one.ids is None else one.ids[:rows])
