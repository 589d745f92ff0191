"""Paragraph retrieval: the captions of a visual, joined to one text before they are encoded."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cmr as api
from cmr.answers import fetch
from cmr.api.ingestion import ingest_source
from cmr.encode.models import resolve
from cmr.encode.openclip import OpenClip
from cmr.errors import CmrError
from cmr.pipeline.paragraphs import joined
from cmr.sources.collection import Collection, Item, Judgment
from cmr.sources.scenes_draw import render, scenes
from cmr.views import connect
from tests.conftest import TOY
from tests.pipeline.test_coco import picture_bytes

TEXTS = (
    "select item_id, text from items where dataset = '{}' and modality = 'text' order by ordinal"
)


@pytest.fixture
def coco(tmp_path):
    """Four pictures with three captions each, which lie scattered in the file, ids falling."""
    drawn = scenes("test", 4)
    folder = tmp_path / "images"
    folder.mkdir()
    for number, scene in enumerate(drawn):
        (folder / f"{number}.png").write_bytes(picture_bytes(render(scene), "PNG"))
    annotations = [
        {
            "id": 90 - (4 * place + number),
            "image_id": number,
            "caption": drawn[number].captions[place],
        }
        for place in range(3)
        for number in (2, 0, 3, 1)
    ]
    images = [{"id": n, "file_name": f"{n}.png", "width": 64, "height": 64} for n in range(4)]
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path, folder, [" ".join(scene.captions[:3]) for scene in drawn]


def ingest(cmr, coco, root, *more):
    path, folder, _ = coco
    return cmr(
        "ingest", "coco", "--annotations", path, "--images", folder, *TOY, "-w", root, *more
    ).stderr  # fmt: skip


def test_captions_in_the_order_of_the_source(cmr, coco, tmp_path, no_answer):
    """Beside the data set of single captions, named so in its row, with vectors of the texts."""
    root = str(tmp_path / "w")
    ingest(cmr, coco, root)
    said = ingest(cmr, coco, root, "--paragraphs")
    assert "captions-paragraphs: 4 texts, 4 visuals, 4 pairs" in said
    assert "12 captions joined to 4 paragraphs" in said
    con = connect(root)
    rows = fetch(con, TEXTS.format("captions-paragraphs")).to_pylist()
    assert [(row["item_id"], row["text"]) for row in rows] == list(
        zip("0123", coco[2], strict=True)
    )
    settings = fetch(con, "from datasets order by dataset").to_pylist()
    assert [json.loads(row["settings"]).get("paragraphs") for row in settings] == [None, True]
    encoder = OpenClip(resolve(TOY[1], None))
    wanted = np.asarray(encoder.encode_texts(coco[2]), dtype=np.float64)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    texts = api.open(root).embeddings(dataset="captions-paragraphs", modality="text")
    np.testing.assert_allclose(texts.floats(), wanted, atol=1e-5)
    cmr("evaluate", "-w", root, "--dataset", "captions-paragraphs", "--protocols", "full")
    assert "already there" in ingest(cmr, coco, root, "--paragraphs")


def test_shuffled_queries_are_paragraphs(cmr, coco, tmp_path):
    root = str(tmp_path / "w")
    ingest(cmr, coco, root, "--paragraphs", "--shuffle-queries", "--dataset", "d")
    rows = fetch(connect(root), TEXTS.format("d")).to_pylist()
    assert {row["item_id"]: row["text"] for row in rows} == dict(zip("0123", coco[2], strict=True))


def of(texts, judgments, visuals=("a", "b")):
    return Collection(
        "mine", [Item(name, text=f"{name}.") for name in texts], [Item(one) for one in visuals],
        [Judgment(*pair) for pair in judgments], {},
    )  # fmt: skip


def test_what_belongs_to_several_or_none():
    """A caption of two visuals is in both paragraphs; a text of none stays; a bare visual, too."""
    found = joined(of("123", [("2", "a"), ("1", "a", 3), ("1", "b")], "abc"))
    assert [(one.item_id, one.text) for one in found.texts] == [
        ("a", "1. 2."), ("b", "1."), ("3", "3."),
    ]  # fmt: skip
    assert found.judgments == [Judgment("a", "a", 3), Judgment("b", "b", 1)]
    assert [one.item_id for one in found.visuals] == ["a", "b", "c"]
    with pytest.raises(CmrError, match="the text 'a' belongs to no visual"):
        joined(of("1a", [("1", "a")]))
    bare = Collection("mine", [Item("1")], [Item("a")], [Judgment("1", "a")], {})
    with pytest.raises(CmrError, match="joins captions, and there are none"):
        joined(bare)


def test_attributes_of_all_captions():
    texts = [Item("1", text="x", attributes=(("by", "A"),)),
             Item("2", text="y", attributes=(("by", "B"), ("by", "A")))]  # fmt: skip
    judged = [Judgment("1", "a"), Judgment("2", "a")]
    (one,) = joined(Collection("mine", texts, [Item("a")], judged, {})).texts
    assert one.attributes == (("by", "A"), ("by", "B"))


def test_vectors_cannot_be_joined(tmp_path):
    arrays = {"text_8": np.eye(8), "video_8": np.eye(8), "ground_truth": np.arange(8)}
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(CmrError, match="has no 'paragraphs'"):
        ingest_source(str(tmp_path / "w"), "npz", path=str(tmp_path / "d.npz"), paragraphs=True)
