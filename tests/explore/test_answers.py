"""What the page answers, against the lists that runs have stored."""

from __future__ import annotations

import math

import pytest

import cmr as api
from cmr.errors import CmrError
from cmr.explore.held_indexes import HeldIndexes
from cmr.explore.query_model import Opening
from cmr.explore.searching import Explorer, Sought
from cmr.pipeline.judged_data import find_dataset
from cmr.sources.scenes_draw import render_png, scenes
from cmr.warehouse.store import Store
from tests.conftest import unanswered
from tests.explored import drawn

HITS = ("--hits", "10", "--protocols", "full")
# What runs are made of: every kind of codes and of search that there is without an engine.
ASKED = {
    "grid": ("--dims", "16,40,64", "--precisions", "fp32,fp16,bf16,fp8,int8,int4,b1", *HITS),
    "methods": (
        "--dims", "16", "--dim-methods", "truncate,random", "--precisions", "int8", *HITS,
    ),
    "quantizers": ("--dims", "40", "--precisions", "int8,b1", "--quantizer", "all", *HITS),
    "asymmetric": ("--dims", "40", "--precisions", "int8,b1", "--asymmetric", *HITS),
    "centred asymmetric": (
        "--dims", "40", "--precisions", "b1", "--quantizer", "centred,median", "--asymmetric",
        *HITS,
    ),
    # With an edge to every node: a graph of fewer, built by several threads, may be another one.
    "graph": (
        "--dims", "40", "--precisions", "fp32", "--scorer", "usearch-hnsw", "--connectivity", "64",
        *HITS,
    ),
    # Of bits, ties at the end of a first list may be cut elsewhere.
    "rescored": ("--dims", "40", "--precisions", "int4", "--rescore", "fp32", *HITS),
}  # fmt: skip


def explorer_of(root, dataset=None, model=None, opening=Opening()):  # noqa: B008
    store = Store.open(str(root), read_only=True)
    return Explorer(store, find_dataset(store, dataset), model, opening)


def stored_hits(root):
    """Each run's lists by their queries: ids and scores, in order."""
    rows = api.open(root).sql(
        "select run_id, query_id, item_id, score from hits order by run_id, query_id, position"
    )
    found = {}
    for row in rows.dicts():
        lists = found.setdefault(row["run_id"], {})
        lists.setdefault(row["query_id"], []).append((row["item_id"], row["score"]))
    return found


@pytest.fixture
def scored_once(evaluated_once):
    """What is stored of an evaluation; no test here asks for its answer."""

    def made(kind):
        with unanswered():
            return evaluated_once(*ASKED[kind])

    return made


@pytest.mark.slow
@pytest.mark.parametrize("kind", ASKED)
def test_the_lists_of_every_run(kind, scored_once):
    """Items, order and scores are those that the run itself has stored."""
    root = scored_once(kind)
    explorer = explorer_of(root)
    runs = {run["run_id"]: run for run in api.open(root).runs().dicts()}
    offered = {run for one in explorer.choices.values() for run in one.runs}
    hits = stored_hits(root)
    assert offered == set(runs) == set(hits)
    for choice in explorer.choices.values():
        for run_id in choice.runs:
            side = "text" if runs[run_id]["direction"] == "t2v" else "visual"
            for query_id, listed in hits[run_id].items():
                sought = Sought(item=(side, query_id))
                found = explorer.answer(sought, (choice.key, choice.key), 10)["sides"][0]
                assert found["fault"] is None
                first = found["hits"][: len(listed)]
                scores = [hit["score"] for hit in first]
                assert scores == pytest.approx([score for _, score in listed], rel=2e-5, abs=2e-6)
                for (item_id, score), hit in zip(listed, first, strict=True):
                    level = [
                        one["id"]
                        for one in found["hits"]
                        if math.isclose(one["score"], score, rel_tol=2e-5, abs_tol=2e-6)
                    ]
                    # Equal scores may stand in either order, and the list may end among them.
                    ends = math.isclose(score, listed[-1][1], rel_tol=2e-5, abs_tol=2e-6)
                    assert hit["id"] == item_id or item_id in level or ends, (choice.name, query_id)


@pytest.mark.slow
def test_moves_and_relevant_items(scored_once):
    root = scored_once("grid")
    explorer = explorer_of(root)
    fine, coarse = explorer.pair
    assert explorer.choices[fine].name == "40 native fp32"
    assert explorer.choices[coarse].form["vector_bytes"] == min(
        one.form["vector_bytes"] for one in explorer.choices.values()
    )
    found = explorer.answer(Sought(item=("text", "0")), (fine, coarse), 30)
    left, right = found["sides"]
    places = {hit["id"]: hit["rank"] for hit in right["hits"]}
    assert [hit["rank"] for hit in left["hits"]] == list(range(1, 31))
    assert [hit["other"] for hit in left["hits"]] == [places[hit["id"]] for hit in left["hits"]]
    judged = api.open(root).sql(
        "select item_id from judgments where direction = 't2v' and query_id = '0'"
    )
    wanted = {row["item_id"] for row in judged.dicts()}
    assert found["relevant"] == len(wanted)
    assert {hit["id"] for hit in left["hits"] if hit["relevant"]} == wanted
    ranks = [hit["rank"] for hit in left["hits"] if hit["relevant"]]
    assert left["relevant_ranks"] == ranks
    few = explorer.answer(Sought(item=("text", "0")), (fine, coarse), 3)
    assert [hit["id"] for hit in few["sides"][0]["hits"]] == [hit["id"] for hit in left["hits"][:3]]


