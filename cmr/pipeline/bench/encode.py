"""Timed encoding: captions, and pictures or clips from their bytes to a vector."""

from __future__ import annotations

import time

from cmr.devices import peak_bytes, reset_peak
from cmr.encode.batches import How, encode_images
from cmr.pipeline.bench.machine import forget_peak, peak_resident, resident
from cmr.pipeline.bench.measuring_task import Footprint, Lane, Task, Turn
from cmr.pipeline.own_model import load_again
from cmr.rows import Row
from cmr.sources.collection import Item, MediaReader


class Encode:
    """Encodes one side of a data set, as `cmr ingest` does."""

    def __init__(self, task: Task) -> None:
        """Load the model. Raises CmrError if it is unavailable, or is a different one."""
        self._task, self._idle = task, resident()
        assert task.spec is not None
        self._encoder = load_again(task.spec, task.device, task.weights)
        self._reader = open_media(task.media) if task.images else None
        forget_peak()
        reset_peak(task.device)
        self._encode(task.texts[: task.batch], task.images[: task.batch])

    def _encode(self, texts: tuple[str, ...], images: tuple[str, ...]) -> None:
        batch = self._task.batch
        for at in range(0, len(texts), batch):
            self._encoder.encode_texts(texts[at : at + batch])
        if images:
            assert self._reader is not None
            how = How(batch, self._task.threads, 0, self._task.sampling)
            items = [Item(uri, uri=uri) for uri in images]
            encode_images(self._encoder, items, self._reader, how, lambda *done: None)

    def turn(self, lane: Lane) -> Turn:
        """Encode all captions, or all pictures or clips, once."""
        clock = time.perf_counter()
        self._encode(self._task.texts, self._task.images)
        took = time.perf_counter() - clock
        return Turn(took, len(self._task.texts) + len(self._task.images), self._task.threads)

    def footprint(self) -> Footprint:
        """See `Work`."""
        return Footprint(
            self._idle, peak_resident(), peak_bytes(self._task.device), memory=None, index=None
        )


def open_media(media: Row) -> MediaReader:
    """A reader of a data set's pictures: those drawn by `scenes`, or a folder or archive.

    `media`: `images`, a path, or `source` and `settings` of the data set.
    """
    if media.get("images"):
        from cmr.sources.images import open_images

        return open_images(str(media["images"]))
    from cmr.sources.scenes import read_scenes

    settings = media["settings"]
    drawn = read_scenes(settings["split"], settings["limit"], settings["seed"]).reader
    assert drawn is not None
    return drawn
