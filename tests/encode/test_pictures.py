"""Pictures as a viewer shows them: turned, at every depth; what stands beside them does no harm."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from cmr.encode.decode import decode
from cmr.encode.quiet import quiet_decoders
from cmr.encode.unreadable import LONGEST, UnreadableError, one_item, reason_of
from cmr.errors import CmrError
from tests.encode.files import damaged, exif, pictures, saved, scene

# What each orientation says of the rows and columns stored: EXIF 2.32, table 6.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1)[::-1, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[::-1].swapaxes(0, 1),
}


def grey(values):
    return Image.fromarray(np.asarray(values))


def first(data):
    return np.asarray(decode(data))[:, :, 0]


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation(form, orientation):
    upright = np.asarray(scene())
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    lossless = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}
    data = saved(stored, form, exif=exif(orientation), **lossless.get(form, {}))
    found = np.asarray(decode(data)).astype(int)
    assert found.shape == upright.shape
    assert np.abs(found - upright).max() <= (40 if form == "AVIF" else 0)
    assert np.abs(found - upright).mean() <= 4


def fields(entries):
    """EXIF of these (tag, type, count, value), as a broken writer may put them."""
    body, extra = struct.pack("<H", len(entries)), b""
    for tag, kind, count, value in entries:
        if len(value) > 4:
            extra += value
            value = struct.pack("<I", 10 + 12 * len(entries) + 4 + len(extra) - len(value))
        body += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + body + bytes(4) + extra


SIX = (0x112, 3, 1, struct.pack("<H", 6))
BROKEN_EXIF = {
    "a rational for text": [SIX, (0x131, 5, 1, struct.pack("<II", 7, 2))],
    "a count beyond the end": [SIX, (0x10F, 2, 2**31 - 1, struct.pack("<I", 90))],
    "an unknown type": [SIX, (0x131, 99, 1, b"abcd")],
    "a folder that is itself": [SIX, (0x8769, 4, 1, struct.pack("<I", 8))],
    "a long for a short": [(0x112, 4, 1, struct.pack("<I", 6))],
    "a byte for a short": [(0x112, 1, 1, b"\x06")],
    "a rational for a short": [(0x112, 5, 1, struct.pack("<II", 6, 1))],
    "text for a short": [(0x112, 2, 2, b"6\0")],
}


def with_exif(form, body):
    """A fine picture beside whose pixels this stands for EXIF, of at most 150 bytes."""
    held = fields([(0x10F, 2, 150, b"x" * 150)])[6:]
    data = saved(scene(), form, exif=b"Exif\0\0" + held)
    assert data.count(held) == 1
    data = data.replace(held, body.ljust(len(held), b"\0"))
    if form != "PNG":
        return data
    at = data.index(b"eXIf")
    end = at + 4 + int.from_bytes(data[at - 4 : at])
    return data[:end] + zlib.crc32(data[at:end]).to_bytes(4) + data[end + 4 :]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("fault", BROKEN_EXIF)
def test_malformed_exif_beside_a_fine_picture(form, fault, recwarn):
    data = with_exif(form, fields(BROKEN_EXIF[fault])[6:])
    with quiet_decoders():
        found = decode(data)
    # AVIF turns by a property of its own, which this file does not have.
    assert found.size == ((24, 16) if form == "AVIF" else (16, 24))
    assert not recwarn.list


@pytest.mark.slow
def test_no_damage_to_exif_refuses_a_picture():
    """Nor any to the list of an MPO's other pictures."""
    rng = np.random.default_rng(5)
    sound = exif()[6:]
    for _ in range(250):
        for form in ("JPEG", "PNG", "WEBP", "AVIF"):
            data = with_exif(form, damaged(sound, rng)[:150])
            with quiet_decoders():
                assert sorted(decode(data).size) == [16, 24]
    data = pictures()["mpo"]
    at = data.index(b"MPF\0") + 4
    for _ in range(250):
        wrong = damaged(data[at : at + 80], rng)[:80].ljust(80, b"\0")
        with quiet_decoders():
            assert sorted(decode(data[:at] + wrong + data[at + 80 :]).size) == [16, 24]


