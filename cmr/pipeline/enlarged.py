"""A data set of another's items and judgments, and distractors: gallery items without judgments.

It is a data set of its own, under its own name: the one it is made from, and every run on it, stay
as they are. Distractors come after the other items of their side.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cmr.errors import CmrError
from cmr.identity import identity
from cmr.pipeline.embedding_sets import EmbeddingSet, ensure_set
from cmr.pipeline.judged_data import item_ids
from cmr.pipeline.known_vectors import NOTES, deciding
from cmr.pipeline.native import refuse_other_vectors
from cmr.precision import FP32
from cmr.represent.dim_methods import NATIVE
from cmr.represent.precisions import encode
from cmr.represent.unit_vectors import Floats
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.claims import of_dataset
from cmr.warehouse.current import current_sets
from cmr.warehouse.distractors import distractors_of
from cmr.warehouse.layout import partition
from cmr.warehouse.schemas import ATTRIBUTES, DATASETS, EMBEDDING_SETS, ITEMS, QRELS, REJECTS
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import StoredVectors, group_rows, in_groups
from cmr.warehouse.verified import is_sound

# What the column `split` of items says of a distractor.
SPLIT = "distractors"
# Rows of a table of items that are written at a time.
ROWS = 65_536
SIDES = (TEXT, VISUAL)


@dataclass(frozen=True)
class Base:
    """The data set that distractors are added to.

    `ids`: by side. `sets`: by model, the rows of its native sets by side and dimension.
    """

    row: Row
    ids: dict[str, pa.Array]
    sets: dict[str, dict[tuple[str, int], Row]]


@dataclass(frozen=True)
class New:
    """The distractors of one side: ids, and columns of `items` that are known of them.

    `vectors`: by model and dimension, what makes blocks of unit vectors (n, dim), in order, with
    the first one's place. `settings`: by model, what determines these vectors.
    """

    side: str
    ids: pa.Array
    vectors: Mapping[tuple[str, int], Callable[[], Iterator[tuple[int, Floats]]]]
    settings: Mapping[str, Mapping[str, Any]]
    columns: Mapping[str, pa.Array] = field(default_factory=dict)
    rejects: pa.Table | None = None


def base_of(warehouse: Store, row: Row) -> Base:
    """A data set and its native vectors. Raises CmrError if it has none, or was replaced."""
    sets: dict[str, dict[tuple[str, int], Row]] = {}
    for one in current_sets(warehouse):
        if (one["dataset"], one["dim_method"], one["precision"]) != (row["dataset"], NATIVE, FP32):
            continue
        sets.setdefault(one["model"], {})[one["modality"], one["dim"]] = one
    if not sets:
        raise CmrError(f"{row['dataset']!r} has no vectors; ingest it with a model first")
    return Base(row, {side: item_ids(warehouse, row, side) for side in SIDES}, sets)


def relevant_vectors(
    warehouse: Store, base: Base, side: str, stored: Row
) -> tuple[Floats, pa.Array]:
    """The unit vectors (n, d) of a side's items that have a judgment, and their ids."""
    judged = pc.unique(warehouse.read(base.row, QRELS)[f"{side}_id"])
    mask = pc.is_in(base.ids[side], value_set=judged)
    wanted = np.asarray(mask.to_numpy(zero_copy_only=False), dtype=bool)
    found = [np.empty((0, stored["dim"]), dtype=np.float32)]
    vectors = StoredVectors(warehouse, stored)
    for first, block in vectors.blocks(group_rows(vectors.dim, vectors.precision)):
        floats = np.asarray(block.data, dtype=np.float32)
        found.append(floats[wanted[first : first + len(floats)]])
    return np.concatenate(found), base.ids[side].filter(mask)


def refuse_ids(base: Base, side: str, ids: pa.Array) -> None:
    """Raise CmrError for an id that the data set has on this side, or that occurs twice."""
    there = ids.filter(pc.is_in(ids, value_set=base.ids[side]))
    if len(there):
        more = "" if len(there) == 1 else f" ({len(there):,} such ids)"
        raise CmrError(
            f"{base.row['dataset']!r} has a {side} with the id {there[0].as_py()!r} already{more}; "
            "give --id-prefix"
        )
    counts = pc.value_counts(ids)
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        raise CmrError(
            f"two distractors have the id {twice.field('values')[0].as_py()!r}"
            + ("" if len(twice) == 1 else f" ({len(twice):,} ids occur more than once)")
        )


def fingerprint_of(base: Base, new: New) -> str:
    """The hash of the enlarged data set's items and judgments."""
    digest = hashlib.sha256()
    for column in (new.ids, *(new.columns[name] for name in sorted(new.columns))):
        for at in range(0, len(column), ROWS):
            digest.update(json.dumps(column[at : at + ROWS].to_pylist()).encode())
    return identity(of=base.row["fingerprint"], side=new.side, distractors=digest.hexdigest())


