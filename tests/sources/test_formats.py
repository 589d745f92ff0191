"""Every format, written as its own tools write it, is read to the same items and judgments."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from cmr.errors import CmrError
from cmr.sources.collection import check
from cmr.sources.img2dataset import read_img2dataset
from cmr.sources.karpathy import read_karpathy
from cmr.sources.pairs import read_pairs
from cmr.sources.webdataset import read_webdataset

NAMES = ["0012", "ünï 🦊", "c"]
CAPTIONS = [["a dog", "one dog"], ["شمس"], ["<b>three</b>", "drei, “quoted”"]]


def picture(n):
    out = io.BytesIO()
    Image.new("RGB", (24, 24), (40 * n, 90, 200 - 40 * n)).save(out, "PNG")
    return out.getvalue()


PICTURES = {name: picture(n) for n, name in enumerate(NAMES)}


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, data in PICTURES.items():
        (folder / f"{name}.png").write_bytes(data)
    return folder


def seen(collection):
    """{picture bytes or visual id: captions}, whatever the ids are."""
    check(collection)
    captions = {item.item_id: item.text for item in collection.texts}
    found = {}
    for visual in collection.visuals:
        key = visual.item_id
        if collection.reader is not None:
            key = collection.reader.read(visual.uri)
        found[key] = [
            captions[j.text_id] for j in collection.judgments if j.visual_id == visual.item_id
        ]
    return found


EXPECTED = {PICTURES[name]: told for name, told in zip(NAMES, CAPTIONS, strict=True)}


def split_json(photos, **changes):
    entries, sentence = [], 0
    for number, (name, told) in enumerate(zip(NAMES, CAPTIONS, strict=True)):
        sentences = []
        for text in told:
            sentences.append({"raw": text, "tokens": text.split(), "sentid": sentence})
            sentence += 1
        entries.append(
            {"filename": f"{name}.png", "imgid": number, "split": "test", "sentences": sentences}
        )
    extra = {"filename": "no.png", "imgid": 9, "split": "train", "sentences": []}
    path = photos.parent / "dataset.json"
    path.write_text(json.dumps({"images": [*entries, extra | changes]}, ensure_ascii=False))
    return path


def test_karpathy(photos):
    found = read_karpathy(str(split_json(photos)), str(photos))
    assert seen(found) == EXPECTED
    assert [item.item_id for item in found.texts] == ["0", "1", "2", "3", "4"]
    with pytest.raises(CmrError, match="unknown split 'dev'"):
        read_karpathy(str(split_json(photos)), str(photos), ["dev"])
    with pytest.raises(CmrError, match=r"images\[3\] has the split 'dev'"):
        read_karpathy(str(split_json(photos, split="dev")), str(photos))
    coco = split_json(photos, split="test", cocoid=391895, filepath="val2014")
    visual = read_karpathy(str(coco), str(photos)).visuals[-1]
    assert (visual.item_id, visual.uri) == ("391895", "val2014/no.png")


def rows_of_pairs(as_list):
    if as_list:
        return [
            {"image": f"{name}.png", "caption": told}
            for name, told in zip(NAMES, CAPTIONS, strict=True)
        ]
    return [
        {"image": f"{name}.png", "caption": text}
        for name, told in zip(NAMES, CAPTIONS, strict=True)
        for text in told
    ]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("as_list", [False, True])
def test_pairs(photos, tmp_path, ending, as_list):
    import polars as pl

    rows = rows_of_pairs(as_list)
    if as_list and ending in ("csv", "tsv"):
        rows = [row | {"caption": json.dumps(row["caption"])} for row in rows]
    table = pl.DataFrame(rows)
    path = tmp_path / f"pairs.{ending}"
    if ending == "parquet":
        table.write_parquet(path)
    elif ending == "jsonl":
        table.write_ndjson(path)
    else:
        table.write_csv(path, separator="," if ending == "csv" else "\t")
    found = read_pairs(str(path), str(photos))
    assert seen(found) == EXPECTED
    assert found.visuals[0].item_id == "0012.png"


def test_pairs_with_faults(photos, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("path,caption\n0012.png,a\n,b\nc.png,\n")
    found = read_pairs(str(path), str(photos))
    assert [reject.source_row for reject in found.rejects] == ["row 1 (line 3)", "row 2 (line 4)"]
    with pytest.raises(CmrError, match="has no column 'title'; it has path, caption"):
        read_pairs(str(path), str(photos), caption_column="title")
    path.write_text("a,b\n1,2\n")
    with pytest.raises(CmrError, match="--media-column names another"):
        read_pairs(str(path), str(photos))
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(CmrError, match="not a readable Parquet file"):
        read_pairs(str(tmp_path / "x.parquet"), str(photos))


def add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize("text", ["txt", "json"])
def test_webdataset(tmp_path, text):
    for shard, names in enumerate((NAMES[:2], NAMES[2:])):
        with tarfile.open(tmp_path / f"{shard}.tar", "w") as tar:
            for name in names:
                told = CAPTIONS[NAMES.index(name)]
                add(tar, f"./{name}.png", PICTURES[name])
                data = "\n".join(told) if text == "txt" else json.dumps({"caption": told})
                add(tar, f"./{name}.{text}", data.encode())
    (tmp_path / "nshards.txt").write_text("2")
    for shards in ([str(tmp_path / "{0..1}.tar")], [str(tmp_path)], [str(tmp_path / "*.tar")]):
        found = read_webdataset(shards)
        assert seen(found) == EXPECTED
        assert [item.item_id for item in found.visuals] == NAMES
    with pytest.raises(CmrError, match="there is no file"):
        read_webdataset([str(tmp_path / "{0..2}.tar")])


def test_webdataset_with_faults(tmp_path):
    """Names that lead elsewhere are only names, links are no samples, keys may come again."""
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        add(tar, "../../etc/c.png", PICTURES["c"])
        add(tar, "../../etc/c.txt", b"three")
        link = tarfile.TarInfo("x.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        add(tar, "x.txt", b"a link")
        add(tar, "d.png", PICTURES["c"])
        add(tar, "d.txt", b"\xff")
        add(tar, "e.png", PICTURES["c"])
        add(tar, "e.txt", b"again")
    found = read_webdataset([str(path)])
    reasons = {reject.source_row: reject.reason for reject in found.rejects}
    assert "no picture or clip among txt" in reasons["a.tar: x"]
    assert "captions are not readable" in reasons["a.tar: d"]
    assert [item.item_id for item in found.visuals] == ["../../etc/c", "d", "e"]
    assert not (tmp_path.parent / "etc").exists()
    (tmp_path / "b.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(CmrError, match="not a readable tar"):
        read_webdataset([str(tmp_path / "b.tar")])


@pytest.mark.parametrize("layout", ["files", "tar", "parquet"])
def test_img2dataset(tmp_path, layout):
    rows = {
        "key": ["000000", "000001", "000002"],
        "caption": ["a dog", "شمس", "gone"],
        "status": ["success", "success", "failed_to_download"],
        "error_message": [None, None, "404"],
    }
    pictures = [PICTURES["0012"], PICTURES["c"], None]
    if layout == "parquet":
        rows["jpg"] = pictures
    elif layout == "files":
        (tmp_path / "00000").mkdir()
        for key, data in zip(rows["key"][:2], pictures, strict=False):
            (tmp_path / "00000" / f"{key}.jpg").write_bytes(data)
            (tmp_path / "00000" / f"{key}.json").write_text("{}")
    else:
        with tarfile.open(tmp_path / "00000.tar", "w") as tar:
            for key, data in zip(rows["key"][:2], pictures, strict=False):
                add(tar, f"{key}.jpg", data)
                add(tar, f"{key}.txt", b"text")
    pq.write_table(pa.table(rows), tmp_path / "00000.parquet")
    found = read_img2dataset(str(tmp_path))
    assert seen(found) == {PICTURES["0012"]: ["a dog"], PICTURES["c"]: ["شمس"]}
    assert found.rejects[0].reason == "not fetched: 404"
    with pytest.raises(CmrError, match="lacks the column 'title'"):
        read_img2dataset(str(tmp_path), caption_column="title")


def test_archives_of_pictures(photos, tmp_path):
    """The same from a folder, a zip and a tar."""
    annotations = split_json(photos)
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for path in photos.iterdir():
            archive.write(path, f"photos/{path.name}")
    with tarfile.open(tmp_path / "p.tar", "w") as tar:
        for path in photos.iterdir():
            tar.add(path, path.name)
    for images in (photos, tmp_path / "p.zip", tmp_path / "p.tar"):
        assert seen(read_karpathy(str(annotations), str(images))) == EXPECTED