SHORTS = np.array([[0, 128, 129, 255, 256, 32768], [257, 40000, 65406, 65407, 65534, 65535]])
# To the nearest: v / 257.
EIGHTHS = np.array([[0, 0, 1, 1, 1, 128], [1, 156, 254, 255, 255, 255]])


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM", "JPEG2000", "IM"])
def test_16_bits_of_grey_are_divided_by_257(form):
    options = {"irreversible": False} if form == "JPEG2000" else {}
    data = saved(grey(SHORTS.astype(np.uint16)), form, **options)
    np.testing.assert_array_equal(first(data), EIGHTHS)


def test_16_bits_the_other_way_round():
    data = saved(Image.frombytes("I;16B", (6, 2), SHORTS.astype(">u2").tobytes()), "TIFF")
    np.testing.assert_array_equal(first(data), EIGHTHS)
    white_is_zero = saved(grey(SHORTS.astype(np.uint16)), "TIFF", tiffinfo={262: 0})
    np.testing.assert_array_equal(first(white_is_zero), 255 - EIGHTHS)


def test_16_bits_of_colour():
    """Pillow keeps the upper byte of these."""
    rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in SHORTS)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 6, 2, 16, 2, 0, 0, 0),
        b"IDAT": zlib.compress(rows),
        b"IEND": b"",
    }
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks.items()
    )
    assert np.abs(first(data).astype(int) - EIGHTHS).max() <= 1


def test_floats_and_32_bits_say_what_is_white_or_are_refused():
    shares = np.array([[0, 0.5, 0.25], [1, 0.125, 0.875]], np.float32)
    wanted = np.floor(shares * 255 + 0.5)
    np.testing.assert_array_equal(first(saved(grey(shares), "TIFF")), wanted)
    metres = shares * 8 - 2
    for values, reason in (
        (metres, "floats from -2 to 6"),
        (shares * np.nan, "floats from nan"),
        ((shares * 1000).astype(np.int32), "integers from 0 to 1000"),
    ):
        with pytest.raises(UnreadableError, match=reason):
            decode(saved(grey(values), "TIFF"))
    stated = saved(grey(metres), "TIFF", tiffinfo={340: -2.0, 341: 6.0})
    np.testing.assert_array_equal(first(stated), wanted)
    stated = saved(grey((shares * 1000).astype(np.int32)), "TIFF", tiffinfo={340: 0, 341: 1000})
    np.testing.assert_array_equal(first(stated), np.floor(shares.astype(float) * 255 + 0.5))
    with pytest.raises(UnreadableError, match="does not say"):
        decode(saved(grey(metres), "TIFF", tiffinfo={340: 0.0, 341: 1.0}))


def test_every_mode_is_the_same_picture():
    plain = scene()
    wanted = np.asarray(plain).astype(int)
    clear = plain.convert("RGBA")
    clear.putalpha(0)
    palette = plain.quantize(256)
    kept = {
        "RGBA": (clear, "PNG", {}),
        "P": (palette, "PNG", {"transparency": bytes(256)}),
        "P of GIF": (palette, "GIF", {"transparency": 0}),
        "CMYK": (plain.convert("CMYK"), "TIFF", {}),
        "CMYK of Adobe": (plain.convert("CMYK"), "JPEG", {"quality": 100, "subsampling": 0}),
        "YCbCr": (plain.convert("YCbCr"), "TIFF", {}),
        "LAB": (plain.convert("LAB"), "TIFF", {}),
    }
    for name, (image, form, options) in kept.items():
        found = np.asarray(decode(saved(image, form, **options))).astype(int)
        assert np.abs(found - wanted).mean() < 5, name
    shades = np.asarray(plain.convert("L")).astype(int)
    for mode in ("L", "LA"):
        np.testing.assert_array_equal(first(saved(plain.convert(mode), "PNG")), shades)
    assert set(np.unique(first(saved(plain.convert("1"), "PNG")))) == {0, 255}
    for form in ("GIF", "PNG", "WEBP", "TIFF", "MPO"):
        other = Image.new("RGB", plain.size, "white")
        exact = {"lossless": True} if form == "WEBP" else {}
        data = saved(plain, form, save_all=True, append_images=[other], **exact)
        assert np.abs(np.asarray(decode(data)).astype(int) - wanted).mean() < 12, form