def store(
    warehouse: Store, base: Base, new: New, name: str, settings: Mapping[str, Any], clock: float
) -> bool:
    """Write what is missing of the enlarged data set, its row last; whether anything was missing.

    `settings`: recorded beside what it is made of. Raises CmrError if the name stands for other
    data, or the model for other vectors; nothing is visible then.
    """
    mark = fingerprint_of(base, new)
    with warehouse.claim(of_dataset(name)):
        found = warehouse.find(DATASETS, name)
        if found is not None and found["fingerprint"] != mark:
            raise CmrError(
                f"the warehouse has other data under the name {name!r}; choose another --as name"
            )
        for model in new.settings:
            deciders = {
                key: _settings(new, model, key[0], row) for key, row in base.sets[model].items()
            }
            refuse_other_vectors(warehouse, name, model, deciders)
        before = len(warehouse.catalogue(EMBEDDING_SETS))
        for model in new.settings:
            for (side, dim), row in base.sets[model].items():
                _write_set(warehouse, base, new, name, mark, model, (side, dim), row)
        whole = found is not None and is_sound(warehouse.storage, found)
        if not whole:
            _write_tables(warehouse, base, new, name, mark, settings, clock)
        return not whole or len(warehouse.catalogue(EMBEDDING_SETS)) > before


def _settings(new: New, model: str, side: str, row: Row) -> dict[str, Any]:
    """What determines one side's vectors: as of the base, and on the enlarged side of the new."""
    return {**deciding(row["settings"]), **(new.settings[model] if side == new.side else {})}


def _write_set(
    warehouse: Store,
    base: Base,
    new: New,
    name: str,
    mark: str,
    model: str,
    key: tuple[str, int],
    row: Row,
) -> None:
    side, dim = key
    notes = json.loads(row["settings"]).get(NOTES)
    ids = base.ids[side]

    def tables() -> Iterator[pa.Table]:
        stored = StoredVectors(warehouse, row)
        yield from in_groups(ids, stored.blocks(group_rows(dim, FP32)))
        if side == new.side:
            for first, block in new.vectors[model, dim]():
                own = new.ids[first : first + len(block)]
                yield from in_groups(own, [(len(ids) + first, encode(block, FP32))])

    ensure_set(
        warehouse,
        EmbeddingSet(
            {
                "dataset": name, "model": model, "modality": side, "dim": dim,
                "dim_method": NATIVE, "precision": FP32,
            },
            {**_settings(new, model, side, row), "dataset": mark},
            mark,
            int(row["rows"]) + (len(new.ids) if side == new.side else 0),
            notes={} if notes is None else {NOTES: notes},
        ),
        tables,
        check=True,
    )  # fmt: skip


def _write_tables(
    warehouse: Store,
    base: Base,
    new: New,
    name: str,
    mark: str,
    settings: Mapping[str, Any],
    clock: float,
) -> None:
    row, files = base.row, []
    rejects = warehouse.read(row, REJECTS)
    if new.rejects is not None:
        rejects = pa.concat_tables([rejects, new.rejects])
    for table, keys, data in (
        *((ITEMS, {"modality": side}, _items(warehouse, base, new, side)) for side in SIDES),
        (QRELS, {}, [warehouse.read(row, QRELS)]),
        (REJECTS, {}, [rejects]),
        *((ATTRIBUTES, {"modality": side}, _said(warehouse, row, side)) for side in SIDES),
    ):
        where = {"dataset": name, **keys}
        warehouse.sweep(partition(table.name, where), lambda: _named(warehouse))
        if data:
            files.append(warehouse.write(table, where, data))
    counts = {side: len(base.ids[side]) for side in SIDES}
    counts[new.side] += len(new.ids)
    distractors = dict(distractors_of(row))
    distractors[new.side] += len(new.ids)
    made = {"of": row["dataset"], "of_fingerprint": row["fingerprint"], "distractors": distractors}
    warehouse.commit(
        DATASETS,
        name,
        {
            **row,
            "dataset": name,
            "fingerprint": mark,
            "source": "distractors",
            "settings": json.dumps({**settings, **made}, sort_keys=True),
            "texts": counts[TEXT],
            "visuals": counts[VISUAL],
            "rejects": rejects.num_rows,
            "files": files,
            "created_at": datetime.now(UTC),
            "seconds": time.perf_counter() - clock,
        },
    )


def _items(warehouse: Store, base: Base, new: New, side: str) -> Iterator[pa.Table]:
    """The items of a side by ordinal, the distractors last."""
    mine = [name for name in base.row["files"] if f"/modality={side}/" in name]
    yield warehouse.read(base.row, ITEMS, mine).sort_by("ordinal")
    if side != new.side:
        return
    first = len(base.ids[side])
    for at in range(0, len(new.ids), ROWS):
        ids = new.ids[at : at + ROWS]
        known = {
            "item_id": ids,
            "ordinal": pa.array(np.arange(first + at, first + at + len(ids))),
            "split": pa.array([SPLIT] * len(ids)),
            **{name: column[at : at + ROWS] for name, column in new.columns.items()},
        }
        columns = [
            known[one.name].cast(one.type) if one.name in known else pa.nulls(len(ids), one.type)
            for one in ITEMS.schema
        ]
        yield pa.Table.from_arrays(columns, schema=ITEMS.schema)


def _said(warehouse: Store, row: Row, side: str) -> Sequence[pa.Table]:
    """A side's attributes, if there are any."""
    start = f"{ATTRIBUTES.name}/"
    mine = [name for name in row["files"] if name.startswith(start) and f"={side}/" in name]
    return [warehouse.read(row, ATTRIBUTES, mine)] if mine else []


def _named(warehouse: Store) -> list[str]:
    return [name for one in warehouse.catalogue(DATASETS) for name in one["files"]]
