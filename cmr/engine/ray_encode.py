"""Encoding with Ray Data: decode on CPUs, encode in actors, write Parquet from the workers.

Ray Data keeps both stages busy and bounds what queues between them. Vectors never pass through the
driver, which reads them from the warehouse when everything is done.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from cmr.encode.batches import How, encode_accepted, prepare_media
from cmr.encode.encoder import Media
from cmr.encode.encoder_kinds import get_kind
from cmr.encode.quiet import quiet_decoders
from cmr.encode.sampling import Sampling
from cmr.encode.spec import ModelSpec
from cmr.errors import CmrError
from cmr.progressbar import Advance
from cmr.sources.collection import Item, MediaReader
from cmr.warehouse.encoding_parts import write_encoded
from cmr.warehouse.store import Store

# Pictures per decoding task.
DECODED = 16
Batch = dict[str, Any]
Fault = tuple[str, str]


@dataclass(frozen=True)
class Target:
    """Where workers write: a warehouse's root, and a folder below it. `frames`: store these too."""

    root: str
    folder: str
    frames: bool = False


def encode_visuals(
    ray: Any,
    spec: ModelSpec,
    items: Sequence[tuple[str, Item]],
    reader: MediaReader,
    how: How,
    target: Target,
    advance: Advance,
) -> Iterator[Fault]:
    """Encode pictures or clips, given with their content keys; returns those that do not decode.

    Raises CmrError if the source cannot be read on another machine, or a worker fails repeatedly.
    """
    try:
        pickle.dumps(reader)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise CmrError(f"--engine ray cannot send this source to its workers: {error}") from None
    rows = [{"key": key, "uri": item.uri or ""} for key, item in items]
    gpus = _quiet(ray)
    data = ray.data.from_items(rows).map_batches(
        _Decode,
        fn_constructor_args=(spec, reader, how.sampling),
        batch_size=DECODED,
        num_cpus=_share(ray),
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=max(1, _cpus(ray) - 1)),
    )
    data = data.map_batches(
        _EncodeVisuals,
        fn_constructor_args=(spec, how, target, gpus),
        batch_size=how.batch_size,
        **_actors(ray, gpus),
    )
    yield from _faults(ray, data, advance)


def encode_texts(
    ray: Any,
    spec: ModelSpec,
    items: Sequence[tuple[str, Item]],
    batch_size: int,
    target: Target,
    advance: Advance,
) -> None:
    """Encode captions, given with their content keys."""
    gpus = _quiet(ray)
    rows = [{"key": key, "text": spec.prompted(item.text or "")} for key, item in items]
    data = ray.data.from_items(rows).map_batches(
        _EncodeTexts,
        fn_constructor_args=(spec, target, gpus),
        batch_size=batch_size,
        **_actors(ray, gpus),
    )
    for _ in _faults(ray, data, advance):
        pass


def _quiet(ray: Any) -> int:
    """GPUs per encoding actor. Also turns off Ray Data's own bars and log lines."""
    import ray.data as ray_data

    ray_data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return 1 if ray.cluster_resources().get("GPU") else 0


def _cpus(ray: Any) -> int:
    return int(ray.cluster_resources().get("CPU", 1))


def _actors(ray: Any, gpus: int) -> dict[str, Any]:
    """One actor per GPU; without GPUs, one that leaves the other cores to decoding."""
    if gpus:
        size = int(ray.cluster_resources()["GPU"])
        return {"num_gpus": 1, "compute": ray.data.ActorPoolStrategy(size=size)}
    size = max(1, _cpus(ray) // 2)
    return {"num_cpus": _share(ray), "compute": ray.data.ActorPoolStrategy(size=size)}


def _share(ray: Any) -> float:
    """CPUs of an actor: a machine with a single CPU must fit one actor of each kind."""
    return 1.0 if _cpus(ray) > 1 else 0.5


def _faults(ray: Any, data: Any, advance: Advance) -> Iterator[Fault]:
    """Run it; every row that comes back is an item that is done or has failed."""
    try:
        for row in data.iter_rows():
            advance(1)
            if row["fault"]:
                yield row["key"], row["fault"]
    except ray.exceptions.RayError as error:
        cause: BaseException = getattr(error, "cause", None) or error
        said = [line.strip() for line in str(cause).splitlines() if line.strip()]
        raise CmrError(f"encoding on Ray failed: {said[-1] if said else cause!r}") from None


class _Decode:
    """Turn pictures or clips into the model's inputs, as bytes of float32."""

    def __init__(self, spec: ModelSpec, reader: MediaReader, sampling: Sampling | None) -> None:
        torch.set_num_threads(1)
        self._encoder = get_kind(spec.kind).load(spec, "cpu")
        self._reader, self._sampling = reader, sampling

    def __call__(self, batch: Batch) -> Batch:
        with quiet_decoders():
            found = [
                prepare_media(self._encoder, self._reader, Item("", uri=str(uri)), self._sampling)
                for uri in batch["uri"]
            ]
        return {
            "key": batch["key"],
            "media": np.array(
                [b"" if isinstance(one, str) else pickle.dumps(one) for one in found], object
            ),
            "fault": np.array([one if isinstance(one, str) else "" for one in found], object),
        }


class _EncodeVisuals:
    """Encode inputs and write their vectors."""

    def __init__(self, spec: ModelSpec, how: How, target: Target, gpus: int) -> None:
        self._encoder = get_kind(spec.kind).load(spec, "cuda" if gpus else "cpu")
        self._how, self._target = how, target

    def __call__(self, batch: Batch) -> Batch:
        faults = [str(fault) for fault in batch["fault"]]
        good = [at for at, fault in enumerate(faults) if not fault]
        if good:
            # Safe to unpickle: our own workers pickled these.
            media: list[Media] = [pickle.loads(batch["media"][at]) for at in good]
            found = encode_accepted(self._encoder, media, self._how)
            for place, reason in found.refused.items():
                faults[good[place]] = reason
            taken = [(at, one) for at, one in zip(good, media, strict=True) if not faults[at]]
            rows = [
                (str(batch["key"][at]), vector, one.duration, kept if self._target.frames else None)
                for (at, one), vector, kept in zip(taken, found.vectors, found.frames, strict=True)
            ]
            if rows:
                write_encoded(Store.open(self._target.root), self._target.folder, rows)
        return {"key": batch["key"], "fault": np.array(faults, object)}


class _EncodeTexts:
    """Encode captions and write their vectors."""

    def __init__(self, spec: ModelSpec, target: Target, gpus: int) -> None:
        self._encoder = get_kind(spec.kind).load(spec, "cuda" if gpus else "cpu")
        self._target = target

    def __call__(self, batch: Batch) -> Batch:
        vectors = self._encoder.encode_texts([str(text) for text in batch["text"]])
        keys = [str(key) for key in batch["key"]]
        rows = [(key, vector, None, None) for key, vector in zip(keys, vectors, strict=True)]
        write_encoded(Store.open(self._target.root), self._target.folder, rows)
        return {"key": batch["key"], "fault": np.array([""] * len(keys), object)}
