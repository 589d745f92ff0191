"""Tar and zip archives: cut off, damaged, with names twice or left by other tools."""

from __future__ import annotations

import io
import random
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from cmr.api.ingestion import ingest_source
from cmr.errors import CmrError
from cmr.sources.images import open_images
from cmr.sources.img2dataset import read_img2dataset
from cmr.sources.shard_names import expand
from cmr.sources.tars import TarReader
from cmr.sources.tarscan import LONGEST_PADDING, scan
from cmr.sources.webdataset import read_webdataset
from cmr.views import connect
from tests.sources.test_formats import PICTURES, add, picture, seen

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


def tarred(path, *members):
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            add(tar, name, data)
    return str(path)


def test_names_that_webdataset_passes_over(tmp_path):
    """AppleDouble files, other names that begin with a dot, metadata, names without an ending."""
    junk = b"\0\5\x16\7"
    names = ["._{}.png", "._{}.txt", "./._{}.png", "__MACOSX/{}.png", "__MACOSX/._{}.png",
             "sub/._{}.png", ".DS_Store", "__meta__/{}.png", "PaxHeaders.12/{}.png",
             "PaxHeader/{}.txt", "README"]  # fmt: skip
    members = []
    for n, name in enumerate(PICTURES):
        members += [(one.format(name), junk) for one in names if n == 0 or "{}" in one]
        members += [(f"{name}.png", PICTURES[name]), (f"{name}.txt", f"of {name}".encode())]
    found = read_webdataset([tarred(tmp_path / "a.tar", *members)])
    assert not found.rejects
    assert seen(found) == {data: [f"of {name}"] for name, data in PICTURES.items()}


def test_a_name_twice_in_a_shard(tmp_path):
    """webdataset refuses a sample's ending that comes twice; so does cmr, wherever they lie."""
    a, b, text = ("0.png", picture(0)), ("0.png", picture(1)), ("0.txt", b"a")
    other = [("1.png", picture(2)), ("1.txt", b"b")]
    for members in ([a, b, text], [a, text, *other, b]):
        with pytest.raises(CmrError, match=r"a\.tar: two files are called '0\.png'"):
            read_webdataset([tarred(tmp_path / "a.tar", *members)])
    for name in ("./0.png", "0.PNG"):
        path = tarred(tmp_path / "a.tar", a, (name, picture(1)), text)
        with pytest.raises(CmrError, match=r"are one sample's \.png"):
            read_webdataset([path])
    reader = TarReader([tarred(tmp_path / "a.tar", a, b, *other)])
    assert reader.read("1.png") == picture(2)
    with pytest.raises(OSError, match=r"2 files of the archive are called 0\.png"):
        reader.read("0.png")


def test_files_of_a_sample_need_not_lie_side_by_side(tmp_path):
    members = [(f"{name}.png", data) for name, data in PICTURES.items()]
    members += [(f"{name}.txt", f"of {name}".encode()) for name in PICTURES]
    found = read_webdataset([tarred(tmp_path / "a.tar", *members)])
    assert seen(found) == {data: [f"of {name}"] for name, data in PICTURES.items()}


def test_a_shard_twice(tmp_path):
    """By its path however it is spelt, or by a sample that both have; keys may come again."""
    one = [("0.png", picture(0)), ("0.txt", b"a")]
    path = tarred(tmp_path / "0.tar", *one)
    (tmp_path / "link.tar").symlink_to(path)
    for shards in ([path, path], [path, f"{tmp_path}/{{0..0}}.tar"], [str(tmp_path / "*.tar")]):
        with pytest.raises(CmrError, match=r"the shard .*\.tar is given twice"):
            read_webdataset(shards)
    (tmp_path / "link.tar").unlink()
    tarred(tmp_path / "1.tar", ("1.png", picture(1)), ("1.txt", b"b"), *one)
    with pytest.raises(CmrError, match=r"0\.tar and .*1\.tar have the same sample '0'"):
        read_webdataset([str(tmp_path)])
    # A picture of the same size is not yet the same picture.
    size = len(picture(0))
    tarred(tmp_path / "1.tar", ("0.png", bytes(size)), ("0.txt", b"b"))
    found = read_webdataset([str(tmp_path)])
    assert [item.item_id for item in found.visuals] == ["0", "1/0"]
    assert list(seen(found)) == [picture(0), bytes(size)]


