"""What a cell of a table may hold where a caption is expected."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.errors import CmrError
from cmr.sources.captions import captions_of

TEXTS = {
    # Plain captions stay what they are, brackets and quotes included.
    "a dog": ["a dog"], " a dog ": [" a dog "], "[music]": ["[music]"], "(a dog)": ["(a dog)"],
    '["Stop" sign]': ['["Stop" sign]'], "['90s party]": ["['90s party]"], "{sic}": ["{sic}"],
    "{'en'": ["{'en'"], "12": ["12"], "[a, b]": ["[a, b]"],
    # JSON and Python within a string, numpy's way without commas, bytes as Python spells them.
    '["Two dogs .", "\\u00e9"]': ["Two dogs .", "é"], "['a', \"b's\"]": ["a", "b's"],
    "['a' 'b\\'s'\n \"c\"]": ["a", "b's", "c"], "b'a dog'": ["a dog"], "('a', 'b')": ["a", "b"],
    "[b'caf\\xc3\\xa9', b'c']": ["café", "c"],
    "array(['a b', \"c\"], dtype=object)": ["a b", "c"], "array(['a'])": ["a"],
    '{"a dog","a \\"b\\" cat"}': ["a dog", 'a "b" cat'], "{one,two}": ["one", "two"],
    # What is no list of captions is one.
    "[2]": ["[2]"], "[1, 2]": ["[1, 2]"], "(1990, 'x')": ["(1990, 'x')"], "{}": ["{}"],
    "{1: 2}": ["{1: 2}"], "{a, b}": ["{a, b}"], "array of lights": ["array of lights"],
    '[{"raw": "x", "tokens": ["x"]}, {"raw": "y"}]': ["x", "y"], "{'raw': 'x'}": ["x"],
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_strings(text):
    found = captions_of(text, "f")
    assert [one.text for one in found] == TEXTS[text]
    assert not any(one.fault for one in found)


def test_types():
    for value, texts in (
        (b"a", ["a"]), ("é".encode(), ["é"]), (bytearray(b"a"), ["a"]),
        (["a", "b"], ["a", "b"]), (("a", b"b"), ["a", "b"]), ([["a", "b"]], ["a", "b"]),
        ([["a"], ["b"]], ["a", "b"]), (np.array(["a", "b"], object), ["a", "b"]),
        ({"raw": "a dog", "sentid": 3, "tokens": ["a", "dog"]}, ["a dog"]),
        ({"raw": ["a", "b"], "sentid": [0, 1]}, ["a", "b"]), ({"sentence": "a"}, ["a"]),
        ([("id", "1"), ("caption", "a")], ["a"]), ([("raw", "a"), ("raw", "b")], ["a", "b"]),
        ([{"raw": "a"}, {"raw": "b"}], ["a", "b"]), ({"text": "a", "lang": "en"}, ["a"]),
    ):  # fmt: skip
        assert [one.text for one in captions_of(value, "f")] == texts, value
    assert captions_of("a", "f")[0].place is None
    assert [one.place for one in captions_of(["a", "b"], "f")] == [0, 1]
    assert [one.place for one in captions_of('["a"]', "f")] == [0]


def test_faults_are_of_one_caption():
    for value in (None, "", " \n", float("nan"), [], "[]", {"raw": None}, np.nan):
        (found,) = captions_of(value, "f")
        assert "empty" in found.fault, value
    assert [one.fault for one in captions_of(["a", None, ""], "f")] == ["", *2 * [
        "the caption is empty"]]  # fmt: skip
    (found,) = captions_of(b"caf\xe9", "f")
    assert found.fault == "the caption is bytes that are not UTF-8, at byte 3"


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"en": "a", "de": "b"}, "a struct of en, de"),
        ('{"en": "a"}', "a struct of en"),
        ("{'en': nan}", "looks like a list or a struct but is not one"),
        ("['a', nan]", "looks like a list or a struct but is not one"),
        (3, "3, an int"),
        (2.5, "2.5, a float"),
        (True, "True, a bool"),
        (["a", 3], "3, an int"),
        ([1, 2], "1, an int"),
        (np.array([1, 2]), "1, an int"),
        ("['a', 3]", "3, an int"),
        ("array([1, 2])", "1, an int"),
        ("array(['a', nan], dtype=object)", "looks like a list"),
        ("[array(['a'], dtype=object)]", "looks like a list"),
        # A map, as pyarrow gives it and as pandas spells it.
        ([("en", "a"), ("de", "b")], "a struct of en, de"),
        ("[('en', 'a'), ('de', 'b')]", "a struct of en, de"),
        ([["a", "dog"], ["one", "dog"]], "a list of lists"),
    ],
)
def test_no_caption_at_all(value, what):
    with pytest.raises(CmrError) as caught:
        captions_of(value, "f.csv: line 3", "--caption-column names another")
    said = str(caught.value)
    assert said.startswith("f.csv: line 3 holds")
    assert what in said
    assert said.endswith("where a caption is expected; --caption-column names another")
