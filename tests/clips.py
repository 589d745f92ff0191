"""Small real clips, made when a test wants one."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import av
import numpy as np

BASE = 1000


def make_clip(
    colours, times=None, size=(64, 48), kind="mp4", rotated=False, codec="mpeg4",
    pixels="yuv420p", options=None, aspect=None,
):  # fmt: skip
    """A clip of one-coloured frames with a white top left quarter; `times` in seconds.

    `options`: of the codec; `aspect`: width by height of a pixel.
    """
    times = [n / 10 for n in range(len(colours))] if times is None else times
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        if codec.startswith("mpeg") and codec != "mpeg4":
            # These know a few rates alone, and so a frame's place for its time.
            times = [n / 25 for n in range(len(colours))]
        else:
            stream.codec_context.time_base = Fraction(1, BASE)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for colour, time in zip(colours, times, strict=True):
            drawn = np.full((size[1], size[0], 3), colour, dtype=np.uint8)
            drawn[: size[1] // 2, : size[0] // 2] = 255
            frame = av.VideoFrame.from_ndarray(drawn, format="rgb24")
            frame.pts, frame.time_base = round(time * BASE), Fraction(1, BASE)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    data = out.getvalue()
    # By a quarter, clockwise.
    return with_matrix(data, 0, 1, -1, 0) if rotated else data


def with_matrix(data, a, b, c, d):
    """The same mp4 with a display matrix that shows the pixel at (x, y) at (ax + cy, bx + dy)."""
    plain = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    at = data.index(plain, data.index(b"tkhd"))
    numbers = [round(one * 0x10000) for one in (a, b, 0, c, d, 0, 0, 0)]
    return data[:at] + struct.pack(">9i", *numbers, 0x40000000) + data[at + len(plain) :]


def cut_by_copy(data, first, last, kind="mp4"):
    """The packets between two times in seconds, not decoded anew; mp4 gets an edit list.

    Times are moved so that the clip begins at 0 where mp4 shows from the middle of a group.
    """
    out = io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(out, "w", format=kind) as container:
        stream = source.streams.video[0]
        copied = container.add_stream_from_template(stream)
        base = stream.time_base
        zero = round(first / base) if kind == "mp4" else 0
        begin = 2 * (first // 2) if kind == "mp4" else first
        for packet in source.demux(stream):
            if packet.pts is not None and begin <= packet.pts * base < last:
                packet.pts, packet.dts = packet.pts - zero, packet.dts - zero
                packet.stream = copied
                container.mux(packet)
    return out.getvalue()


def make_sound():
    """A file with sound and no picture."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        samples = np.zeros((1, 1024), dtype=np.float32)
        for n in range(20):
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, n * 1024
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return out.getvalue()
