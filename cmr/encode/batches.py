"""Run a collection through an encoder: decoding in threads ahead of the model."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch

from cmr.encode.decode import decode
from cmr.encode.openclip import Encoder, Floats
from cmr.encode.video import read_clip
from cmr.errors import CmrError
from cmr.sources.collection import Item, MediaReader, Reject

Advance = Callable[[int], None]
Done = Callable[[Sequence[Item], Floats], None]
# Batches decoded ahead of the model.
AHEAD = 3


Frames = list[torch.Tensor]
# Frames and a clip's length in seconds, or why there are none.
Prepared = tuple[Frames, float | None] | str


@dataclass(frozen=True)
class EncodedImages:
    """`vectors` (n, dim) of the items that decoded, in order; the rest are `rejects`."""

    items: list[Item]
    vectors: Floats
    rejects: list[Reject]


def encode_images(
    encoder: Encoder,
    items: Sequence[Item],
    reader: MediaReader,
    batch_size: int,
    workers: int,
    max_rejects: int,
    advance: Advance = lambda count: None,
    sampling: tuple[int, str] | None = None,
    done: Done = lambda items, vectors: None,
) -> EncodedImages:
    """Decode and encode pictures or, with `sampling`, clips: how many frames, and which.

    A clip's vector is the mean of its frames' unit vectors (CLIP4Clip, Luo et al. 2021, section
    3.3, the parameter-free head). `done` is told of every batch. Raises CmrError once more than
    `max_rejects` failed.
    """
    kept: list[Item] = []
    rejects: list[Reject] = []
    parts: list[Floats] = []
    batch: list[Frames] = []
    with ThreadPoolExecutor(workers) as pool:
        work = _in_order(
            pool,
            items,
            lambda item: _prepare(encoder, reader, item, sampling),
            batch_size * AHEAD // (sampling[0] if sampling else 1) + AHEAD,
        )
        for item, prepared in work:
            if isinstance(prepared, str):
                rejects.append(Reject(item.uri or item.item_id, prepared))
                refuse_rejects(rejects, len(items), max_rejects)
            else:
                frames, duration = prepared
                kept.append(replace(item, duration=duration))
                batch.append(frames)
            if sum(map(len, batch)) >= batch_size:
                parts.append(_encode(encoder, batch, batch_size))
                done(kept[-len(batch) :], parts[-1])
                batch.clear()
            advance(1)
        if batch:
            parts.append(_encode(encoder, batch, batch_size))
            done(kept[-len(batch) :], parts[-1])
    if not parts:
        raise CmrError("no clip could be read" if sampling else "no picture could be read")
    return EncodedImages(kept, np.concatenate(parts), rejects)


def encode_texts(
    encoder: Encoder, texts: Sequence[str], batch_size: int, advance: Advance = lambda count: None
) -> Floats:
    """Encode captions in order, (n, dim) float32."""
    parts = []
    for start in range(0, len(texts), batch_size):
        batch = texts[start : start + batch_size]
        parts.append(encoder.encode_texts(batch))
        advance(len(batch))
    return np.concatenate(parts)


def refuse_rejects(rejects: Sequence[Reject], total: int, allowed: int) -> None:
    """Raise CmrError, with the first reason, if more than `allowed` were rejected."""
    if len(rejects) > allowed:
        first = rejects[0]
        raise CmrError(
            f"{len(rejects)} of {total} pictures cannot be used, more than the {allowed} that "
            f"--max-rejects allows; the first is {first.source_row}: {first.reason}"
        )


def _encode(encoder: Encoder, batch: Sequence[Frames], batch_size: int) -> Floats:
    """One vector an item, (items, dim): a picture's own, a clip's mean of unit vectors."""
    flat = [frame for frames in batch for frame in frames]
    steps = range(0, len(flat), batch_size)
    vectors = np.concatenate([encoder.encode_images(flat[at : at + batch_size]) for at in steps])
    if len(flat) == len(batch):
        return vectors
    lengths = np.array([len(frames) for frames in batch])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return np.asarray(np.add.reduceat(unit, first, axis=0) / lengths[:, None], dtype=np.float32)


def _prepare(
    encoder: Encoder, reader: MediaReader, item: Item, sampling: tuple[int, str] | None
) -> Prepared:
    """The model's input for one picture or clip, and a clip's length; or why there is none."""
    try:
        data = reader.read(item.uri or "")
        if sampling is None:
            return [encoder.preprocess(decode(data))], None
        clip = read_clip(data, *sampling)
        return [encoder.preprocess(frame) for frame in clip.frames], clip.duration
    except FileNotFoundError:
        return "the file is missing"
    except (ValueError, OSError) as error:
        return str(error)


def _in_order(
    pool: ThreadPoolExecutor,
    items: Sequence[Item],
    prepare: Callable[[Item], Prepared],
    ahead: int,
) -> Iterator[tuple[Item, Prepared]]:
    """Prepare at most `ahead` items at a time, and give them in order."""
    waiting: deque[tuple[Item, Future[Prepared]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(prepare, item)))
        if len(waiting) >= ahead:
            first, future = waiting.popleft()
            yield first, future.result()
    for first, future in waiting:
        yield first, future.result()
