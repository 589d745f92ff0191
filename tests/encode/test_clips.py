"""Clips as a player shows them: turned, mirrored, cut by an edit list; which frames are taken."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from cmr.encode import frame_choice
from cmr.encode.display import turned
from cmr.encode.frame_choice import read_clip, shown_at, targets
from cmr.encode.sampling import Sampling
from cmr.encode.unreadable import UnreadableError
from tests.clips import cut_by_copy, make_clip, with_matrix
from tests.encode.files import scene

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (30, 200, 200)]


def near(image, colour):
    """Whether the bottom right, which holds the frame's colour, is close to it."""
    found = image.getpixel((image.width - 8, image.height - 8))
    return max(abs(a - b) for a, b in zip(found, colour, strict=True)) < 24


def greys(frames):
    """The shade of each frame's bottom right."""
    return [frame.getpixel((frame.width - 8, frame.height - 8))[0] for frame in frames]


def test_frames_spread_over_the_clip():
    clip = read_clip(make_clip([c for c in COLOURS for _ in range(10)]), 5, "uniform")
    assert clip.duration == pytest.approx(5, abs=0.1)
    assert [near(f, c) for f, c in zip(clip.frames, COLOURS, strict=True)] == [True] * 5


def test_variable_frame_rate():
    """Frames are chosen by when they are shown, not by how many there are."""
    times = [0, 0.1, 0.2, 0.3, 4.0]
    clip = read_clip(make_clip(COLOURS, times, kind="matroska"), 2, "uniform")
    assert near(clip.frames[0], COLOURS[3])
    exact = [(Fraction(t).limit_denominator(1000), n) for n, t in enumerate(times)]

    def chosen(length, frames, sampling):
        wanted = targets(Fraction(0), Fraction(length), frames, sampling)
        return [frame for _, _, frame in shown_at(exact, wanted)]

    assert chosen(5, 5, "uniform") == [3, 3, 3, 3, 4]
    assert chosen(5, 5, "middle") == [3]
    assert chosen(5, 2, "fps") == [3, 3]
    assert chosen(Fraction(1, 2), 4, "fps") == [2]
    assert list(shown_at([], [Fraction(1)])) == []


def test_no_frame_is_decoded_beyond_the_last_one_wanted():
    asked = []

    def frames():
        for n in range(100):
            asked.append(n)
            yield Fraction(n), n

    assert [frame for _, _, frame in shown_at(frames(), [Fraction(5, 2), Fraction(7)])] == [2, 7]
    assert asked == list(range(9))


MATRICES = [(1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1),
            (0, 1, -1, 0), (0, -1, 1, 0), (0, 1, 1, 0), (0, -1, -1, 0)]  # fmt: skip


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("scale", [1, 2])
def test_the_whole_display_matrix(matrix, scale):
    """The white corner, at the top left as stored, is where the matrix puts it."""
    a, b, c, d = matrix
    data = with_matrix(make_clip(COLOURS), *(scale * one for one in matrix))
    (frame,) = read_clip(data, 1, "middle").frames
    assert frame.size == ((64, 48) if a else (48, 64))
    right, down = -a - c > 0, -b - d > 0
    for x in (False, True):
        for y in (False, True):
            at = (frame.width - 6 if x else 5, frame.height - 6 if y else 5)
            assert (min(frame.getpixel(at)) > 230) == ((x, y) == (right, down))


@pytest.mark.parametrize("matrix", MATRICES)
def test_turning_moves_every_pixel(matrix):
    a, b, c, d = matrix
    stored = np.asarray(scene())
    found = np.asarray(turned(scene(), a, b, c, d))
    height, width = stored.shape[:2]
    for y in range(height):
        for x in range(width):
            across = a * x + c * y + (width - 1 if a < 0 else 0) + (height - 1 if c < 0 else 0)
            along = b * x + d * y + (width - 1 if b < 0 else 0) + (height - 1 if d < 0 else 0)
            assert (found[along, across] == stored[y, x]).all()


def test_other_matrices():
    picture = Image.new("RGB", (40, 20), "white")
    assert turned(picture, 0, 0, 0, 0).size == (40, 20)
    assert turned(picture, 1, 0, 1, 0).size == (40, 20)
    assert turned(picture, 0.7, 0.7, -0.7, 0.7).size == pytest.approx((43, 43), abs=1)
    assert turned(picture, 1e-3, 1, -1, 1e-3).size == (20, 40)


@pytest.mark.parametrize("kind", ["mp4", "matroska"])
def test_pixels_that_are_no_squares(kind):
    data = make_clip(COLOURS, kind=kind, aspect=Fraction(3, 2))
    assert read_clip(data, 1, "middle").frames[0].size == (96, 48)
    if kind == "mp4":
        assert read_clip(with_matrix(data, 0, 1, -1, 0), 1, "middle").frames[0].size == (48, 96)


SHADES = [(n, n, n) for n in range(20, 170)]


def steady(kind="mp4", codec="libx264", **options):
    """Six seconds of shades from 20 to 169 at 25 a second, a key frame every two seconds."""
    times = [n / 25 for n in range(150)]
    options = {"g": "50", "bf": "0", "sc_threshold": "0", **options}
    return make_clip(SHADES, times, kind=kind, codec=codec, options=options)


