"""A picture that a table has once for each of its captions is one visual with them all."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cmr.errors import CmrError
from cmr.pipeline.contents import hash_contents, same_contents
from cmr.progressbar import no_bar
from cmr.sources.collection import check
from cmr.sources.hf import read_hf
from cmr.sources.img2dataset import read_img2dataset
from cmr.sources.pairs import read_pairs
from tests.sources.test_formats import picture


def ingested(found):
    """As `cmr ingest` takes it, before encoding."""
    check(found)
    found, missing = hash_contents(found, 2, no_bar)
    assert not missing
    found = same_contents(found)
    check(found)
    return found


def groups(found):
    texts = {item.item_id: item.text for item in found.texts}
    seen = {item.item_id: [] for item in found.visuals}
    for one in found.judgments:
        seen[one.visual_id].append(texts[one.text_id])
    return seen


EXPECTED = {f"{3 * n:03}": [f"{n} in way {way}" for way in range(3)] for n in range(4)}


def fetched(tmp_path, **columns):
    """What img2dataset makes of a table with a row a caption: four pictures, three times each."""
    keys = [f"{row:03}" for row in range(12)]
    folder = tmp_path / "f" / "0"
    folder.mkdir(parents=True)
    for row, key in enumerate(keys):
        (folder / f"{key}.png").write_bytes(picture(row // 3))
    table = {"key": keys, "caption": [f"{row // 3} in way {row % 3}" for row in range(12)],
             "status": ["success"] * 12, **columns}  # fmt: skip
    pq.write_table(pa.table(table), tmp_path / "f" / "0.parquet")
    return str(tmp_path / "f")


def test_img2dataset_by_url_sum_or_content(tmp_path):
    urls = [f"http://x.example/{row // 3}.jpg" for row in range(12)]
    sums = [str(row // 3) for row in range(12)]
    for number, columns in enumerate(
        ({"url": urls}, {"sha256": sums}, {"url": urls, "sha256": sums})
    ):
        found = read_img2dataset(fetched(tmp_path / str(number), **columns))
        assert groups(found) == EXPECTED
        assert found.settings["merged_rows"] == 8
        assert "12 rows have 4 pictures" in found.notes[0]
        assert groups(ingested(found)) == EXPECTED
    # Nothing but the pictures themselves, or other addresses of them.
    others = [f"http://x.example/{row}.jpg" for row in range(12)]
    found = read_img2dataset(fetched(tmp_path / "content", url=others, sha256=[None] * 12))
    assert len(found.visuals) == 12
    found = ingested(found)
    assert groups(found) == EXPECTED
    assert found.settings["merged"] == 8
    assert "12 pictures are 4 different ones" in found.notes[0]
    limited = read_img2dataset(fetched(tmp_path / "limit", url=urls), limit=2)
    assert groups(limited) == dict(list(EXPECTED.items())[:2])


def hugging(tmp_path, pictures, **columns):
    tmp_path.mkdir(exist_ok=True)
    images = [{"bytes": one, "path": None} for one in pictures]
    pq.write_table(pa.table({"image": images, **columns}), tmp_path / "test.parquet")
    return str(tmp_path)


def test_hugging_face(tmp_path):
    pictures = [picture(row // 3) for row in range(12)]
    captions = [f"{row // 3} in way {row % 3}" for row in range(12)]
    folder = hugging(tmp_path / "a", pictures, caption=captions, id=[row // 3 for row in range(12)])
    found = ingested(read_hf(folder))
    assert list(groups(found).values()) == list(EXPECTED.values())
    assert [item.item_id for item in found.visuals] == ["0", "3", "6", "9"]
    found = ingested(read_hf(folder, id_column="id"))
    assert list(groups(found).values()) == list(EXPECTED.values())
    assert [item.item_id for item in found.visuals] == ["0", "1", "2", "3"]
    assert [item.item_id for item in found.texts[:3]] == ["0#0", "0@1#0", "0@2#0"]
    for keys in (None, "id"):
        limited = ingested(read_hf(folder, id_column=keys, limit=2))
        assert list(groups(limited).values()) == list(EXPECTED.values())[:2]
    folder = hugging(tmp_path / "b", pictures, caption=captions, id=[0] * 12)
    with pytest.raises(
        CmrError, match="row 3 has the id '0' of an earlier row but another picture"
    ):
        read_hf(folder, id_column="id")
    folder = hugging(tmp_path / "c", pictures, caption=captions, id=[None] * 12)
    with pytest.raises(CmrError, match="row 0 has the id None, expected text or a number"):
        read_hf(folder, id_column="id")


def test_hugging_face_layouts_of_captions(tmp_path):
    """HuggingFaceM4's COCO, jxie's Flickr8k, binary columns, arrow's kinds of string."""
    pictures = [picture(0), picture(1)]
    sentences = [{"raw": f"a dog {n}", "sentid": n, "tokens": ["a", "dog"]} for n in range(2)]
    for name, columns, expected in (
        ("struct", {"sentences": sentences}, [["a dog 0"], ["a dog 1"]]),
        ("structs", {"sentences": [sentences, sentences[:1]]},
         [["a dog 0", "a dog 1"], ["a dog 0"]]),
        ("bytes", {"caption": pa.array([b"a", b"\xc3\xa9"], pa.binary())}, [["a"], ["é"]]),
        ("large", {"caption": pa.array(["a", "b"], pa.large_string())}, [["a"], ["b"]]),
        ("dictionary", {"caption": pa.array(["a", "b"]).dictionary_encode()}, [["a"], ["b"]]),
        ("nested", {"caption": [[["a", "b"]], [["c"]]]}, [["a", "b"], ["c"]]),
        ("spelt", {"caption": ['["a", "b"]', "c"]}, [["a", "b"], ["c"]]),
        ("columns", {f"caption_{n}": [str(n), f"{n}!"] for n in range(5)},
         [list("01234"), [f"{n}!" for n in range(5)]]),
    ):  # fmt: skip
        found = read_hf(hugging(tmp_path / name, pictures, **columns))
        assert list(groups(found).values()) == expected, name
    folder = hugging(tmp_path / "null", pictures, caption=pa.array([b"\xff", None], pa.binary()))
    assert [one.source_row for one in read_hf(folder).rejects] == ["row 0", "row 1"]
    folder = hugging(tmp_path / "languages", pictures, caption=[{"en": "a", "de": "b"}] * 2)
    with pytest.raises(CmrError, match="row 0 holds a struct of en, de"):
        read_hf(folder)


