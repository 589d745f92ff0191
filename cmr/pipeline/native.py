"""A data set's native vectors: found if stored, else written, with the data set's row last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from cmr.errors import CmrError
from cmr.pipeline.datasets import find_same, ids, note_source, refuse_other_data, write_dataset
from cmr.pipeline.embedding_sets import EmbeddingSet, ensure_set
from cmr.pipeline.known_vectors import NOTES, deciding
from cmr.precision import FP32
from cmr.represent.dim_methods import NATIVE
from cmr.represent.precisions import encode
from cmr.represent.unit_vectors import Floats
from cmr.rows import Row
from cmr.sources.collection import Collection
from cmr.warehouse.claims import of_dataset
from cmr.warehouse.current import current_sets
from cmr.warehouse.layout import MARKER
from cmr.warehouse.schemas import EMBEDDING_SETS
from cmr.warehouse.storage import Storage
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import in_groups
from cmr.warehouse.verified import is_sound

Key = tuple[str, int]


@dataclass(frozen=True)
class Native:
    """Unit vectors of one side, (n, dim), and the settings that determine them.

    `notes`: what else is recorded. `frames`: tables of the clips' frame vectors, to be stored.
    """

    vectors: Floats
    settings: Mapping[str, Any]
    notes: Mapping[str, Any] = field(default_factory=dict)
    frames: Iterable[pa.Table] | None = None


def store(
    warehouse: Store,
    dataset: str,
    model: str,
    collection: Collection,
    data_hash: str,
    native: Mapping[Key, Native],
    clock: float,
    may_grow: bool,
) -> bool:
    """Write what is missing, the data set's row last; returns whether anything was missing."""
    with warehouse.claim(of_dataset(dataset)):
        found = find_same(warehouse, dataset, data_hash)
        if found is None:
            refuse_other_data(warehouse, dataset, collection, data_hash, may_grow)
        deciders = {key: one.settings for key, one in native.items()}
        refuse_other_vectors(warehouse, dataset, model, deciders)
        before = len(warehouse.catalogue(EMBEDDING_SETS))
        for (side, dim), one in native.items():
            names = ids(collection, side)
            keys = {
                "dataset": dataset,
                "model": model,
                "modality": side,
                "dim": dim,
                "dim_method": NATIVE,
                "precision": FP32,
            }
            blocks = [(0, encode(one.vectors, FP32))]
            settings, notes = {**one.settings, "dataset": data_hash}, {}
            if one.notes:
                notes[NOTES] = dict(one.notes)
            ensure_set(
                warehouse,
                EmbeddingSet(keys, settings, data_hash, len(one.vectors), notes=notes),
                lambda names=names, blocks=blocks: in_groups(names, blocks),  # type: ignore[misc]
                frames=one.frames,
                check=True,
            )
        if found is None:
            write_dataset(warehouse, dataset, collection, data_hash, clock)
        else:
            note_source(warehouse, found, collection)
        return found is None or len(warehouse.catalogue(EMBEDDING_SETS)) > before


def refuse_other_vectors(
    warehouse: Store, dataset: str, model: str, native: Mapping[Key, Mapping[str, Any]]
) -> None:
    """Raise CmrError if a model's stored vectors of a data set are others.

    `native`: by side and dimension, the settings that determine the vectors.
    """
    for row in warehouse.catalogue(EMBEDDING_SETS):
        key = (row["modality"], row["dim"])
        if (row["dataset"], row["model"], row["dim_method"]) != (dataset, model, NATIVE):
            continue
        if row["precision"] != FP32 or key not in native:
            continue
        old, new = deciding(row["settings"]), dict(native[key])
        if old != new:
            names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
            # Imported vectors have no settings other than their own hash.
            how = "" if names == ["vectors"] else f", made with another {', '.join(names)}"
            raise CmrError(
                f"the warehouse has other vectors of {dataset!r} by the model {model!r}{how}; "
                "choose another --model-name"
            )


def stored_already(
    root: str,
    dataset: str,
    data_hash: str,
    model: str,
    settings: Mapping[str, Mapping[str, Any]],
) -> tuple[Row, list[int]] | None:
    """The data set's row and stored dimensions, if exactly this data was encoded this way."""
    if not Storage(root).exists(MARKER):
        return None
    warehouse = Store.open(root)
    found = find_same(warehouse, dataset, data_hash)
    if found is None:
        return None
    sides: dict[int, set[str]] = {}
    for row in current_sets(warehouse):
        if (row["dataset"], row["model"]) == (dataset, model) and row["parent"] is None:
            stored = {**deciding(row["settings"]), "dataset": _data(row)}
            same = stored == {**settings[row["modality"]], "dataset": data_hash}
            if same and is_sound(warehouse.storage, row):
                sides.setdefault(row["dim"], set()).add(row["modality"])
    dims = sorted(dim for dim, both in sides.items() if both == set(settings))
    return (found, dims) if dims else None


def _data(row: Row) -> str | None:
    found: str | None = json.loads(row["settings"]).get("dataset")
    return found
