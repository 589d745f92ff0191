"""Archives, pictures, captions and ids that were made to do harm, or look as if."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile

import pytest
from PIL import Image

from cmr.encode.decode import decode
from cmr.errors import CmrError
from cmr.sources.images import open_images
from cmr.sources.tars import TarReader
from cmr.sources.webdataset import read_webdataset
from cmr.views import connect
from tests.clips import make_clip
from tests.conftest import TOY, snapshot
from tests.sources.test_formats import PICTURES, add, picture


def zipped(tmp_path, **members):
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_damaged_members_of_a_zip(tmp_path):
    """A wrong sum, an encrypted member, one that says it is larger than it is: OSError each."""
    path = zipped(tmp_path, good=picture(0), bad=b"x" * 5000)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    for place, change in ((16, b"\0\0\0\1"), (8, b"\1\0"), (24, struct.pack("<I", 4900))):
        wrong = data.copy()
        wrong[at + place : at + place + len(change)] = change
        path.write_bytes(wrong)
        reader = open_images(str(path))
        assert reader.read("good") == picture(0)
        with pytest.raises(OSError, match="bad"):
            reader.read("bad")


def test_a_zip_that_is_a_bomb(tmp_path):
    path = zipped(tmp_path, bomb=b"\0" * 5000)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(data)
    with pytest.raises(OSError, match="too many for a picture"):
        open_images(str(path)).read("bomb")


def test_broken_pictures_in_a_zip_are_rejects(cmr, tmp_path):
    from cmr.sources.scenes_draw import render, scenes

    names = {}
    for n, scene in enumerate(scenes("test", 4)):
        out = io.BytesIO()
        render(scene).save(out, "PNG")
        names[f"{n}.png"] = out.getvalue()
    path = zipped(tmp_path, **names)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 16] ^= 0xFF
    path.write_bytes(data)
    rows = "".join(f"{name},caption {name}\n" for name in names)
    (tmp_path / "c.csv").write_text("image,caption\n" + rows)
    base = ("ingest", "pairs", *TOY, tmp_path / "c.csv", "--images", path, "-w", tmp_path / "w")
    said = cmr(*base, code=1).stderr
    assert "1 of 4 pictures cannot be used" in said
    assert not (tmp_path / "w").exists()
    cmr(*base, "--max-rejects", "0.5")
    reasons = connect(str(tmp_path / "w")).execute("select * from rejects").fetchall()
    assert [row[0] for row in reasons] == ["3.png"]


@pytest.mark.slow
def test_compressed_tars(tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, data in PICTURES.items():
            add(tar, f"{name}.png", data)
    reader = TarReader([str(path)])
    assert [reader.read(f"{name}.png") for name in PICTURES] == list(PICTURES.values())
    with gzip.open(tmp_path / "bomb.tar.gz", "wb") as out:
        for _ in range(300):
            out.write(bytes(2**20))
    with pytest.raises(CmrError, match="over 100 times its size"):
        TarReader([str(tmp_path / "bomb.tar.gz")])
    (tmp_path / "cut.tar.gz").write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CmrError, match="not a readable tar"):
        TarReader([str(tmp_path / "cut.tar.gz")])


def test_names_that_lead_out(tmp_path):
    """Nothing is unpacked, so such names are only names; no file appears outside."""
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("../../evil.png", picture(1))
        archive.writestr("/etc/evil.png", picture(2))
    inside = tmp_path / "in" / "side"
    inside.mkdir(parents=True)
    (inside / "a.png").write_bytes(picture(0))
    (inside / "link.png").symlink_to("/etc/hostname")
    before = snapshot(tmp_path)
    reader = open_images(str(tmp_path / "z.zip"))
    assert reader.read("../../evil.png") == picture(1)
    folder = open_images(str(inside))
    for uri in ("../../z.zip", "/etc/hostname", "link.png"):
        with pytest.raises(PermissionError, match="leads out of"):
            folder.read(uri)
    assert snapshot(tmp_path) == before


@pytest.mark.slow
def test_a_picture_that_is_a_bomb():
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    with pytest.raises(ValueError, match="too many pixels"):
        decode(out.getvalue())


@pytest.mark.slow
def test_texts_and_ids_come_back_as_they_are(cmr, tmp_path):
    """Right-to-left, emoji, markup, zero bytes, paths and leading zeros: nothing is changed."""
    from cmr.sources.scenes_draw import render, scenes

    captions = [
        "قطة على السرير", "שלום עולם", "👩‍👩‍👧‍👦 family 🏳️‍🌈", "<script>alert(1)</script>",
        "a\tb\\n'\"; drop table",
        "ｆｕｌｌ ﬁ e\u0301 \u202eabc", "=cmd|'/C calc'!A0", "Ω" * 5000,
    ]  # fmt: skip
    ids = ["007", "7", "../../x", "a/b=c&d%20", "NULL", "1e3", "ünï 🦊", "..."]
    folder = tmp_path / "p"
    folder.mkdir()
    images, annotations = [], []
    for n, scene in enumerate(scenes("test", len(ids))):
        render(scene).save(folder / f"{n}.png")
        images.append({"id": ids[n], "file_name": f"{n}.png"})
        annotations.append({"id": ids[n], "image_id": ids[n], "caption": captions[n]})
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    root = tmp_path / "w"
    said = cmr("ingest", "coco", *TOY, "--annotations", path, "--images", folder, "-w", root).stderr
    assert "captions are longer than the model's" in said
    con = connect(str(root))
    rows = con.execute(
        "select item_id, text from items where modality = 'text' order by ordinal"
    ).fetchall()
    assert rows == list(zip(ids, captions, strict=True))
    cmr("evaluate", "-w", root, "--dims", "64", "--precisions", "int8", "--candidates", "4",
        "--hits", "2")  # fmt: skip
    # A connection sees one state of a warehouse: this one is of after the evaluation.
    found = connect(str(root)).execute("select distinct query_id from ranks").fetchall()
    assert {row[0] for row in found} == set(ids)
    shown = cmr("sql", "from items where modality = 'text'", "-w", root, "--format", "json").stdout
    assert {row["text"] for row in json.loads(shown)} == set(captions)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_invalid_utf8(cmr, tmp_path, ending):
    path = tmp_path / f"c.{ending}"
    rows = {"csv": b"image,caption\na.png,\xff\xfe\n", "tsv": b"image\tcaption\na.png\t\xff\n",
            "jsonl": b'{"image": "a.png", "caption": "\xff"}\n'}  # fmt: skip
    path.write_bytes(rows[ending])
    said = cmr("ingest", "pairs", *TOY, path, "-w", tmp_path / "w", code=1).stderr
    assert f"c.{ending} is not UTF-8 text: line" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "w").exists()


def test_shards_of_clips(tmp_path):
    """webdataset's samples may be clips; pictures and clips together are refused by name."""
    clip = make_clip([(200, 0, 0), (0, 0, 200)])
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        add(tar, "a.mp4", clip)
        add(tar, "a.txt", b"two colours")
    found = read_webdataset([str(tmp_path / "0.tar")])
    assert found.clips
    assert found.reader.read(found.visuals[0].uri) == clip
    with tarfile.open(tmp_path / "1.tar", "w") as tar:
        add(tar, "b.png", picture(1))
        add(tar, "b.txt", b"a picture")
    with pytest.raises(CmrError, match=r"1\.tar: b is a picture and 0\.tar: a a clip"):
        read_webdataset([str(tmp_path)])