@pytest.fixture(scope="module")
def scenes_explorer(once):
    return explorer_of(drawn(once) / "w", "scenes")


def test_a_typed_caption_is_encoded_and_coded_as_a_stored_one(scenes_explorer, monkeypatch):
    explorer = scenes_explorer
    text = explorer.data.item("text", 3)["text"]
    for choice in explorer.choices.values():
        pair = (choice.key, choice.key)
        stored = explorer.answer(Sought(text=text), pair, 10)
        assert stored["query"]["stored"]
        with monkeypatch.context() as patch:
            patch.setattr(explorer.data, "named_by", lambda _: None)
            typed = explorer.answer(Sought(text=text), pair, 10)
        assert not typed["query"]["stored"]
        assert typed["relevant"] == 0
        assert_same_hits(typed["sides"][0], stored["sides"][0], choice.name)


def test_a_picture_is_encoded_as_a_stored_one(scenes_explorer):
    explorer = scenes_explorer
    scene = scenes("test", 5)[4]
    for choice in explorer.choices.values():
        pair = (choice.key, choice.key)
        stored = explorer.answer(Sought(item=("visual", scene.scene_id)), pair, 10)
        given = explorer.answer(Sought(picture=render_png(scene)), pair, 10)
        assert given["direction"] == stored["direction"] == "v2t"
        assert_same_hits(given["sides"][0], stored["sides"][0], choice.name)


def assert_same_hits(one, other, name):
    """Of codes, a value on the border may fall to the other side."""
    assert one["fault"] is None, one["fault"]
    assert one["hits"][0]["id"] == other["hits"][0]["id"], name
    scores = [[hit["score"] for hit in side["hits"]] for side in (one, other)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-3), name


def test_what_is_no_query(scenes_explorer):
    explorer = scenes_explorer
    with pytest.raises(CmrError, match="the query is empty"):
        explorer.answer(Sought(text=""), explorer.pair, 10)
    with pytest.raises(CmrError, match="there is no visual item 'test-0000'; did you mean"):
        explorer.answer(Sought(item=("visual", "test-0000")), explorer.pair, 10)
    with pytest.raises(CmrError, match="no such representation any more"):
        explorer.answer(Sought(text="a"), ("x", "y"), 10)
    found = explorer.answer(Sought(picture=b"no picture"), explorer.pair, 10)
    assert "not a picture in a known format" in found["sides"][0]["fault"]


def test_a_caption_or_an_id_that_is_stored_needs_no_model(scored_once):
    """Vectors that were imported have none."""
    explorer = explorer_of(scored_once("grid"))
    found = explorer.answer(Sought(text="7"), explorer.pair, 5)
    assert found["query"] == {"stored": True, "side": "text", "id": "7", "text": None}
    assert len(found["sides"][1]["hits"]) == 5
    unknown = explorer.answer(Sought(text="a red circle"), explorer.pair, 5)
    assert all("were given, not encoded by a model" in s["fault"] for s in unknown["sides"])
    assert unknown["sides"][0]["hits"] == []


def test_weights_that_are_missing_or_others(once):
    """A sentence, and stored items are searched with all the same."""
    root = drawn(once) / "w"
    elsewhere = Opening("local-dir:/nowhere")
    explorer = explorer_of(root, "scenes", opening=elsewhere)
    found = explorer.answer(Sought(text="a red circle that is new"), explorer.pair, 5)
    assert "open_clip_config.json" in found["sides"][0]["fault"]
    stored = explorer.data.item("text", 0)["text"]
    assert explorer.answer(Sought(text=stored), explorer.pair, 5)["sides"][0]["hits"]


def test_a_basis_that_cannot_be_made_again(scenes_explorer, monkeypatch):
    """Another sign of one direction would give wrong hits; it is seen in the stored vectors."""
    from cmr.pipeline.derive import Deriver

    matrix = Deriver.matrix
    monkeypatch.setattr(Deriver, "matrix", lambda *asked: -matrix(*asked))
    explorer = scenes_explorer
    (pca,) = [key for key, one in explorer.choices.items() if one.name == "256 pca int8"]
    explorer._coding._how.cache_clear()
    found = explorer.answer(Sought(text="a red circle that is new"), (pca, pca), 5)
    explorer._coding._how.cache_clear()
    assert "only stored items can be searched with" in found["sides"][0]["fault"]


def test_indexes_make_room(scored_once):
    root = scored_once("grid")
    explorer = explorer_of(root)
    every = list(explorer.choices.values())
    store = Store.open(str(root), read_only=True)
    native = next(one for one in every if one.name == "40 native fp32")
    held = HeldIndexes(store, room=2 * 40 * 4 * 60)
    first = held.get(native, "v2t")
    assert held.get(native, "v2t") is first
    for choice in every:
        held.get(choice, "v2t")
    assert held._taken <= 2 * 40 * 4 * 60
    assert held.get(native, "v2t") is not first
    with pytest.raises(CmrError, match="its index takes about 0 MiB, but there is room for 0"):
        HeldIndexes(store, room=100).get(native, "v2t")
