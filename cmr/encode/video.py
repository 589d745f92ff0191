"""Clips to frames: which ones, and turned as a player shows them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from PIL import Image

SAMPLINGS = ("uniform", "fps", "middle")
# As for pictures: more than this is an attack, or at least no clip to search.
LARGEST_FRAME = 2**27


@dataclass(frozen=True)
class Clip:
    """Chosen frames of a clip, in order, their times and the clip's length, in seconds."""

    frames: list[Image.Image]
    times: list[float]
    duration: float


def read_clip(data: bytes, frames: int, sampling: str) -> Clip:
    """Decode at most `frames` frames, RGB, turned by the clip's display matrix.

    `uniform`: the middles of that many equal parts of the clip's time. `fps`: one a second, as
    CLIP4Clip takes them, and where that gives more, so many of them, evenly. `middle`: one.
    Frames are chosen by their own times, so a variable frame rate changes nothing. A clip with
    fewer frames gives all it has. Raises ValueError with the reason if there is no whole clip.
    """
    import av

    if not data:
        raise ValueError("the file is empty")
    try:
        times, duration = _times(data)
        wanted = choose(times, duration, frames, sampling)
        found = dict(_decode(data, {times[at] for at in wanted}))
    except av.error.FFmpegError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"is no whole clip: {reason}") from None
    missing = [at for at in wanted if times[at] not in found]
    if missing:
        raise ValueError(
            f"is cut off: {len(missing)} of the {len(wanted)} frames wanted do not decode"
        )
    shown = [float(times[at] - times[0]) for at in wanted]
    return Clip([found[times[at]] for at in wanted], shown, float(duration))


def choose(times: list[Fraction], duration: Fraction, frames: int, sampling: str) -> list[int]:
    """Which of the frames, by their times in seconds, ascending, are taken; without repeats."""
    if sampling == "middle":
        targets = [times[0] + duration / 2]
    else:
        parts = frames
        if sampling == "fps":
            parts = min(frames, max(1, int(duration)))
        targets = [times[0] + duration * Fraction(2 * part + 1, 2 * parts) for part in range(parts)]
    chosen = []
    at = 0
    for target in targets:
        while at + 1 < len(times) and times[at + 1] <= target:
            at += 1
        chosen.append(at)
    return list(dict.fromkeys(chosen))


def _times(data: bytes) -> tuple[list[Fraction], Fraction]:
    """When each frame is shown, from the packets alone, and how long the clip is, in seconds."""
    import av

    with av.open(io.BytesIO(data)) as container:
        if not container.streams.video:
            raise ValueError("has no picture, only sound")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context.width * context.height > LARGEST_FRAME:
            raise ValueError(f"has frames of {context.width} x {context.height}, too large")
        base = stream.time_base
        times, ends = set(), Fraction(0)
        for packet in container.demux():
            if packet.size and packet.pts is not None and packet.time_base:
                shown = packet.pts * packet.time_base
                ends = max(ends, shown + (packet.duration or 0) * packet.time_base)
                if packet.stream.index == stream.index:
                    times.add(shown)
                    last = (packet.duration or 0) * base
        if not times:
            raise ValueError("has no frame")
        stated = Fraction(container.duration or 0, av.time_base)
        if ends < stated * Fraction(4, 5):
            raise ValueError(f"is cut off: {float(ends):.1f} of {float(stated):.1f} s are there")
        return sorted(times), max(times) - min(times) + Fraction(last)


def _decode(data: bytes, wanted: set[Fraction]) -> Iterator[tuple[Fraction, Image.Image]]:
    import av

    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        left = len(wanted)
        for frame in container.decode(stream):
            if frame.pts is None or frame.pts * stream.time_base not in wanted:
                continue
            image = frame.to_image()
            if frame.rotation:
                image = image.rotate(frame.rotation, expand=True)
            yield frame.pts * stream.time_base, image
            left -= 1
            if not left:
                return
