"""Run a collection through an encoder: decoding in threads ahead of the model."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from cmr.encode.decode import decode
from cmr.encode.openclip import Encoder, Floats
from cmr.errors import CmrError
from cmr.sources.collection import Item, MediaReader, Reject

Advance = Callable[[int], None]
# Batches decoded ahead of the model.
AHEAD = 3


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
) -> EncodedImages:
    """Decode and encode pictures. Raises CmrError once more than `max_rejects` failed."""
    kept: list[Item] = []
    rejects: list[Reject] = []
    parts: list[Floats] = []
    batch: list[torch.Tensor] = []
    with ThreadPoolExecutor(workers) as pool:
        work = _in_order(
            pool, items, lambda item: _prepare(encoder, reader, item), batch_size * AHEAD
        )
        for item, prepared in work:
            if isinstance(prepared, str):
                rejects.append(Reject(item.uri or item.item_id, prepared))
                refuse_rejects(rejects, len(items), max_rejects)
            else:
                kept.append(item)
                batch.append(prepared)
            if len(batch) == batch_size:
                parts.append(encoder.encode_images(batch))
                batch.clear()
            advance(1)
        if batch:
            parts.append(encoder.encode_images(batch))
    if not parts:
        raise CmrError("no picture could be read")
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


def _prepare(encoder: Encoder, reader: MediaReader, item: Item) -> torch.Tensor | str:
    """The model's input for one picture, or the reason why there is none."""
    try:
        return encoder.preprocess(decode(reader.read(item.uri or "")))
    except FileNotFoundError:
        return "the file is missing"
    except (ValueError, OSError) as error:
        return str(error)


def _in_order(
    pool: ThreadPoolExecutor,
    items: Sequence[Item],
    prepare: Callable[[Item], torch.Tensor | str],
    ahead: int,
) -> Iterator[tuple[Item, torch.Tensor | str]]:
    """Prepare at most `ahead` items at a time, and give them in order."""
    waiting: deque[tuple[Item, Future[torch.Tensor | str]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(prepare, item)))
        if len(waiting) >= ahead:
            first, future = waiting.popleft()
            yield first, future.result()
    for first, future in waiting:
        yield first, future.result()
