"""Ingest: from a collection to items, judgments and native vectors in the warehouse."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cmr.encode.spec import ModelSpec
from cmr.identity import array_hash, identity
from cmr.pipeline.contents import hash_contents, same_contents, sound_texts, without, without_bare
from cmr.pipeline.datasets import fingerprint, ids, note_source
from cmr.pipeline.encoding import EncodeOptions, encode_new, side_settings
from cmr.pipeline.known_vectors import Encoding
from cmr.pipeline.native import Native, store, stored_already
from cmr.progressbar import ProgressBar
from cmr.represent.unit_vectors import normalise
from cmr.sources.collection import TEXT, VISUAL, Collection, Reject, check, check_max_rejects
from cmr.warehouse.layout import check_name
from cmr.warehouse.schemas import REJECTS
from cmr.warehouse.store import Store


@dataclass(frozen=True)
class Ingested:
    """What an ingest found or made; `new` tells which.

    `encoded`: how many visuals and texts went through the model. `cut`: captions longer than the
    model's `context_length` tokens. `notes`: what the source decided, in sentences.
    """

    dataset: str
    model: str
    dims: list[int]
    texts: int
    visuals: int
    judgments: int
    rejects: list[Reject]
    new: bool
    seconds: float
    encoded: tuple[int, int] | None = None
    cut: int = 0
    context_length: int | None = None
    notes: tuple[str, ...] = ()


def ingest_vectors(root: str, dataset: str, model: str, collection: Collection) -> Ingested:
    """Store vectors that the source provides. Raises CmrError before anything is written."""
    clock = time.perf_counter()
    check_name("dataset", dataset)
    check_name("model", model)
    check(collection)
    native = {}
    for (side, dim), array in collection.vectors.items():
        names = ids(collection, side)
        unit = normalise(array, names, f"{side} item")
        native[side, dim] = Native(unit, {"vectors": array_hash(array)})
    data_hash = fingerprint(collection)
    warehouse = Store.create(root)
    new = store(warehouse, dataset, model, collection, data_hash, native, clock, may_grow=False)
    return _result(dataset, model, collection, sorted({d for _, d in native}), new, clock)


def ingest_media(
    root: str,
    dataset: str,
    spec: ModelSpec,
    collection: Collection,
    options: EncodeOptions,
    bar: ProgressBar,
    changed: Callable[[Collection], Collection] | None = None,
) -> Ingested:
    """Encode pictures and captions and store both. Raises CmrError before anything is written.

    `changed`: makes of the collection what is encoded, once pictures of one content are one visual.
    """
    from cmr.encode.batches import refuse_rejects

    clock = time.perf_counter()
    check_max_rejects(options.max_rejects)
    check_name("dataset", dataset)
    check_name("model", spec.name)
    collection = sound_texts(collection)
    lost = list(collection.lost)
    total = len(collection.visuals) + len(lost)
    allowed = int(total * options.max_rejects)
    refuse_rejects(lost, total, allowed)
    check(collection)
    collection, missing = hash_contents(collection, options.workers, bar)
    collection, bare = without_bare(same_contents(collection))
    if changed is not None:
        collection = changed(collection)
    data_hash = fingerprint(collection)
    settings = side_settings(spec, collection, options)
    done = stored_already(root, dataset, data_hash, spec.name, settings)
    if done is not None and not options.keep_frames:
        _note_source(root, done[0], collection)
        stored = _found(root, spec.name, *done, time.perf_counter() - clock)
        return replace(stored, notes=tuple(collection.notes))
    missing = [*lost, *missing, *bare]
    refuse_rejects(missing, total, allowed)
    keep = {TEXT: False, VISUAL: options.keep_frames and collection.clips}
    sides = {side: Encoding(root, settings[side], side, keep[side]) for side in (TEXT, VISUAL)}
    known = {side: len(one.known) for side, one in sides.items()}
    found = encode_new(collection, sides, spec, options, allowed - len(missing), bar)
    refuse_rejects([*missing, *found.rejects], total, allowed)
    bad = {reject.source_row for reject in found.rejects}
    kept = [
        replace(item, duration=sides[VISUAL].duration(item))
        for item in collection.visuals
        if (item.uri or item.item_id) not in bad
    ]
    collection = without(collection, [*missing, *found.rejects], kept)
    native = _native(collection, sides)
    warehouse = Store.create(root)
    new = store(warehouse, dataset, spec.name, collection, data_hash, native, clock, may_grow=True)
    for side in sides.values():
        side.forget()
    result = _result(dataset, spec.name, collection, [dim for _, dim in native][:1], new, clock)
    fresh = {side: len(one.known) - known[side] for side, one in sides.items()}
    return replace(
        result,
        encoded=(fresh[VISUAL], fresh[TEXT]),
        cut=found.cut,
        context_length=sides[TEXT].notes.get("context_length"),
    )


def _native(collection: Collection, sides: dict[str, Encoding]) -> dict[tuple[str, int], Native]:
    """The native vectors of both sides, of unit length."""
    native = {}
    for side, items in ((TEXT, collection.texts), (VISUAL, collection.visuals)):
        one = sides[side]
        vectors = one.vectors(items)
        what = "text" if side == TEXT else "clip" if collection.clips else "picture"
        unit = normalise(vectors, ids(collection, side), what)
        frames = one.frame_tables(items) if one.keep_frames else None
        native[side, vectors.shape[1]] = Native(unit, one.settings, one.notes, frames)
    return native


def _note_source(root: str, row: dict[str, Any], collection: Collection) -> None:
    warehouse = Store.open(root)
    if warehouse.writable():
        with warehouse.claim(identity(dataset=row["dataset"])):
            note_source(warehouse, row, collection)


def _found(root: str, model: str, row: dict[str, Any], dims: list[int], seconds: float) -> Ingested:
    """What is stored already."""
    rejects = Store.open(root).read(row, REJECTS).to_pylist()
    return Ingested(
        row["dataset"],
        model,
        dims,
        row["texts"],
        row["visuals"],
        row["judgments"],
        [Reject(one["source_row"], one["reason"]) for one in rejects],
        new=False,
        seconds=seconds,
    )


def _result(
    dataset: str, model: str, collection: Collection, dims: list[int], new: bool, clock: float
) -> Ingested:
    return Ingested(
        dataset,
        model,
        dims,
        len(collection.texts),
        len(collection.visuals),
        len(collection.judgments),
        list(collection.rejects),
        new,
        time.perf_counter() - clock,
        notes=tuple(collection.notes),
    )
