"""Which rows are read of a table that says what each is for."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cmr.cli.main import main
from cmr.errors import CmrError
from cmr.sources import source_kinds
from cmr.sources.hf import read_hf
from cmr.sources.img2dataset import read_img2dataset
from cmr.sources.karpathy import read_karpathy
from cmr.sources.pairs import read_pairs
from cmr.sources.splits import choose
from cmr.sources.video import read_msrvtt, read_video
from tests.sources.test_formats import PICTURES

PNG = next(iter(PICTURES.values()))


def test_choose():
    assert choose("f", [None, "", float("nan")], None).names is None
    assert choose("f", ["val", "val", None], None).names is None
    found = choose("f", ["train", "test", "val"], None)
    assert (found.names, [found.take(one) for one in ("test", "Test ", "val", None)]) == (
        ("test",), [True, True, False, False],
    )  # fmt: skip
    assert (
        found.note == "only the split test is read, not train, val (--split NAME, or --split all)"
    )
    found = choose("f", ["train", "Test", "val"], "val,TEST")
    assert not found.note
    assert [found.take(one) for one in ("val", "Test", "train")] == [True, True, False]
    assert choose("f", ["train", "test"], ["all"]).take(None)
    assert choose("f", [], "all").names is None
    assert choose("f", [0, 1], "1").take(1)
    for values, asked, words in (
        (["train", "val"], None, "f has the splits train, val: --split NAME reads one of them"),
        (["train", "val"], "test", "f has no split 'test'; it has train, val"),
        ([None], "test", "f has no split 'test', nor any other"),
    ):
        with pytest.raises(CmrError, match=words):
            choose("f", values, asked)


def of(found):
    """Captions by split."""
    seen = {}
    for item in found.texts:
        seen.setdefault(item.split, []).append(item.text)
    assert {item.split for item in found.visuals} >= set(seen)
    return seen


def test_every_table(tmp_path):
    rows = [("a.png", "a", "train"), ("b.png", "b", "test"), ("c.png", "c", "val")]
    table = tmp_path / "t.csv"
    table.write_text("image,caption,split\n" + "".join(f"{','.join(row)}\n" for row in rows))
    clips = tmp_path / "m.csv"
    clips.write_text("video_id,sentence,split\n" + "".join(f"{','.join(row)}\n" for row in rows))
    (tmp_path / "i").mkdir()
    columns = dict(zip(("key", "caption", "split"), zip(*rows, strict=True), strict=True))
    pq.write_table(pa.table({**columns, "jpg": [PNG] * 3}), tmp_path / "i" / "0.parquet")
    msrvtt = tmp_path / "m.json"
    msrvtt.write_text(json.dumps({
        "videos": [{"video_id": row[0], "split": row[2]} for row in rows],
        "sentences": [{"video_id": row[0], "caption": row[1]} for row in rows],
    }))  # fmt: skip
    folder = str(tmp_path)
    for read in (
        lambda split: read_pairs(str(table), split=split),
        lambda split: read_video(str(table), folder, split=split),
        lambda split: read_msrvtt(str(clips), folder, split=split),
        lambda split: read_msrvtt(str(msrvtt), folder, split=split),
        lambda split: read_img2dataset(str(tmp_path / "i"), split=split),
    ):
        found = read(None)
        assert of(found) == {"test": ["b"]}
        assert "only the split test is read, not train, val" in found.notes[0]
        assert list(found.settings["split"]) == ["test"]
        assert of(read("val,train")) == {"train": ["a"], "val": ["c"]}
        assert of(read(["all"])) == {"train": ["a"], "test": ["b"], "val": ["c"]}
        assert not read("val").notes
        with pytest.raises(CmrError, match="has no split 'dev'; it has test, train, val"):
            read("dev")


def test_karpathy_goes_by_either_name(tmp_path):
    images = [
        {"filename": f"{name}.png", "imgid": n, "split": name,
         "sentences": [{"raw": name, "sentid": n}]}
        for n, name in enumerate(("train", "restval", "test"))
    ]  # fmt: skip
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"images": images}))
    assert of(read_karpathy(str(path), str(tmp_path))) == {"test": ["test"]}
    assert len(of(read_karpathy(str(path), str(tmp_path), ["all"]))) == 3
    with pytest.raises(CmrError, match="no picture of the split val; it has restval, test, train"):
        read_karpathy(str(path), str(tmp_path), ["val"])
    # As warehouses and scripts of before have it.
    told = {"annotations": str(path), "images": str(tmp_path), "splits": ["train"]}
    assert of(source_kinds.read_again({"source": "karpathy", "arguments": told})) == {
        "train": ["train"]
    }
    helped = CliRunner().invoke(main, ["ingest", "karpathy", "--help"]).stdout
    assert "--split, --splits" in helped
    for name in ("pairs", "hf", "video", "msrvtt", "img2dataset", "karpathy"):
        assert "--split" in CliRunner().invoke(main, ["ingest", name, "--help"]).stdout


def write(folder, name, captions, splits=None):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [{"bytes": PNG + one.encode(), "path": None} for one in captions]
    columns = {"image": pictures, "caption": captions}
    pq.write_table(pa.table(columns | ({"split": splits} if splits else {})), path)


def test_hugging_face_files(tmp_path):
    """Files are called by splits: data/test-00000-of-00001, or test/0000."""
    shards = tmp_path / "a"
    for name in ("train", "validation", "test"):
        write(shards, f"data/{name}-00000-of-00002.parquet", [f"{name} 0"])
        write(shards, f"data/{name}-00001-of-00002.parquet", [f"{name} 1"])
    folders = tmp_path / "b"
    for name in ("train", "validation", "test"):
        write(folders, f"default/{name}/0000.parquet", [f"{name} 0", f"{name} 1"])
    for root in (shards, folders):
        found = read_hf(str(root))
        assert of(found) == {"test": ["test 0", "test 1"]}
        assert "not train, validation" in found.notes[0]
        assert [found.reader.read(item.uri) for item in found.visuals] == [
            PNG + b"test 0", PNG + b"test 1",
        ]  # fmt: skip
        found = read_hf(str(root), split="validation")
        assert of(found) == {"validation": ["validation 0", "validation 1"]}
        assert found.reader.read(found.visuals[1].uri) == PNG + b"validation 1"
        assert len(read_hf(str(root), split="all").texts) == 6
        with pytest.raises(CmrError, match="no split 'dev'; it has test, train, validation"):
            read_hf(str(root), split="dev")


def test_hugging_face_shards_that_are_missing(tmp_path):
    write(tmp_path, "train-00001-of-00002.parquet", ["a"])
    for shard, split in enumerate(("test", "val", "val")):
        write(tmp_path, f"test-0000{shard}-of-00003.parquet", [split], [split])
    # Of a shard without rows of the split nothing is missing; of train nothing was asked.
    assert of(read_hf(str(tmp_path), split="test")) == {"test": ["test"]}
    with pytest.raises(CmrError, match=r"there is no file .*train-00000-of-00002\.parquet"):
        read_hf(str(tmp_path), split="train")
    assert of(read_hf(str(tmp_path), split="train-00001")) == {"train": ["a"]}
    pq.write_table(pa.table({"image": [], "caption": []}), tmp_path / "none.parquet")
    with pytest.raises(CmrError, match="has no rows"):
        read_hf(str(tmp_path), split="none")


def test_hugging_face_rows(tmp_path):
    """Flickr30k has one file, test, with rows of all splits; COCO's file train has two."""
    flickr = tmp_path / "flickr"
    write(flickr, "test-00000-of-00001.parquet", list("abc"), ["train", "test", "val"])
    assert of(read_hf(str(flickr))) == of(read_hf(str(flickr), split="test")) == {"test": ["b"]}
    assert of(read_hf(str(flickr), split="val")) == {"val": ["c"]}
    assert len(read_hf(str(flickr), split="all").texts) == 3
    coco = tmp_path / "coco"
    write(coco, "train-00000-of-00001.parquet", list("abc"), ["train", "restval", "train"])
    write(coco, "validation-00000-of-00001.parquet", list("de"), ["val", "val"])
    write(coco, "test-00000-of-00001.parquet", list("f"), ["test"])
    assert of(read_hf(str(coco))) == {"test": ["f"]}
    assert of(read_hf(str(coco), split="validation")) == {"val": ["d", "e"]}
    assert of(read_hf(str(coco), split="val")) == {"val": ["d", "e"]}
    found = read_hf(str(coco), split="train")
    assert of(found) == {"train": ["a", "c"]}
    assert "1 row is left out of the files of that name" in found.notes[0]
    assert of(read_hf(str(coco), split="restval,test")) == {"restval": ["b"], "test": ["f"]}