@pytest.mark.parametrize("between", ["0", "2"])
def test_cut_by_copy_between_key_frames(between):
    """Of 75 packets the first 25 are only there to be decoded, and are not shown."""
    data = cut_by_copy(steady(bf=between), 3, 5)
    with frame_choice._open(data) as container:
        assert sum(packet.is_discard for packet in container.demux(video=0)) >= 23
    clip = read_clip(data, 50, "uniform")
    assert clip.duration == pytest.approx(2, abs=0.1)
    assert 48 <= len(clip.frames) <= 51
    assert np.abs(np.array(greys(clip.frames[:48])) - np.arange(95, 143)).max() <= 4
    assert greys(read_clip(data, 1, "middle").frames)[0] == pytest.approx(120, abs=4)


@pytest.mark.parametrize("kind", ["mpegts", "matroska"])
def test_a_clip_that_begins_without_a_key_frame(kind):
    """What no key frame comes before is not shown; the clip's time begins with the next one."""
    data = cut_by_copy(steady(), 3, 6, kind)
    clip = read_clip(data, 4, "uniform")
    assert clip.duration == pytest.approx(2, abs=0.1)
    assert np.abs(np.array(greys(clip.frames)) - [126, 139, 151, 164]).max() <= 6


def test_an_open_group_of_pictures():
    """A cut at a key frame that earlier frames, shown before it, refer beyond."""
    data = make_clip(SHADES, kind="mpegts", codec="mpeg2video", options={"g": "12", "bf": "2"})
    whole = read_clip(data, 12, "uniform")
    assert whole.duration == pytest.approx(6, abs=0.1)
    cut = read_clip(cut_by_copy(data, whole.times[0] + 2, 99, "mpegts"), 12, "uniform")
    assert len(cut.frames) == 12
    assert greys(cut.frames) == sorted(greys(cut.frames))
    assert greys(cut.frames)[-1] > 155


@pytest.mark.parametrize("kind", ["mp4", "matroska", "mpegts", "mov"])
def test_times_that_do_not_begin_at_zero(kind):
    times = [7 + n / 10 for n in range(20)]
    data = make_clip([(40 + 10 * n,) * 3 for n in range(20)], times, kind=kind)
    clip = read_clip(data, 4, "uniform")
    assert np.abs(np.array(greys(clip.frames)) - [60, 110, 160, 210]).max() <= 12
    assert clip.times[0] < 0.5


def test_a_stream_without_times():
    clip = read_clip(make_clip(SHADES, kind="h264", codec="libx264"), 5, "uniform")
    assert np.abs(np.array(greys(clip.frames)) - [35, 65, 95, 125, 155]).max() <= 4


@pytest.mark.parametrize("missing", [2, 8])
def test_frames_that_do_not_decode(monkeypatch, missing):
    """One or two stand still, as a second field does; more are a clip that is cut off."""
    all_of = frame_choice._decoded
    monkeypatch.setattr(frame_choice, "_decoded", lambda *of: (
        one for n, one in enumerate(all_of(*of)) if not 25 - missing // 2 <= n < 25 + missing // 2
    ))  # fmt: skip
    data = make_clip([(5 * n,) * 3 for n in range(50)])
    if missing > frame_choice.WITHOUT_FRAME:
        with pytest.raises(
            UnreadableError, match=r"is cut off: \d frames before 2\.5 s do not decode"
        ):
            read_clip(data, 2, "middle")
    else:
        assert greys(read_clip(data, 2, "middle").frames)[0] == pytest.approx(5 * 23, abs=9)


def test_an_unknown_codec():
    data = make_clip(COLOURS, codec="libx264")
    at = data.index(b"avc1", data.index(b"stsd"))
    with pytest.raises(UnreadableError, match="unknown codec"):
        read_clip(data[:at] + b"zzzz" + data[at + 4 :], 2, "uniform")


def test_a_list_that_names_other_files_opens_none(tmp_path):
    (tmp_path / "a.mp4").write_bytes(make_clip(COLOURS))
    for text in (f"ffconcat version 1.0\nfile '{tmp_path}/a.mp4'\n",
                 f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{tmp_path}/a.mp4\n"):  # fmt: skip
        with pytest.raises(UnreadableError, match="not a complete clip"):
            read_clip(text.encode(), 2, "uniform")


@pytest.mark.parametrize(
    ("rate", "most", "count"), [(1, 12, 10), (0.3, 12, 3), (2.5, 99, 25), (9, 12, 12)]
)
def test_frames_a_second(rate, most, count):
    wanted = targets(Fraction(2), Fraction(10), most, "fps", rate)
    assert wanted == [2 + Fraction(10 * (2 * n + 1), 2 * count) for n in range(count)]


@pytest.mark.parametrize("rate", [1.0, 2.0, 0.3, 23.976024, 23.976023, 1e-05, 1000.0])
def test_a_recorded_rate_has_every_digit(rate):
    """Rates that take other frames have other settings, and what is read back takes the same."""
    sampling = Sampling(12, "fps", rate, whole=True)
    assert Sampling.recorded(sampling.settings()) == sampling
