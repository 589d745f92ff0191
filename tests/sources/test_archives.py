"""Tar and zip archives: cut off, damaged, or made to do harm."""

from __future__ import annotations

import io
import random
import tarfile

import numpy as np
import pytest
from PIL import Image

from cmr.api.ingestion import ingest_source
from cmr.errors import CmrError
from cmr.sources.images import open_images
from cmr.sources.tarscan import LONGEST_PADDING, scan
from cmr.sources.webdataset import read_webdataset
from cmr.views import connect
from tests.sources.test_formats import add

LONG = "d/" * 80


def noise(n):
    out = io.BytesIO()
    pixels = np.random.default_rng(n).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def shard(count=6, form=tarfile.GNU_FORMAT, folder="", data=noise):
    """A shard's bytes, and where the headers of its pictures and captions begin."""
    out, places = io.BytesIO(), []
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for n in range(count):
            for name, content in ((f"{n}.png", data(n)), (f"{n}.txt", f"caption {n}".encode())):
                places.append(out.tell())
                add(tar, folder + name, content)
    return out.getvalue(), places


def flipped(raw, place):
    found = bytearray(raw)
    found[place] ^= 1
    return bytes(found)


RAW, PLACES = shard()
# What is done to the shard whose sample 4 begins at PLACES[8], what is said, and what is read.
DAMAGES = {
    "cut inside a header": (RAW[: PLACES[8] + 100], "cut off inside a header", [0, 1, 2, 3]),
    "cut between files": (RAW[: PLACES[8]], "no end-of-archive marker after 8 files", [0, 1, 2, 3]),
    "cut inside a file": (RAW[: PLACES[8] + 700], "cut off at byte", [0, 1, 2, 3]),
    "a header's name": (flipped(RAW, PLACES[8] + 3), "header at byte", [0, 1, 2, 3, 5]),
    "a header's size": (flipped(RAW, PLACES[8] + 130), "header at byte", [0, 1, 2, 3, 5]),
    "the first header": (flipped(RAW, 3), "header at byte 0 is damaged", [1, 2, 3, 4, 5]),
    "the last header": (flipped(RAW, PLACES[11] + 3), "is damaged", [0, 1, 2, 3, 4]),
    "a header of zeros": (
        RAW[: PLACES[8]] + bytes(512) + RAW[PLACES[8] + 512 :],
        "files after them: a hole",
        [0, 1, 2, 3, 5],
    ),
    "never written": (
        RAW[: PLACES[8]] + bytes(2 * LONGEST_PADDING),
        "may never have been written",
        [0, 1, 2, 3],
    ),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_told_and_the_rest_is_read(tmp_path, what):
    data, words, left = DAMAGES[what]
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    found = read_webdataset([str(path)])
    told = [item.text for item in found.texts]
    assert told == [f"caption {n}" for n in left]
    pictures = [found.reader.read(found.visuals[row].uri) for row in range(4)]
    assert pictures == [noise(n) for n in ([1, 2, 3, 4] if 0 not in left else range(4))]
    (lost,) = found.lost
    assert lost.source_row == "a.tar"
    assert words in lost.reason
    before = {"the first header": 0, "the last header": 6}.get(what, 4)
    assert lost.reason.endswith(f"{before} sample{' lies' if before == 1 else 's lie'} before that")


def test_a_whole_archive_has_no_damage():
    """Whoever wrote it: GNU, pax and old headers, one block of zeros at the end, much padding."""
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
        folder = "" if form == tarfile.USTAR_FORMAT else f"{LONG}ü/"
        raw, _ = shard(form=form, folder=folder)
        members, damages = scan(io.BytesIO(raw))
        assert not damages
        assert [member.name for member in members][:2] == [f"{folder}0.png", f"{folder}0.txt"]
    end = RAW.rstrip(b"\0")
    end = RAW[: -(-len(end) // 512) * 512]
    for zeros in (512, 1024, 256 * 512):
        assert not scan(io.BytesIO(end + bytes(zeros)))[1]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_file_whose_long_name_is_damaged_is_not_read_under_a_short_one(form):
    raw, places = shard(form=form, folder=LONG)
    for at in (3, 1024 + 3):
        members, (damage,) = scan(io.BytesIO(flipped(raw, places[4] + at)))
        names = [member.name for member in members]
        assert names == [f"{LONG}{n}.{end}" for n in range(6) for end in ("png", "txt")
                         if (n, end) != (2, "png")]  # fmt: skip
        assert f"byte {places[4]:,}" in damage.reason


def test_no_damage_goes_by_in_silence():
    """Any cut, and any bit of any header: something is said, or every file is read as it was."""
    whole, _ = scan(io.BytesIO(RAW))
    rng = random.Random(7)
    marker = whole[-1].offset + 512
    for cut in {*range(0, marker, 512), *(rng.randrange(marker) for _ in range(60))}:
        try:
            members, damages = scan(io.BytesIO(RAW[:cut]))
        except tarfile.ReadError:
            continue
        assert damages, cut
        assert members == [one for one in whole if one.offset + one.size <= cut]
    for _ in range(200):
        place = rng.choice(PLACES) + rng.randrange(512)
        changed = bytearray(RAW)
        changed[place] ^= 1 << rng.randrange(8)
        members, damages = scan(io.BytesIO(bytes(changed)))
        assert damages or members == whole
        assert set(members) <= set(whole)


def test_headers_made_to_do_harm():
    """Negative and enormous sizes, and names of names of names, end as damage."""
    info = tarfile.TarInfo("a.png")
    for size in (-1024, 2**62):
        block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        block[124:136] = (256**12 + size if size < 0 else 2**95 + size).to_bytes(12, "big")
        block[148:156] = b" " * 8
        block[148:155] = b"%06o\0" % sum(block)
        members, damages = scan(io.BytesIO(RAW[: PLACES[2]] + bytes(block) + RAW[PLACES[2] :]))
        assert len(damages) == 1
        assert len(members) >= 2
    chain = tarfile.TarInfo("x")
    chain.type, chain.size = tarfile.GNUTYPE_LONGNAME, 0
    with pytest.raises(tarfile.ReadError, match="without end"):
        scan(io.BytesIO(RAW[: PLACES[2]] + chain.tobuf() * 5000 + RAW[PLACES[2] :]))


def test_damage_counts_against_max_rejects(cmr, tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(flipped(RAW, PLACES[8] + 3))
    base = ("ingest", "webdataset", path, "-w", tmp_path / "w", "--model", "scenes-tiny")
    said = cmr(*base, code=1).stderr
    assert f"a.tar: the header at byte {PLACES[8]:,} is damaged" in said
    assert "more than the 0 that --max-rejects allows" in said
    assert not (tmp_path / "w").exists()
    for wrong in ("inf", "-0.1", "1e400", "x"):
        assert "--max-rejects" in cmr(*base, "--max-rejects", wrong, code=2).stderr
    with pytest.raises(CmrError, match="--max-rejects is a share from 0 to 1, not nan"):
        ingest_source(str(tmp_path / "w"), "webdataset", shards=[path], model="scenes-tiny",
                      max_rejects=float("nan"))  # fmt: skip
    said = cmr(*base, "--max-rejects", "0.2").stderr
    assert "5 texts, 5 visuals" in said
    rows = connect(str(tmp_path / "w")).execute("select source_row, reason from rejects").fetchall()
    assert ("a.tar: 4", "no picture or clip among txt") in rows
    assert any(row == "a.tar" and "is damaged" in reason for row, reason in rows)


def test_a_damaged_archive_of_pictures_says_so(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(RAW[: PLACES[8] + 100])
    reader = open_images(str(path))
    assert reader.read("3.png") == noise(3)
    with pytest.raises(OSError, match=r"5.png is not in the archive, which is damaged: .*cut off"):
        reader.read("5.png")
