"""Tables as they are passed around: found to be what they are, or one sentence with the line."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.errors import CmrError
from cmr.sources.coco import read_coco
from cmr.sources.karpathy import read_karpathy
from cmr.sources.pairs import read_pairs
from cmr.sources.qrels import read_qrels
from cmr.sources.separated import read_records
from cmr.sources.tables import read_table
from cmr.sources.video import read_msrvtt, read_video

# What a file holds, and its captions by picture.
READ = {
    "captions.txt": (
        'image,caption\na.jpg,A dog .\na.jpg,"A dog , running ."\nb.jpg,A cat .\n',
        {"a.jpg": ["A dog .", "A dog , running ."], "b.jpg": ["A cat ."]},
    ),
    "train.csv": (
        "filepath\ttitle\na.jpg\ta dog, running\nb.jpg\ta cat; a mat\n",
        {"a.jpg": ["a dog, running"], "b.jpg": ["a cat; a mat"]},
    ),
    "europe.csv": (
        "image;caption\na.jpg;a dog, a cat, a mat\nb.jpg;a cat\n",
        {"a.jpg": ["a dog, a cat, a mat"], "b.jpg": ["a cat"]},
    ),
    "excel.csv": ("sep=;\r\nimage;caption\r\na.jpg;a, b\r\n", {"a.jpg": ["a, b"]}),
    "results.csv": (
        'image_name| comment_number| comment\na.jpg| 0| Two "men" run .\n'
        'b.jpg| 0| "Look" is said .\n',
        {"a.jpg": ['Two "men" run .'], "b.jpg": ['"Look" is said .']},
    ),
    "by_hand.csv": (
        'image, caption\na.jpg, "a, b"\nb.jpg, c\n',
        {"a.jpg": ["a, b"], "b.jpg": ["c"]},
    ),
    "inch.csv": (
        'image,caption\na.jpg,a 5" nail\nb.jpg,a 6" pipe\n',
        {"a.jpg": ['a 5" nail'], "b.jpg": ['a 6" pipe']},
    ),
    "quotes.tsv": (
        'image\tcaption\na.jpg\t"A dog" runs\nb.jpg\t"a\nc.jpg\tb"\n',
        {"a.jpg": ['"A dog" runs'], "b.jpg": ['"a'], "c.jpg": ['b"']},
    ),
    "quoted.tsv": ('image\tcaption\na.jpg\t"a\tdog"\n', {"a.jpg": ["a\tdog"]}),
    "Flickr8k.token.txt": (
        'a.jpg#0\tA dog, a cat; "x" .\na.jpg#1\t"A" hound\nb.jpg.1#0\tA cat\n',
        {"a.jpg": ['A dog, a cat; "x" .', '"A" hound'], "b.jpg.1": ["A cat"]},
    ),
    "results_20130124.token": (
        "a.jpg#0\tA dog\na.jpg#1\tA hound\n",
        {"a.jpg": ["A dog", "A hound"]},
    ),
    "bare.csv": ("a.jpg,a dog\nb.PNG,a cat\n", {"a.jpg": ["a dog"], "b.PNG": ["a cat"]}),
    "crlf.csv": ("image,caption\r\na.jpg,a\r\n\r\nb.jpg,b", {"a.jpg": ["a"], "b.jpg": ["b"]}),
    "mac.csv": ("image,caption\ra.jpg,a\rb.jpg,b\r", {"a.jpg": ["a"], "b.jpg": ["b"]}),
    "ends.csv": ("image,caption,\na.jpg,a,\nb.jpg,b,,\n", {"a.jpg": ["a"], "b.jpg": ["b"]}),
    # Only a line feed ends a line.
    "odd.tsv": (
        "image\tcaption\na.jpg\ta\u2028b\x0bc\x85d\x1ce\n",
        {"a.jpg": ["a\u2028b\x0bc\x85d\x1ce"]},
    ),
    "return.csv": ("image,caption\na.jpg,a\rb\nb.jpg,c\r\n", {"a.jpg": ["a\rb"], "b.jpg": ["c"]}),
    "odd.jsonl": ('{"image": "a.jpg", "caption": "a\u2028b\x85c"}\n', {"a.jpg": ["a\u2028b\x85c"]}),
    "case.csv": ("Image,Caption\na.jpg,a\n", {"a.jpg": ["a"]}),
    "columns.csv": (
        "image,caption_0,caption_10,caption_2\na.jpg,a,c,b\nb.jpg,d,,\n",
        {"a.jpg": ["a", "b", "c"], "b.jpg": ["d"]},
    ),
    "flickr30k.csv": (
        'raw,sentids,filename\n"[""Two dogs ."", ""Dogs run .""]","[0, 1]",a.jpg\n',
        {"a.jpg": ["Two dogs .", "Dogs run ."]},
    ),
    "mixed.jsonl": (
        '{"image": "a.jpg", "caption": ["a", "b"]}\n{"image": "b.jpg", "caption": "c"}\n',
        {"a.jpg": ["a", "b"], "b.jpg": ["c"]},
    ),
    "coco_karpathy_test.json": (
        '[{"image": "a.jpg", "caption": ["a", "b"]}]',
        {"a.jpg": ["a", "b"]},
    ),
    "coco_karpathy_train.json": (
        '[{"image": "a.jpg", "caption": "a", "image_id": 1},'
        ' {"caption": "b", "image_id": 1, "image": "a.jpg"}]',
        {"a.jpg": ["a", "b"]},
    ),
    "lines.json": (
        '{"image": "a.jpg", "caption": "a"}\n{"image": "b.jpg", "caption": "b"}\n',
        {"a.jpg": ["a"], "b.jpg": ["b"]},
    ),
    "list.jsonl": ('[{"image": "a.jpg", "caption": "a"}]', {"a.jpg": ["a"]}),
}


def told(found):
    texts = {item.item_id: item.text for item in found.texts}
    seen = {item.item_id: [] for item in found.visuals}
    for one in found.judgments:
        seen[one.visual_id].append(texts[one.text_id])
    return seen


@pytest.mark.parametrize("name", READ)
def test_read(tmp_path, name):
    text, expected = READ[name]
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert told(read_pairs(str(path))) == expected
    for mark in ("utf-8-sig", "utf-16", "utf-32"):
        path.write_bytes(text.encode(mark))
        assert told(read_pairs(str(path))) == expected, mark


BAD = {
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b"\n \n", "is empty"),
    "empty.jsonl": (b"\n", "is empty"),
    "header.csv": (b"image,caption\n", "has no rows, only the columns image, caption"),
    "comma.csv": (
        b"image,caption\na.jpg,a\n\nb.jpg,a, b\n",
        "line 4 has 3 cells, expected 2 (image, caption)",
    ),
    "stop.csv": (
        b'image,caption\na.jpg,a\nb.jpg,"Stop" sign\n',
        "line 3 is not valid CSV: text follows",
    ),
    "open.csv": (
        b'image,caption\na.jpg,a\nb.jpg,"b\nc.jpg,c\n',
        "line 3 is not valid CSV: a quote that",
    ),
    "long.csv": (
        b"image,caption\na.jpg," + b"x" * 140000 + b"\n",
        "line 2 is not valid CSV: a cell has",
    ),
    "latin.csv": (
        "image,caption\na.jpg,a\nb.jpg,café\n".encode("latin-1"),
        "is not UTF-8 text: line 3 has the byte 0xe9",
    ),
    "latin.json": (b'[{"image": "a.jpg",\n"caption": "\xe9"}]', "line 2 has the byte 0xe9"),
    "nul.csv": (b"image,caption\na.jpg,a\0b\n", "line 2 has a NUL"),
    "no_mark.csv": ("image,caption\n".encode("utf-16-le"), "line 1 has a NUL"),
    "twice.csv": (b"image,caption,caption\na.jpg,a,b\n", "has 2 columns 'caption'"),
    "no_header.csv": (b"a.jpg,0,a dog\n", "has no header: line 1 begins with the file a.jpg"),
    "number.jsonl": (
        b'{"image": "a.jpg", "caption": "a"}\n{"image": "b.jpg", "caption": 1}\n',
        "row 1 (line 2) holds 1, an int, where a caption is expected; --caption-column",
    ),
    "languages.jsonl": (
        b'{"image": "a.jpg", "caption": {"en": "a", "de": "b"}}',
        "a struct of en, de",
    ),
    "float.jsonl": (
        b'{"image": 1.5, "caption": "a"}',
        "row 0 (line 1) holds 1.5 where a picture's name",
    ),
    "cut.jsonl": (b'{"image": "a.jpg", "caption": "a"}\n{"image":\n', "line 2 is not valid JSON"),
    "lists.json": (b'[["a.jpg", "a"]]', "entry 0 is list, expected an object"),
    "coco.json": (
        b'{"images": [], "annotations": []}',
        "holds one object (images, annotations), expected a list",
    ),
    "nulls.csv": (
        b"image,caption\na.jpg,\n",
        "no row with image as well as caption; the first is row 0 (line 2)",
    ),
    "a.xlsx": (b"PK", "ends with '.xlsx'; a table is .csv"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_sentence(tmp_path, name):
    data, words = BAD[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CmrError) as caught:
        read_pairs(str(tmp_path / name))
    said = str(caught.value)
    assert words in said
    assert str(tmp_path / name) in said
    assert "\n" not in said


def test_rows_that_lack_something_are_rejects(tmp_path):
    """Flickr30k's own results.csv has a line without its second pipe."""
    path = tmp_path / "results.csv"
    path.write_text(
        "image_name| comment_number| comment\na.jpg| 0| A man .\nb.jpg| 4   A dog .\n"
        "| 0| nobody\nb.jpg| 1|\nb.jpg| 2| A dog .\n"
    )
    found = read_pairs(str(path))
    assert told(found) == {"a.jpg": ["A man ."], "b.jpg": ["A dog ."]}
    assert [(one.source_row, one.reason) for one in found.rejects] == [
        ("row 1 (line 3)", "the row has 2 cells, expected 3"),
        ("row 2 (line 4)", "image_name is empty"),
        ("row 3 (line 5)", "the caption is empty"),
    ]
    path = tmp_path / "a.jsonl"
    path.write_text('{"image": "a.jpg", "caption": ["a", null]}\n{"caption": "b"}\n')
    found = read_pairs(str(path))
    assert [one.source_row for one in found.rejects] == [
        "row 0 (line 1), caption 1", "row 1 (line 2)",
    ]  # fmt: skip


