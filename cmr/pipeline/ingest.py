"""Ingest: from a collection to items, judgments and native vectors in the warehouse."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy.typing as npt

from cmr.encode.models import ModelSpec
from cmr.errors import CmrError
from cmr.identity import array_hash, identity
from cmr.pipeline.contents import hash_contents, without
from cmr.pipeline.datasets import fingerprint, ids, same_dataset, write_dataset
from cmr.pipeline.encoded import Encoding, content_key
from cmr.pipeline.sets import ensure_set
from cmr.represent.precisions import encode
from cmr.represent.vectors import Floats, normalise
from cmr.sources.collection import TEXT, VISUAL, Collection, Reject, check
from cmr.warehouse.layout import MARKER, check_name
from cmr.warehouse.schemas import EMBEDDING_SETS, REJECTS
from cmr.warehouse.storage import Storage
from cmr.warehouse.store import Warehouse
from cmr.warehouse.vectors import in_groups

# (description, total, unit) -> a context manager that gives `advance(count)`.
ProgressBar = Callable[[str, int, str], Any]
Vectors = Mapping[tuple[str, int], npt.NDArray[Any]]


@dataclass(frozen=True)
class EncodeOptions:
    """How media are encoded. `max_rejects`: share of the visuals that may be left out.

    `frames`, `sampling`: of clips, see `cmr.encode.video`.
    """

    device: str = "auto"
    batch_size: int = 64
    workers: int = os.cpu_count() or 1
    max_rejects: float = 0.01
    frames: int = 12
    sampling: str = "uniform"

    def of_clips(self) -> dict[str, str]:
        """What of this decides a clip's vector."""
        return {
            "frames": "1" if self.sampling == "middle" else str(self.frames),
            "sampling": self.sampling,
            "pooling": "mean of unit vectors",
            "av": version("av"),
        }


@dataclass(frozen=True)
class Ingested:
    """What an ingest found or made; `new` tells which."""

    dataset: str
    model: str
    dims: list[int]
    texts: int
    visuals: int
    judgments: int
    rejects: list[Reject]
    new: bool
    seconds: float


def ingest_vectors(root: str, dataset: str, model: str, collection: Collection) -> Ingested:
    """Store vectors that a source gives itself. Raises CmrError before anything is written."""
    clock = time.perf_counter()
    check_name("dataset", dataset)
    check_name("model", model)
    check(collection)
    prints = {f"{side}_{dim}": array_hash(a) for (side, dim), a in collection.vectors.items()}
    settings = {key: {"vectors": prints[f"{key[0]}_{key[1]}"]} for key in collection.vectors}
    names = {side: ids(collection, side) for side in (TEXT, VISUAL)}
    unit = {
        (side, dim): normalise(array, names[side], f"{side} item")
        for (side, dim), array in collection.vectors.items()
    }
    data_hash = fingerprint(collection)
    warehouse = Warehouse.create(root)
    new = _store(warehouse, dataset, model, collection, data_hash, unit, settings, clock)
    return _result(dataset, model, collection, sorted({d for _, d in unit}), new, clock)


def ingest_media(
    root: str,
    dataset: str,
    spec: ModelSpec,
    collection: Collection,
    options: EncodeOptions,
    bar: ProgressBar,
) -> Ingested:
    """Encode pictures and captions and store both. Raises CmrError before anything is written."""
    clock = time.perf_counter()
    check_name("dataset", dataset)
    check_name("model", spec.name)
    check(collection)
    total = len(collection.visuals)
    allowed = int(total * options.max_rejects)
    collection, missing = hash_contents(collection, options.workers, bar)
    data_hash = fingerprint(collection)
    settings = spec.settings() | (options.of_clips() if collection.clips else {})
    done = _already(root, dataset, data_hash, spec.name, settings)
    if done is not None:
        return replace(done, seconds=time.perf_counter() - clock)
    from cmr.encode.batches import refuse_rejects

    refuse_rejects(missing, total, allowed)
    sides = {side: Encoding(root, settings, side) for side in (TEXT, VISUAL)}
    rejects = _encode(collection, sides, spec, options, allowed - len(missing), bar)
    refuse_rejects([*missing, *rejects], total, allowed)
    bad = {reject.source_row for reject in rejects}
    kept = [
        replace(item, duration=sides[VISUAL].duration(item))
        for item in collection.visuals
        if (item.uri or item.item_id) not in bad
    ]
    collection = without(collection, [*missing, *rejects], kept)
    texts = sides[TEXT].vectors(collection.texts)
    images = sides[VISUAL].vectors(collection.visuals)
    dim = texts.shape[1]
    unit = {
        (TEXT, dim): normalise(texts, ids(collection, TEXT), "text"),
        (VISUAL, dim): normalise(images, ids(collection, VISUAL), "picture"),
    }
    warehouse = Warehouse.create(root)
    known: dict[tuple[str, int], Mapping[str, Any]] = dict.fromkeys(unit, settings)
    new = _store(warehouse, dataset, spec.name, collection, data_hash, unit, known, clock)
    for side in sides.values():
        side.forget()
    return _result(dataset, spec.name, collection, [dim], new, clock)


