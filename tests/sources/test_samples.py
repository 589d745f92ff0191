"""Samples of shards: names twice, several shards, and what other tools leave in archives."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from cmr.errors import CmrError
from cmr.sources.images import open_images
from cmr.sources.img2dataset import read_img2dataset
from cmr.sources.shard_names import expand
from cmr.sources.tars import TarReader
from cmr.sources.tarscan import scan
from cmr.sources.webdataset import read_webdataset
from tests.sources.test_archives import RAW, noise
from tests.sources.test_formats import PICTURES, add, picture, seen


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
