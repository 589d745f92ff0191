"""What was encoded once is not encoded again: equal content, grown data, a killed ingest."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.encode.openclip import OpenClip
from cmr.pipeline import encoded
from cmr.sources.scenes_draw import render, scenes
from cmr.views import connect


@pytest.fixture
def counted(monkeypatch):
    """How many pictures and captions the model has seen."""
    seen = {"images": 0, "texts": 0}
    for name in seen:
        plain = getattr(OpenClip, f"encode_{name}")

        def count(self, batch, plain=plain, name=name):
            seen[name] += len(batch)
            return plain(self, batch)

        monkeypatch.setattr(OpenClip, f"encode_{name}", count)
    return seen


@pytest.fixture
def photos(tmp_path):
    """Write a table of the first so many scenes; some pictures lie there twice."""
    folder = tmp_path / "photos"
    folder.mkdir()
    drawn = scenes("test", 12)
    for n, scene in enumerate(drawn):
        render(scene).save(folder / f"{n}.png")
    render(drawn[0]).save(folder / "again.png")

    def table(count, twice=False):
        path = tmp_path / f"captions{count}.csv"
        rows = [f"{n}.png,{drawn[n].captions[0]}" for n in range(count)]
        if twice:
            rows += [f"again.png,{drawn[1].captions[0]}"]
        path.write_text("image,caption\n" + "\n".join(rows) + "\n")
        return ("pairs", path, "--images", folder)

    return table


def vectors(root, dataset):
    rows = connect(str(root)).execute(
        "select modality, item_id, vector from embeddings where dataset = ?", [dataset]
    )
    return {row[:2]: np.array(row[2]) for row in rows.fetchall()}


def test_the_same_picture_twice(cmr, photos, counted, tmp_path):
    cmr("ingest", *photos(5, twice=True), "-w", tmp_path / "w", "--dataset", "a")
    assert counted == {"images": 5, "texts": 5}
    found = vectors(tmp_path / "w", "a")
    np.testing.assert_array_equal(found["visual", "0.png"], found["visual", "again.png"])
    np.testing.assert_array_equal(found["text", "1"], found["text", "5"])


def test_data_that_has_grown(cmr, photos, counted, tmp_path):
    root = tmp_path / "w"
    cmr("ingest", *photos(5), "-w", root, "--dataset", "a")
    cmr("ingest", *photos(9), "-w", root, "--dataset", "b")
    assert counted == {"images": 9, "texts": 9}
    small, large = vectors(root, "a"), vectors(root, "b")
    for key, vector in small.items():
        np.testing.assert_allclose(large[key], vector, atol=1e-6)
    alone = tmp_path / "alone"
    cmr("ingest", *photos(9), "-w", alone, "--dataset", "b", "--batch-size", "4")
    for key, vector in vectors(alone, "b").items():
        np.testing.assert_allclose(large[key], vector, atol=1e-5)
    cmr("ingest", *photos(9), "-w", root, "--dataset", "c", "--model-name", "other")
    assert counted == {"images": 27, "texts": 27}


def test_a_killed_ingest_goes_on(cmr, photos, counted, tmp_path, monkeypatch):
    root = tmp_path / "w"
    monkeypatch.setattr(encoded, "SECONDS", 0.0)
    plain = OpenClip.encode_images

    def dies(self, batch):
        if counted["images"] >= 6:
            raise KeyboardInterrupt
        return plain(self, batch)

    monkeypatch.setattr(OpenClip, "encode_images", dies)
    ingest = ("ingest", *photos(11), "-w", root, "--dataset", "a", "--batch-size", "3")
    assert cmr(*ingest, code=130).exit_code == 130
    assert connect(str(root)).execute("select count(*) from datasets").fetchone() == (0,)
    assert counted["images"] == 6
    monkeypatch.setattr(OpenClip, "encode_images", plain)
    cmr(*ingest)
    assert counted["images"] == 11
    assert not list((root / "materialised").rglob("*.parquet"))
    assert len(vectors(root, "a")) == 22


def test_a_damaged_part_is_encoded_again(cmr, photos, counted, tmp_path, monkeypatch):
    root = tmp_path / "w"
    monkeypatch.setattr(encoded, "SECONDS", 0.0)
    monkeypatch.setattr(encoded.Encoding, "forget", lambda self: None)
    cmr("ingest", *photos(6), "-w", root, "--dataset", "a", "--batch-size", "3")
    for path in (root / "materialised" / "encoding").rglob("*.parquet"):
        path.write_bytes(b"PAR1")
    for path in (root / "embedding_sets").glob("[!_]*.parquet"):
        path.unlink()
    for path in (root / "datasets").glob("[!_]*.parquet"):
        path.unlink()
    cmr("ingest", *photos(6), "-w", root, "--dataset", "a")
    assert counted["images"] == 12


def test_a_model_in_half_precision(cmr, photos, tmp_path):
    """Its vectors are close to those in full precision, and are called otherwise."""
    root = tmp_path / "w"
    cmr("ingest", *photos(9), "-w", root, "--dataset", "a")
    cmr("ingest", *photos(9), "-w", root, "--dataset", "a", "--precision", "bf16")
    rows = connect(str(root)).execute(
        "select model, modality, item_id, vector from embeddings order by model"
    )
    found = {}
    for model, *key, vector in rows.fetchall():
        found.setdefault(model, {})[tuple(key)] = np.array(vector)
    assert set(found) == {"scenes-tiny", "scenes-tiny-bf16"}
    for key, vector in found["scenes-tiny"].items():
        assert 0.99 < vector @ found["scenes-tiny-bf16"][key] < 1 - 1e-9