def test_patterns_of_shards(tmp_path):
    for name in ("8", "9", "10", "008", "009", "010", "x[1]"):
        tarred(tmp_path / f"{name}.tar", ("0.png", picture(0)))
    names = {"{8..10}": ["8", "9", "10"], "{008..010}": ["008", "009", "010"],
             "{8..010}": ["008", "009", "010"], "x[1]": ["x[1]"]}  # fmt: skip
    for pattern, wanted in names.items():
        assert expand([f"{tmp_path}/{pattern}.tar"]) == [f"{tmp_path}/{one}.tar" for one in wanted]
    with pytest.raises(CmrError, match="names more than 1,000,000 shards"):
        expand(["{0..999999999}.tar"])


def test_what_is_no_plain_file(tmp_path):
    """Links and folders are passed over as webdataset does; a sparse file is no picture."""
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("x.png" if kind != tarfile.DIRTYPE else "x")
            info.type, info.linkname = kind, "0.png"
            tar.addfile(info)
        add(tar, "/abs/0.png", picture(0))
        add(tar, "/abs/0.txt", b"a")
    found = read_webdataset([str(path)])
    assert [item.item_id for item in found.visuals] == ["/abs/0"]
    assert not found.lost
    # pax says of a sparse file how large it is once its holes are filled.
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("0.png")
        info.size, data = 512, b"1\n0\n4\n" + bytes(506)
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                            "GNU.sparse.name": "0.png", "GNU.sparse.realsize": "9999"}  # fmt: skip
        tar.addfile(info, io.BytesIO(data))
    reader = TarReader([str(path)])
    assert not reader.damages
    with pytest.raises(OSError, match="sparse"):
        reader.read("0.png")


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst"])
def test_compressed_shards(tmp_path, ending):
    import pyarrow as pa

    path = tmp_path / f"a.tar.{ending}"
    if ending == "zst":
        path.write_bytes(pa.compress(RAW, codec="zstd", asbytes=True))
    else:
        with tarfile.open(path, f"w:{ending}") as tar:
            for member in scan(io.BytesIO(RAW))[0]:
                add(tar, member.name, RAW[member.offset :][: member.size])
    found = read_webdataset([str(path)])
    assert seen(found) == {noise(n): [f"caption {n}"] for n in range(6)}
    assert not found.lost
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CmrError, match="not a readable tar archive"):
        read_webdataset([str(path)])


def test_names_twice_in_a_zip(tmp_path):
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/x.png", picture(0))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a/x.png", picture(1))
        archive.writestr("a/y.png", picture(2))
        archive.writestr("__MACOSX/a/._y.png", b"\0\5\x16\7")
        archive.writestr("b/z.png", picture(3))
        archive.writestr("c/z.png", picture(4))
        with archive.open("s.png", "w") as stream:
            stream.write(picture(5))
    reader = open_images(str(path))
    assert reader.read("a/y.png") == reader.read("y.png") == picture(2)
    assert reader.read("c/z.png") == picture(4)
    assert reader.read("s.png") == picture(5)
    for name in ("a/x.png", "x.png"):
        with pytest.raises(OSError, match=r"2 files of the archive are called a/x\.png"):
            reader.read(name)
    with pytest.raises(OSError, match=r"b/z\.png or c/z\.png"):
        reader.read("z.png")