def test_elsewhere_copies_are_told(tmp_path):
    for name, n in (("a.png", 0), ("b.png", 1), ("c.png", 0)):
        (tmp_path / name).write_bytes(picture(n))
    (tmp_path / "t.csv").write_text("image,caption\na.png,a\nb.png,b\nc.png,c\n")
    found = ingested(read_pairs(str(tmp_path / "t.csv")))
    assert len(found.visuals) == 3
    said = "1 picture has the content of another (for example 'c.png' that of 'a.png')"
    assert said in found.notes[0]


def test_img2dataset_by_sum_before_url(tmp_path):
    """A url of two sums is two pictures; a row that has no sum is of its url's one."""
    urls = ["u", "u", "v", "v", "w", None, None, "x", "x", "x", "y", "y"]
    sums = ["1", "2", "3", None, "3", "3", None, None, "4", None, None, None]
    found = read_img2dataset(fetched(tmp_path, url=urls, sha256=sums))
    assert [[int(key) for key in told] for told in by_visual(found)] == [
        [0], [1], [2, 3, 4, 5], [6], [7, 8, 9], [10, 11],
    ]  # fmt: skip


def by_visual(found):
    return [
        [one.text_id for one in found.judgments if one.visual_id == item.item_id]
        for item in found.visuals
    ]


def test_what_holds_no_picture_is_told(tmp_path):
    one = {"bytes": picture(0), "path": None}
    for n, (cells, words) in enumerate((
        ([[one, one]], "test.parquet: row 0 holds 2 pictures in image, where one picture's bytes"),
        (["aGVsbG8="], "row 0 holds text, such as a path or base64 in image"),
        ([{"bytes": None, "path": "a.png"}], "row 0 holds the path 'a.png' alone"),
        ([{"width": 3}], "row 0 holds a struct of width"),
        ([3], "row 0 holds an int"),
    )):  # fmt: skip
        folder = tmp_path / str(n)
        folder.mkdir()
        pq.write_table(pa.table({"image": cells, "caption": ["a"]}), folder / "test.parquet")
        with pytest.raises(CmrError, match=words):
            read_hf(str(folder))
    pq.write_table(pa.table({"image": [[one], [one, one], []], "caption": list("abc")}),
                   tmp_path / "test.parquet")  # fmt: skip
    for n in range(5):
        (tmp_path / str(n) / "test.parquet").unlink()
    found = read_hf(str(tmp_path))
    assert found.reader.read(found.visuals[0].uri) == one["bytes"]
    for item, words in zip(found.visuals[1:], ("row 1 holds 2 pictures", "row 2 holds an empty"),
                           strict=True):  # fmt: skip
        with pytest.raises(OSError, match=words):
            found.reader.read(item.uri)


def test_hugging_face_ids_that_read_like_others(tmp_path):
    keys = ["7", "7@2", "7"]
    pictures = [picture(0), picture(1), picture(0)]
    found = read_hf(hugging(tmp_path, pictures, caption=list("abc"), id=keys), id_column="id")
    check(found)
    assert groups(found) == {"7": ["a", "c"], "7@2": ["b"]}
