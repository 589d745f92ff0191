"""Running a collection through an encoder, with threads decoding ahead of the model."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from cmr.encode.decode import decode
from cmr.encode.encoder import ClipEncoder, Encoder, Floats, Media
from cmr.encode.frame_choice import read_clip
from cmr.encode.quiet import quiet_decoders
from cmr.encode.sampling import Sampling
from cmr.encode.unreadable import (
    UNPREPARED,
    RefusedError,
    UnreadableError,
    one_item,
    read_item,
)
from cmr.errors import CmrError
from cmr.progressbar import Advance, no_advance
from cmr.sources.collection import Item, MediaReader, Reject

# Batches decoded ahead of the model.
AHEAD = 3


@dataclass(frozen=True)
class Frames:
    """Unit vectors of a clip's frames, (frames, dim), and their times in seconds."""

    vectors: Floats
    times: list[float]


# Called for every batch with its items, their vectors, and for clips their frames' vectors.
Done = Callable[[Sequence[Item], Floats, Sequence[Frames | None]], None]


@dataclass(frozen=True)
class How:
    """How pictures or clips are encoded; `sampling`: of clips."""

    batch_size: int = 64
    workers: int = 1
    max_rejects: int = 0
    sampling: Sampling | None = None


def encode_images(
    encoder: Encoder,
    items: Sequence[Item],
    reader: MediaReader,
    how: How,
    done: Done,
    advance: Advance = no_advance,
) -> list[Reject]:
    """Decode and encode pictures or clips; returns those that cannot be decoded or prepared.

    A clip's vector is the mean of its frames' unit vectors (CLIP4Clip, Luo et al. 2021, section
    3.3, the parameter-free head), or the model's own of the frames as one video. `done` is called
    for every batch, in order. Raises CmrError once more than `max_rejects` have failed.
    """
    rejects: list[Reject] = []
    held: list[tuple[Item, Media]] = []

    def reject(item: Item, reason: str) -> None:
        rejects.append(Reject(item.uri or item.item_id, reason))
        refuse_rejects(rejects, len(items), how.max_rejects)

    def flush() -> None:
        found = encode_accepted(encoder, [media for _, media in held], how)
        for place, reason in found.refused.items():
            reject(held[place][0], reason)
        kept = [item for place, (item, _) in enumerate(held) if place not in found.refused]
        if kept:
            done(kept, found.vectors, found.frames)
        held.clear()

    with quiet_decoders(), ThreadPoolExecutor(how.workers) as pool:
        ahead = how.batch_size * AHEAD // (how.sampling.frames if how.sampling else 1) + AHEAD
        work = _in_order(
            pool, items, lambda item: prepare_media(encoder, reader, item, how.sampling), ahead
        )
        for item, media in work:
            if isinstance(media, str):
                reject(item, media)
            else:
                held.append((replace(item, duration=media.duration), media))
            if sum(len(media.inputs) for _, media in held) >= how.batch_size:
                flush()
            advance(1)
        flush()
    return rejects


def refuse_rejects(rejects: Sequence[Reject], total: int, allowed: int) -> None:
    """Raise CmrError, with the first reason, if more than `allowed` were rejected."""
    if len(rejects) > allowed:
        first = rejects[0]
        raise CmrError(
            f"{len(rejects)} of {total} pictures cannot be used, more than the {allowed} that "
            f"--max-rejects allows; the first is {first.source_row}: {first.reason}"
        )


@dataclass(frozen=True)
class Accepted:
    """What is encoded of a batch, in order, and by place why others could not be prepared."""

    vectors: Floats
    frames: list[Frames | None]
    refused: dict[int, str]


def encode_accepted(encoder: Encoder, batch: Sequence[Media], how: How) -> Accepted:
    """Encode what the model's processor takes of a batch, see `encode_media`."""
    places, refused = list(range(len(batch))), dict[int, str]()
    while places:
        try:
            vectors, frames = encode_media(encoder, [batch[place] for place in places], how)
            return Accepted(vectors, frames, refused)
        except RefusedError as error:
            refused |= {places[at]: reason for at, reason in error.reasons.items()}
            places = [place for place in places if place not in refused]
    return Accepted(np.empty((0, 0), np.float32), [], refused)


def encode_media(
    encoder: Encoder, batch: Sequence[Media], how: How
) -> tuple[Floats, list[Frames | None]]:
    """One vector per item, (items, dim): its own, or the mean of the unit vectors of its frames.

    Raises RefusedError, by the item's place, for items that the model's processor refuses.
    """
    if how.sampling is not None and how.sampling.whole:
        return cast(ClipEncoder, encoder).encode_clips(batch), [None] * len(batch)
    vectors = _encode_frames(encoder, batch, how.batch_size)
    if how.sampling is None:
        return vectors, [None] * len(batch)
    lengths = np.array([len(media.inputs) for media in batch])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    first = np.concatenate([[0], np.cumsum(lengths)])
    mean = np.add.reduceat(unit, first[:-1], axis=0) / lengths[:, None]
    frames: list[Frames | None] = [
        Frames(unit[first[at] : first[at + 1]], media.times) for at, media in enumerate(batch)
    ]
    return np.asarray(mean, dtype=np.float32), frames


def _encode_frames(encoder: Encoder, batch: Sequence[Media], size: int) -> Floats:
    """A vector for every frame, (frames of all items, dim), `size` frames at a time."""
    flat = [(place, one) for place, media in enumerate(batch) for one in media.inputs]
    found = []
    for at in range(0, len(flat), size):
        part = flat[at : at + size]
        try:
            found.append(encoder.encode_images([one for _, one in part]))
        except RefusedError as error:
            reasons = {part[frame][0]: reason for frame, reason in error.reasons.items()}
            raise RefusedError(reasons) from None
    return np.concatenate(found)


def prepare_media(
    encoder: Encoder, reader: MediaReader, item: Item, sampling: Sampling | None
) -> Media | str:
    """The model's input for one picture or clip, or the reason why there is none.

    Errors caused by an item's own bytes, in the decoder or in the model's preprocessing, are
    returned, not raised. Raises CmrError, and OSError if the machine lacks a resource.
    """
    try:
        data = read_item(reader, item.uri or "")
        if sampling is None:
            picture = decode(data)
            with one_item(UNPREPARED):
                return Media([encoder.preprocess(picture)], [], None)
        clip = read_clip(data, sampling.frames, sampling.which, sampling.rate)
        with one_item(UNPREPARED):
            inputs = [encoder.preprocess(frame) for frame in clip.frames]
            return Media(inputs, clip.times, clip.duration, clip.rate)
    except UnreadableError as reason:
        return str(reason)


def _in_order(
    pool: ThreadPoolExecutor,
    items: Sequence[Item],
    prepare: Callable[[Item], Media | str],
    ahead: int,
) -> Iterator[tuple[Item, Media | str]]:
    """Prepare at most `ahead` items at a time, and yield them in order."""
    waiting: deque[tuple[Item, Future[Media | str]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(prepare, item)))
        if len(waiting) >= ahead:
            first, future = waiting.popleft()
            yield first, future.result()
    for first, future in waiting:
        yield first, future.result()
