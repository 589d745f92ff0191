"""The embedded data set and model: the same everywhere, disjoint splits, real quality."""

from __future__ import annotations

import csv
import hashlib
import itertools
from dataclasses import replace

import numpy as np
import pytest

from cmr.encode.models import ASSETS, EMBEDDED, resolve
from cmr.errors import CmrError
from cmr.sources.scenes import read_scenes
from cmr.sources.scenes_draw import FAMILY, render, scenes

FOLDER = ASSETS / EMBEDDED


def test_the_same_every_time():
    drawn = scenes("test")
    words = hashlib.sha256("\n".join(c for s in drawn for c in s.captions).encode())
    pixels = hashlib.sha256(b"".join(render(scene).tobytes() for scene in drawn[:20]))
    assert words.hexdigest()[:16] == "a2ec54eb030622a0"
    assert pixels.hexdigest()[:16] == "2c1da3376ed9dbb3"


@pytest.mark.slow
def test_splits():
    test, train = scenes("test"), scenes("train")
    assert (len(test), len(train)) == (2000, 20_000)
    assert not {scene.spec for scene in test} & {scene.spec for scene in train}
    assert len({scene.spec for scene in test}) == 2000
    assert len({scene.spec for scene in train}) == 20_000
    assert all(len(scene.captions) == len(set(scene.captions)) == 5 for scene in test + train)
    sets = {frozenset(scene.captions) for scene in test}
    assert len(sets) == 2000
    assert not sets & {frozenset(scene.captions) for scene in train}
    # A scene of one seed's test split must not be in another seed's train split either.
    other = scenes("test", 200, seed=1)
    assert not {scene.spec for scene in other} & {scene.spec for scene in train}
    with pytest.raises(CmrError, match="no split 'val'"):
        scenes("val")


def test_families():
    """Four scenes differ in nothing but which shape has which colour, and are in one split."""
    for split in ("test", "train"):
        drawn = scenes(split, 80)
        for at in range(0, 80, FAMILY):
            family = drawn[at : at + FAMILY]
            pairs = [{(thing.shape, thing.colour) for thing in scene.things} for scene in family]
            assert len(family[0].things) in (4, 5)
            assert all(not a & b for a, b in itertools.combinations(pairs, 2))
            for scene in family:
                colours = [thing.colour for thing in scene.things]
                assert len(set(colours)) == len(colours)
                assert {frozenset(colours)} == {
                    frozenset(thing.colour for thing in other.things) for other in family
                }
                assert [replace(thing, colour="") for thing in scene.things] == [
                    replace(thing, colour="") for thing in family[0].things
                ]


def test_collection():
    collection = read_scenes()
    assert len(collection.texts) == len(collection.judgments) == 10_000
    assert len({item.content_hash for item in collection.visuals}) == 2000
    assert dict(collection.visuals[0].attributes) == {"background": "grey", "objects": "4"}
    kinds = [dict(item.attributes)["kind"] for item in collection.texts[:5]]
    assert kinds == ["relation", "listing", "places", "background", "summary"]
    assert collection.reader.read("test-00000")[:4] == b"\x89PNG"


def test_checkpoint_size_and_log():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 4_000_000
    with (FOLDER / "training_log.csv").open() as stream:
        last = list(csv.DictReader(stream))[-1]
    assert 0.70 < float(last["t2v_hit_rate@10"]) < 0.97


@pytest.mark.slow
def test_quality_from_any_folder(tmp_path, monkeypatch):
    """1,000 captions against 200 pictures, by a plain matrix, far from a folder with its files."""
    from cmr.encode.batches import How, encode_images
    from cmr.encode.openclip import OpenClip

    monkeypatch.chdir(tmp_path)
    collection = read_scenes(limit=200)
    encoder = OpenClip(resolve(EMBEDDED, None))
    parts = []
    encode_images(
        encoder, collection.visuals, collection.reader, How(64, 2),
        lambda items, vectors, frames: parts.append(vectors),
    )  # fmt: skip
    images = np.concatenate(parts)
    texts = encoder.encode_texts([item.text for item in collection.texts])
    assert images.shape == (200, 512)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    scores = texts @ images.T
    right = scores[np.arange(1000), np.arange(1000) // 5]
    hit_rate = ((scores > right[:, None]).sum(1) < 10).mean()
    assert hit_rate > 0.97