def test_hugging_face_configurations(tmp_path):
    for name in ("en", "de"):
        write(tmp_path, f"a/{name}/test-00000-of-00001.parquet", [name])
        write(tmp_path, f"b/{name}/test/0000.parquet", [name])
        write(tmp_path, f"c/{name}/{name}.parquet", [name])
    for root in ("a", "b"):
        with pytest.raises(CmrError, match=rf"{root}/de and .*{root}/en both have files called te"):
            read_hf(str(tmp_path / root))
        assert len(read_hf(str(tmp_path / root / "en")).texts) == 1
    assert len(read_hf(str(tmp_path / "c")).texts) == 2


def test_hugging_face_rows_without_a_split(tmp_path):
    path = tmp_path / "test-00000-of-00001.parquet"
    pictures = [{"bytes": PNG, "path": None}] * 3
    table = {"image": pictures, "caption": list("abc"), "Split": ["test", "train", None]}
    pq.write_table(pa.table(table), path)
    found = read_hf(str(tmp_path))
    assert of(found) == {"test": ["a"]}
    assert "1 row is left out for having no split" in found.notes[0]


def test_karpathy_in_any_case(tmp_path):
    images = [{"filename": "a", "imgid": 0, "split": "Test", "sentences": [
        {"raw": "a", "sentid": 0}]}]  # fmt: skip
    (tmp_path / "d.json").write_text(json.dumps({"images": images}))
    assert of(read_karpathy(str(tmp_path / "d.json"), str(tmp_path), ["TEST"])) == {"test": ["a"]}
