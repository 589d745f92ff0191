"""What stands in the cells of a table: numbers, names of columns, ids, and missing pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cmr.errors import CmrError
from cmr.pipeline.contents import sound_texts, without_bare
from cmr.sources.arrays import read_arrays
from cmr.sources.coco import read_coco
from cmr.sources.labels import read_captions
from cmr.sources.pairs import read_pairs
from cmr.sources.qrels import read_qrels
from cmr.sources.video import read_msrvtt
from cmr.sources.whole_numbers import whole_number


def test_whole_numbers():
    for value, number in ((3, 3), (1.0, 1), ("1.0", 1), (" 7 ", 7), ("-2", -2), ("1.", 1)):
        assert whole_number(value) == number
    for value in (1.5, True, "0_1", "1e3", "1.5", "", None, "\u0661", float("nan"), float("inf"),
                  [1], "9" * 2000):  # fmt: skip
        with pytest.raises(ValueError, match="not a whole number"):
            whole_number(value)


def test_relevance_as_pandas_writes_it(tmp_path):
    files = {
        "q.txt": "q 0 d 1.0\n", "q.csv": "Text_ID,Visual_ID,Relevance\nq,d,1.0\n",
        "q.json": '{"q": {"d": 1.0}}', "q.jsonl": '{"query_id": "q", "item_id": "d", "rel": 1.0}\n',
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        found = read_qrels(str(tmp_path / name))
        assert (found.queries, found.items, found.relevance) == (["q"], ["d"], [1])
        for wrong in ("1_0", "1.5") if name != "q.json" else ("1.5",):
            (tmp_path / name).write_text(
                text.replace("1.0", wrong).replace("1_0", '"1_0"')
                if name == "q.jsonl"
                else text.replace("1.0", wrong)
            )
            with pytest.raises(CmrError, match="expected a whole number"):
                read_qrels(str(tmp_path / name))


def test_pairs_of_arrays(tmp_path):
    np.save(tmp_path / "v.npy", np.eye(3))
    path = tmp_path / "p.csv"
    files = (str(tmp_path / "v.npy"), str(tmp_path / "v.npy"), str(path))
    path.write_text("Text,VISUAL,Relevance\n0,0,1.0\n1,2,2\n")
    assert [(j.text_id, j.visual_id, j.relevance) for j in read_arrays(*files).judgments] == [
        ("0", "0", 1), ("1", "2", 2)]  # fmt: skip
    for rows, words in (
        ("0,0.5", r"row 0 \(line 2\) is .*expected whole numbers"),
        ("0,0_1", "expected whole numbers"),
        ("0,True", "expected whole numbers"),
        ("0," + "9" * 999, "is .{55,75}, outside the 3 texts"),
        ("0,0\n0,0", r"row 1 \(line 3\) is \(0, 0\) again, which was pair 0"),
    ):
        path.write_text(f"text,visual\n{rows}\n")
        with pytest.raises(CmrError, match=words):
            read_arrays(*files)


def test_names_of_columns_in_any_case(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("Image,Caption,SPLIT\na.jpg,a,train\nb.jpg,b,Test\nc.jpg,c,\n")
    found = read_pairs(str(path))
    assert [item.text for item in found.texts] == ["b"]
    assert found.notes[0].endswith("1 row is left out for having no split")
    path.write_text("VIDEO_ID,Sentence,Key,Split\na,a,k,train\nb,b,l,test\n")
    found = read_msrvtt(str(path), str(tmp_path))
    assert [(item.item_id, item.text) for item in found.texts] == [("l", "b")]
    path.write_text("Caption,other\none,1\ntwo,2\n")
    assert read_captions(str(path), 2) == ["one", "two"]


def test_a_picture_on_the_web_is_one_reject(tmp_path):
    (tmp_path / "t.csv").write_text("image,caption\nhttps://x.example/a.jpg,a\nb.jpg,b\n")
    (tmp_path / "b.jpg").write_bytes(b"b")
    for images in (None, str(tmp_path)):
        found = read_pairs(str(tmp_path / "t.csv"), images)
        with pytest.raises(FileNotFoundError):
            found.reader.read(found.visuals[0].uri)
        assert "row 0 (line 2)" in found.places["https://x.example/a.jpg"]
        assert found.reader.read(found.visuals[1].uri) == b"b"


def test_coco_ids(tmp_path):
    path = tmp_path / "c.json"
    rows = [{"id": n, "image_id": 1.0, "caption": "x"} for n in (4.0, 5)]
    path.write_text(json.dumps({"images": [{"id": 1, "file_name": "a"}], "annotations": rows}))
    found = read_coco(str(path), str(tmp_path))
    assert [(j.text_id, j.visual_id) for j in found.judgments] == [("4", "1"), ("5", "1")]
    rows[1]["id"] = 4
    path.write_text(json.dumps({"images": [{"id": 1, "file_name": "a"}], "annotations": rows}))
    with pytest.raises(CmrError, match=r"annotations\[1\] repeats the id 4 of annotations\[0\]"):
        read_coco(str(path), str(tmp_path))


def test_pictures_without_a_caption_left(tmp_path):
    """One whose every caption was rejected is rejected, one that nobody captioned stays."""
    rows = [{"id": n, "image_id": of, "caption": told} for n, (of, told) in enumerate(
        [(1, "x"), (1, ""), (2, ""), (3, "\ud800"), (3, " ")])]  # fmt: skip
    images = [{"id": n, "file_name": f"{n}.png"} for n in (1, 2, 3, 4)]
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "annotations": rows}))
    found, rejects = without_bare(sound_texts(read_coco(str(tmp_path / "c.json"), str(tmp_path))))
    assert [item.item_id for item in found.visuals] == ["1", "4"]
    assert [one.source_row for one in rejects] == ["2.png", "3.png"]
    assert "has no caption left" in rejects[0].reason
