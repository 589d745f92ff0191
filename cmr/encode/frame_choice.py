"""From a clip to frames: choosing them, and decoding them as a player shows them."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any, TypeVar

from PIL import Image

from cmr.encode.display import LARGEST_FRAME, shown
from cmr.encode.unreadable import UnreadableError, one_item

# Consecutive packets that may yield no frame of their own: a second field, or a frame that only
# serves as a reference for others.
WITHOUT_FRAME = 2
_OPTIONS = {"max_pixels": str(LARGEST_FRAME)}
Frame = TypeVar("Frame")


@dataclass(frozen=True)
class Clip:
    """Chosen frames of a clip, in order, their times and the clip's length, in seconds.

    `rate`: all frames of the clip per second, on average.
    """

    frames: list[Image.Image]
    times: list[float]
    duration: float
    rate: float


def read_clip(data: bytes, frames: int, sampling: str, rate: float = 1) -> Clip:
    """Decode at most `frames` frames, RGB, as a player shows them.

    `uniform`: those shown at the midpoints of that many equal parts of the clip's time. `fps`:
    `rate` per second, as CLIP4Clip takes one, and if that gives too many, `frames` of them, evenly
    spaced.
    `middle`: one. The clip's time begins with its first frame that is shown: a frame that an edit
    list leaves out, or that no key frame precedes, is not. Frames are chosen by their own times,
    so a variable frame rate makes no difference. A clip with fewer frames yields all it has. Raises
    UnreadableError, a ValueError, with the reason if there is no complete clip.
    """
    if not data:
        raise UnreadableError("the file is empty")
    with one_item("is not a complete clip"):
        times, end = _packets(data)

        def sampled(start: Fraction, length: Fraction) -> list[Fraction]:
            return targets(start, length, frames, sampling, rate)

        return _clip(data, times, end, sampled)


def targets(
    start: Fraction, length: Fraction, frames: int, sampling: str, rate: float = 1
) -> list[Fraction]:
    """The times, in seconds, at which a clip with this start and length is sampled."""
    if sampling == "middle":
        return [start + length / 2]
    parts = frames
    if sampling == "fps":
        # Of what the rate is written as: 0.3 a second of 10 s is 3, and of its float less.
        parts = min(frames, max(1, int(length * Fraction(str(rate)))))
    return [start + length * Fraction(2 * part + 1, 2 * parts) for part in range(parts)]


def shown_at(
    frames: Iterable[tuple[Fraction, Frame]], wanted: list[Fraction]
) -> Iterator[tuple[Fraction, Fraction, Frame]]:
    """For each wanted time, ascending: the time, and the time and frame of what is shown then.

    A frame is shown from its own time until the next one's. Decoding stops at the last wanted time.
    """
    left = iter(wanted)
    target = next(left, None)
    now: tuple[Fraction, Frame] | None = None
    for time, frame in frames:
        while now is not None and target is not None and target < time:
            yield target, *now
            target = next(left, None)
        if target is None:
            return
        if now is None or time >= now[0]:
            now = time, frame
    while now is not None and target is not None:
        yield target, *now
        target = next(left, None)


def _clip(
    data: bytes,
    times: list[Fraction],
    end: Fraction,
    targets_of: Callable[[Fraction, Fraction], list[Fraction]],
) -> Clip:
    with _open(data) as container:
        stream = _picture(container)
        decoded = _decoded(container, stream)
        first = next(decoded, None)
        if first is None:
            raise UnreadableError("has no frame")
        start = first[0]
        length = max(end - start, Fraction(0))
        wanted = targets_of(start, length)
        found: dict[Fraction, Image.Image] = {}
        for target, time, frame in shown_at(chain([first], decoded), wanted):
            lost = bisect_right(times, target) - bisect_right(times, time)
            if lost > WITHOUT_FRAME:
                raise UnreadableError(
                    f"is cut off: {lost} frames before {float(target - start):.1f} s do not decode"
                )
            if time not in found:
                found[time] = shown(frame, stream.sample_aspect_ratio)
        rate = float(1 / _step(stream))
    return Clip(list(found.values()), [float(time - start) for time in found], float(length), rate)


def _open(data: bytes) -> Any:
    import av

    return av.open(io.BytesIO(data), options=_OPTIONS, metadata_errors="replace")


def _picture(container: Any) -> Any:
    """The stream that a player shows. Raises UnreadableError if none can be decoded."""
    stream = container.streams.best("video")
    if stream is None and not container.streams.video:
        raise UnreadableError("has no picture, only sound")
    if stream is None or stream.codec_context is None:
        raise UnreadableError("unknown codec")
    context = stream.codec_context
    if context.width * context.height > LARGEST_FRAME:
        raise UnreadableError(f"has frames of {context.width} x {context.height}, too large")
    context.options = _OPTIONS
    return stream


def _packets(data: bytes) -> tuple[list[Fraction], Fraction]:
    """Times of the frames that are shown, ascending, and when the last ends; reads only packets.

    Packets that an edit list discards serve only for decoding. Raises UnreadableError if the
    packets end long before the stated duration.
    """
    import av

    with _open(data) as container:
        stream = _picture(container)
        times: list[Fraction] = []
        passed = ends = Fraction(0)
        own_ends: list[Fraction] = []
        for packet in container.demux():
            own = packet.stream.index == stream.index
            if not packet.size or not packet.time_base or packet.is_discard:
                continue
            if packet.pts is not None:
                time = packet.pts * packet.time_base
                times += [time] if own else []
            elif own:
                time = passed
            else:
                continue
            until = time + (packet.duration or 0) * packet.time_base
            if packet.pts is None and not packet.duration:
                until = time + _step(stream)
            ends = max(ends, until)
            if own:
                passed = until
                own_ends.append(until)
        stated = Fraction(container.duration or 0, av.time_base)
    if ends < stated * Fraction(4, 5):
        raise UnreadableError(f"is cut off: {float(ends):.1f} of {float(stated):.1f} s are there")
    if not own_ends:
        raise UnreadableError("has no frame")
    return sorted(times), max(own_ends)


def _decoded(container: Any, stream: Any) -> Iterator[tuple[Fraction, Any]]:
    """All frames that are shown, with their times; one without a time follows the last."""
    base, step = stream.time_base, _step(stream)
    following = Fraction(0)
    for frame in container.decode(stream):
        time = following if frame.pts is None else frame.pts * base
        following = time + (frame.duration * base if frame.duration else step)
        yield time, frame


def _step(stream: Any) -> Fraction:
    """Seconds between frames of a stream without times; players assume 25 per second."""
    return 1 / stream.average_rate if stream.average_rate else Fraction(1, 25)