def _encode(
    collection: Collection,
    sides: Mapping[str, Encoding],
    spec: ModelSpec,
    options: EncodeOptions,
    allowed: int,
    bar: ProgressBar,
) -> list[Reject]:
    """Encode what is not known yet; returns the visuals whose content does not decode."""
    visuals = sides[VISUAL].lacking(collection.visuals)
    texts = sides[TEXT].lacking(collection.texts)
    if not visuals and not texts:
        return []
    from cmr.devices import pick_device
    from cmr.encode.batches import encode_images, encode_texts
    from cmr.encode.openclip import Encoder

    encoder = Encoder(spec, pick_device(options.device))
    faults: dict[str, str] = {}
    if visuals:
        assert collection.reader is not None
        what = "clips" if collection.clips else "pictures"
        with bar(what, len(visuals), what) as advance:
            images = encode_images(
                encoder,
                visuals,
                collection.reader,
                options.batch_size,
                options.workers,
                allowed,
                advance,
                (options.frames, options.sampling) if collection.clips else None,
                sides[VISUAL].add,
            )
        reasons = {reject.source_row: reject.reason for reject in images.rejects}
        for item in visuals:
            if (item.uri or item.item_id) in reasons:
                faults[content_key(item)] = reasons[item.uri or item.item_id]
    left = [item for item in collection.visuals if content_key(item) not in faults]
    texts = sides[TEXT].lacking(without(collection, [], left).texts)
    with bar("captions", len(texts), "captions") as advance:
        for at in range(0, len(texts), options.batch_size):
            batch = texts[at : at + options.batch_size]
            captions = [item.text or "" for item in batch]
            sides[TEXT].add(batch, encode_texts(encoder, captions, options.batch_size))
            advance(len(batch))
    return [
        Reject(item.uri or item.item_id, faults[content_key(item)])
        for item in collection.visuals
        if content_key(item) in faults
    ]


def _store(
    warehouse: Warehouse,
    dataset: str,
    model: str,
    collection: Collection,
    data_hash: str,
    unit: Mapping[tuple[str, int], Floats],
    settings: Mapping[tuple[str, int], Mapping[str, Any]],
    clock: float,
) -> bool:
    """Write what is missing, the data set's catalogue row last; tells whether anything was."""
    with warehouse.claim(identity(dataset=dataset)):
        found = same_dataset(warehouse, dataset, data_hash)
        _refuse_other_vectors(warehouse, dataset, model, settings)
        before = len(warehouse.catalogue(EMBEDDING_SETS))
        for (side, dim), vectors in unit.items():
            names = ids(collection, side)
            keys = {
                "dataset": dataset,
                "model": model,
                "modality": side,
                "dim": dim,
                "dim_method": "native",
                "precision": "fp32",
            }
            blocks = [(0, encode(vectors, "fp32"))]
            ensure_set(
                warehouse,
                keys,
                {**settings[side, dim], "dataset": data_hash},
                len(vectors),
                lambda names=names, blocks=blocks: in_groups(names, blocks),  # type: ignore[misc]
            )
        if found is None:
            write_dataset(warehouse, dataset, collection, data_hash, clock)
        return found is None or len(warehouse.catalogue(EMBEDDING_SETS)) > before


def _refuse_other_vectors(
    warehouse: Warehouse,
    dataset: str,
    model: str,
    settings: Mapping[tuple[str, int], Mapping[str, Any]],
) -> None:
    for row in warehouse.catalogue(EMBEDDING_SETS):
        key = (row["modality"], row["dim"])
        if (row["dataset"], row["model"], row["dim_method"]) != (dataset, model, "native"):
            continue
        stored = json.loads(row["settings"])
        stored.pop("dataset", None)
        if row["precision"] == "fp32" and key in settings and stored != dict(settings[key]):
            raise CmrError(
                f"the warehouse has other vectors of {dataset!r} by the model {model!r}; "
                "choose another --model-name"
            )


def _already(
    root: str, dataset: str, data_hash: str, model: str, settings: Mapping[str, Any]
) -> Ingested | None:
    """What is stored already, if this very data was encoded with this very model."""
    if not Storage(root).exists(MARKER):
        return None
    warehouse = Warehouse.open(root)
    found = same_dataset(warehouse, dataset, data_hash)
    if found is None:
        return None
    wanted = {**settings, "dataset": data_hash}
    dims = {
        row["dim"]
        for row in warehouse.catalogue(EMBEDDING_SETS)
        if (row["dataset"], row["model"]) == (dataset, model)
        and row["parent"] is None
        and json.loads(row["settings"]) == wanted
    }
    if not dims:
        return None
    rejects = warehouse.read(found["files"], REJECTS).to_pylist()
    return Ingested(
        dataset,
        model,
        sorted(dims),
        found["texts"],
        found["visuals"],
        found["judgments"],
        [Reject(row["source_row"], row["reason"]) for row in rejects],
        new=False,
        seconds=0.0,
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
    )