def test_img2dataset_by_shard(tmp_path):
    """A key is its shard's own; a shard without its tar, or its table, is named."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for n in range(2):
        rows = {"key": [f"{n}"], "caption": [f"of {n}"], "status": ["success"]}
        pq.write_table(pa.table(rows), tmp_path / f"0000{n}.parquet")
    tarred(tmp_path / "00000.tar", ("0.jpg", picture(0)), ("1.jpg", picture(2)), ("._0.jpg", b"x"))
    with pytest.raises(CmrError, match=r"has 00001\.parquet and lacks 00001\.tar"):
        read_img2dataset(str(tmp_path))
    tarred(tmp_path / "00001.tar", ("1.jpg", picture(1)), ("0.jpg", picture(3)))
    assert seen(read_img2dataset(str(tmp_path))) == {picture(0): ["of 0"], picture(1): ["of 1"]}
    tarred(tmp_path / "00001.tar", ("1.jpg", picture(1)), ("1.png", picture(3)))
    with pytest.raises(CmrError, match="the shard 00001 has two pictures with the key '1'"):
        read_img2dataset(str(tmp_path))
    tarred(tmp_path / "00001.tar", ("1.jpg", picture(1)))
    (tmp_path / "00000.parquet").unlink()
    with pytest.raises(CmrError, match=r"has 00000\.tar and lacks 00000\.parquet"):
        read_img2dataset(str(tmp_path))


def test_ids_of_shards_collide_with_no_key(tmp_path):
    for shard, key in ((0, "1/a"), (0, "a"), (1, "a")):
        with tarfile.open(tmp_path / f"{shard}.tar", "a") as tar:
            add(tar, f"{key}.png", noise(len(key) + shard))
            add(tar, f"{key}.txt", key.encode())
    found = read_webdataset([str(tmp_path)])
    seen(found)
    assert [item.item_id for item in found.visuals] == ["1/a", "a", "1/1/a"]


def test_captions_of_shards(tmp_path):
    """Marks of encodings, empty files beside good ones, and every known name."""
    texts = {
        "a.txt": "ein Hund".encode("utf-16"), "b.txt": "\ufeffé".encode(),
        "c.txt": b" \n", "c.json": b'{"caption": "", "Sentences": ["c"]}',
        "d.json": b'{"TEXT": "d"}', "e.json": b'{"raw": null, "caption_0": "e"}',
        "f.txt": b"caf\xe9", "g.json": b'{"captions": ["g", "h"], "caption": "g"}',
        "h.json": b'{"caption_1": "2", "caption_0": "1"}', "i.txt": b"",
    }  # fmt: skip
    path = tarred(tmp_path / "a.tar", *((f"{key}.png", noise(n)) for n, key in
                                         enumerate("abcdefghi")), *texts.items())  # fmt: skip
    found = read_webdataset([path])
    told = [item.text for item in found.texts]
    assert told == ["ein Hund", "é", "c", "d", "e", "g", "h", "1", "2"]
    reasons = {one.source_row: one.reason for one in found.rejects}
    assert list(reasons) == ["a.tar: f", "a.tar: i"]
    assert "line 1 has the byte 0xe9" in reasons["a.tar: f"]
    assert found.bare == {"f", "i"}


def test_a_name_that_is_no_utf8_is_one_reject(tmp_path):
    with tarfile.open(
        tmp_path / "a.tar", "w", encoding="latin-1", format=tarfile.GNU_FORMAT
    ) as tar:
        for name in ("é", "a"):
            add(tar, f"{name}.png", noise(len(name)))
            add(tar, f"{name}.txt", b"x")
    found = read_webdataset([str(tmp_path / "a.tar")])
    assert [item.item_id for item in found.visuals] == ["a"]
    assert [one.reason for one in found.rejects] == ["its name is not UTF-8"]
    assert found.rejects[0].source_row.isascii()


def test_what_macos_adds_competes_with_nothing(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("top/a.png", b"real")
        archive.writestr("__MACOSX/top/a.png", b"junk")
        archive.writestr("__MACOSX/top/._a.png", b"junk")
    images = open_images(str(path))
    for name in ("a.png", "a", "a.PNG", "top/a.png"):
        assert images.read(images.locate(name)) == b"real"