def test_formats_that_run_programs_are_refused():
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    with pytest.raises(UnreadableError, match="not a picture in a known format"):
        decode(postscript)


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("none")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError(262), "KeyError: 262"),
        (struct.error("unpack requires\n a buffer"), "error: unpack requires a buffer"),
        (MemoryError("x"), "it needs more memory than there is"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (Speechless(), "Speechless"),
        (NotImplementedError(), "NotImplementedError"),
        (ValueError("\x1b[31mred\0\ud800"), "[31mred"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "'utf-8' codec"),
        (RecursionError("deep"), "RecursionError: deep"),
        (ValueError("a" * 999), "a" * LONGEST + "…"),
    ],
)
def test_a_reason_is_one_printable_line(error, reason):
    assert reason in reason_of(error)
    assert reason_of(error).isprintable()
    with pytest.raises(UnreadableError, match="does not decode: ") as caught, one_item():
        raise error
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "error", [CmrError("the model takes more"), OSError(28, "No space left"), KeyboardInterrupt()]
)
def test_what_concerns_all_items_is_no_reject(error):
    with pytest.raises(type(error)), one_item():
        raise error


def test_a_reader_and_a_preprocessing_that_fail_are_rejects():
    """Whatever is raised of one item, before and after its decoding; the others are encoded."""
    from cmr.encode.batches import How, encode_images
    from cmr.sources.collection import Item

    class Reader:
        def read(self, uri):
            if uri == "1":
                raise KeyError(uri)
            return saved(Image.new("RGB", (int(uri) + 1, 1)), "PNG")

    class Model:
        def preprocess(self, image):
            if image.width == 3:
                raise MemoryError
            return np.zeros(1)

        def encode_images(self, batch):
            return np.ones((len(batch), 2), np.float32)

    done = []
    rejects = encode_images(
        Model(), [Item(str(n), uri=str(n)) for n in range(5)], Reader(),
        How(batch_size=2, workers=2, max_rejects=2), lambda items, *_: done.extend(items),
    )  # fmt: skip
    assert [item.item_id for item in done] == ["0", "3", "4"]
    assert {one.source_row: one.reason for one in rejects} == {
        "1": "cannot be read: KeyError: '1'",
        "2": "cannot be prepared for the model: it needs more memory than there is",
    }


def test_ingest_of_damaged_and_deep_pictures(cmr, tmp_path):
    """One line for each reject, none of a decoder's own; the others have vectors of their own."""
    from cmr.views import connect

    folder = tmp_path / "p"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for n in range(4):
        blocks = np.kron(rng.integers(2000, 60000, (4, 4)), np.ones((16, 16)))
        (folder / f"{n}.png").write_bytes(saved(grey(blocks.astype(np.uint16)), "PNG"))
    avif = bytearray(saved(scene(), "AVIF"))
    at = avif.index(b"mdat") + 4
    avif[at : at + 24] = b"\xff" * 24
    (folder / "4.avif").write_bytes(avif)
    names = sorted(path.name for path in folder.iterdir())
    rows = "".join(f"{name},caption of {name}\n" for name in names)
    (tmp_path / "c.csv").write_text("image,caption\n" + rows)
    said = cmr("ingest", "pairs", tmp_path / "c.csv", "--images", folder, "-w", tmp_path / "w",
               "--model", "scenes-tiny", "--max-rejects", "0.5").stderr  # fmt: skip
    assert "4.avif: does not decode: RuntimeError: Failed to decode frame" in said
    con = connect(str(tmp_path / "w"))
    query = "select count(distinct vector), count(*) from embeddings where modality = 'visual'"
    assert con.execute(query).fetchone() == (4, 4)


def test_a_thumbnail_of_any_bytes():
    """The page's pictures: None, whatever a decoder raises, and no word on stderr."""
    from cmr.report.page.pictures import Pictures

    rng = np.random.default_rng(1)
    files = list(pictures().values())

    class Reader:
        def read(self, uri):
            return damaged(files[int(uri) % len(files)], rng)

    shown = Pictures({"media": None}, None, lambda text: text)
    shown._reader = Reader()
    found = [shown.data_uri({"uri": str(n), "content_hash": None}) for n in range(150)]
    assert 0 < sum(one is None for one in found) == shown.missing < 150