def test_separator(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("image,caption~x\na.jpg,b~y\n")
    assert read_table(str(path), "~").columns == ["image,caption", "x"]
    assert read_table(str(path), "comma").column("caption~x") == ["b~y"]
    for wrong in ("||", "", '"'):
        with pytest.raises(CmrError, match="--separator is one character, or tab"):
            read_table(str(path), wrong)
    (tmp_path / "a.jsonl").write_text("{}")
    with pytest.raises(CmrError, match="has no separator"):
        read_table(str(tmp_path / "a.jsonl"), ";")


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6), st.sampled_from(",;"))
def test_what_csv_writes_is_read_again(rows, separator):
    """Beside Python's own reader: any text, quoted as CSV is, with lines and quotes within."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerows([("image", "caption"), *rows])
    for written in (out.getvalue(), out.getvalue().replace("\r\n", "\n")):
        found = read_records("x", written, None, ())
        assert found.records == [list(row) for row in rows]
        starts = [written[:at].count("\n") + 1 for at in _starts(written, separator)]
        assert found.lines == starts[1:]


def _starts(text, separator):
    """Where each record begins: after a line feed outside quotes."""
    starts, inside = [0], False
    for at, letter in enumerate(text):
        inside ^= letter == '"'
        if letter == "\n" and not inside and at + 1 < len(text):
            starts.append(at + 1)
    return starts


def test_marks_and_lines_in_every_text_format(tmp_path):
    """JSON of COCO, Karpathy and MSR-VTT, TREC: with a byte order mark, in UTF-16."""
    coco = {"images": [{"id": 1, "file_name": "a.jpg"}],
            "annotations": [{"id": 7, "image_id": 1, "caption": "é"},
                            {"id": 8, "image_id": 1, "caption": None},
                            {"id": 9, "image_id": 1, "caption": ["x", "y"]}]}  # fmt: skip
    karpathy = {"images": [{"filename": "a.jpg", "imgid": 1, "split": "test", "sentences": [
        {"raw": "é", "sentid": 0}, {"raw": None, "sentid": 1}]}]}  # fmt: skip
    msrvtt = {"sentences": [{"video_id": "v", "caption": "é", "sen_id": 3},
                            {"video_id": "v", "caption": None, "sen_id": 4}]}  # fmt: skip
    folder = str(tmp_path)
    for mark in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):

        def write(data, name="a.json", mark=mark):
            text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
            (tmp_path / name).write_bytes(text.encode(mark))
            return str(tmp_path / name)

        found = read_coco(write(coco), folder)
        assert [(one.item_id, one.text) for one in found.texts] == [
            ("7", "é"), ("9.0", "x"), ("9.1", "y"),
        ]  # fmt: skip
        assert [one.source_row for one in found.rejects] == ["annotations[1]"]
        found = read_karpathy(write(karpathy), folder)
        assert ([one.text for one in found.texts], len(found.rejects)) == (["é"], 1)
        found = read_msrvtt(write(msrvtt), folder)
        assert ([one.text for one in found.texts], len(found.rejects)) == (["é"], 1)
        found = read_qrels(write("q\u2028 0 é 1\nq2 0 d 2\n", "a.trec"))
        assert found.items == ["é", "d"]
        found = read_qrels(write("query_id;item_id;relevance\n01;é;2\n", "q.csv"))
        assert (found.queries, found.items, found.relevance) == (["01"], ["é"], [2])
    (tmp_path / "a.json").write_text(json.dumps([{"video": "v.mp4", "caption": "a"}]))
    with pytest.raises(CmrError, match="a list of clips and captions is for `cmr ingest video`"):
        read_msrvtt(str(tmp_path / "a.json"), folder)
    assert told(read_video(str(tmp_path / "a.json"), folder)) == {"v.mp4": ["a"]}
