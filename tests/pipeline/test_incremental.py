"""What was encoded once is not encoded again: equal content, grown data, a killed ingest."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.encode.openclip import OpenClip
from cmr.pipeline import known_vectors
from cmr.sources.scenes_draw import render, scenes
from cmr.views import connect
from tests.conftest import TOY, snapshot

pytestmark = pytest.mark.slow


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
        return ("pairs", path, *TOY, "--images", folder)

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


@pytest.mark.slow
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


EVALUATE = ("--dims", "64", "--precisions", "fp32,int8", "--candidates", "4")


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_data_that_grows_under_its_name(cmr, photos, counted, tmp_path):
    """Only what is new is encoded; what was evaluated before makes room for the whole."""
    root, alone = tmp_path / "w", tmp_path / "alone"
    cmr("ingest", *photos(5), "-w", root, "--dataset", "a")
    cmr("evaluate", "-w", root, *EVALUATE)
    before = snapshot(root)
    said = cmr("ingest", *photos(9, twice=True), "-w", root, "--dataset", "a").stderr
    assert counted == {"images": 9, "texts": 9}
    assert "encoded 4 visuals and 4 texts" in said
    # What was replaced stays for those who read it.
    assert set(before) <= set(snapshot(root))
    con = connect(str(root))
    assert con.execute("select count(*) from runs").fetchone() == (0,)
    assert con.execute("select count(*) from embeddings").fetchone() == (20,)
    cmr("evaluate", "-w", root, *EVALUATE)
    cmr("ingest", *photos(9, twice=True), "-w", alone, "--dataset", "a")
    cmr("evaluate", "-w", alone, *EVALUATE)
    query = "select * exclude (run_id, model) from metrics order by all"
    mine, theirs = (connect(str(where)).execute(query).fetchall() for where in (root, alone))
    assert len(mine) > 100
    for row, other in zip(mine, theirs, strict=True):
        assert row == pytest.approx(other, abs=1e-9)
    assert "all 17 checks pass" in cmr("doctor", "-w", root).stdout
    assert cmr("runs", "list", "-w", root).stdout.count("scenes-tiny") == 4


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_another_model_has_to_catch_up(cmr, photos, counted, tmp_path):
    root = tmp_path / "w"
    cmr("ingest", *photos(5), "-w", root, "--dataset", "a", "--model-name", "m")
    cmr("ingest", *photos(9), "-w", root, "--dataset", "a")
    refused = cmr("evaluate", "-w", root, "--model", "m", *EVALUATE, code=1)
    assert "has grown since the model 'm' encoded it" in refused.stderr
    cmr("ingest", *photos(9), "-w", root, "--dataset", "a", "--model-name", "m")
    assert counted == {"images": 18, "texts": 18}
    cmr("evaluate", "-w", root, "--model", "m", *EVALUATE)


@pytest.mark.parametrize("change", ["fewer", "caption", "picture"])
def test_what_is_not_growth_is_refused(cmr, photos, tmp_path, change):
    root = tmp_path / "w"
    cmr("ingest", *photos(6), "-w", root, "--dataset", "a")
    before = snapshot(root)
    source = photos(5 if change == "fewer" else 9)
    if change == "caption":
        source[1].write_text(source[1].read_text().replace("2.png,", "2.png,not "))
    if change == "picture":
        render(scenes("test", 20)[19]).save(tmp_path / "photos" / "3.png")
    refused = cmr("ingest", *source, "-w", root, "--dataset", "a", code=1)
    assert "other data under the name 'a'" in refused.stderr
    says = {"fewer": "'5', which is not here", "caption": "'2' is different",
            "picture": "'3.png' is different"}  # fmt: skip
    assert says[change] in refused.stderr
    after = snapshot(root)
    assert {k: v for k, v in after.items() if not k.startswith("metrics/")} == before


def test_other_weights_under_the_same_name(cmr, photos, tmp_path, monkeypatch):
    """Vectors of two sets of weights are never mixed."""
    root = tmp_path / "w"
    cmr("ingest", *photos(5), "-w", root, "--dataset", "a")
    plain = OpenClip.details
    monkeypatch.setattr(OpenClip, "details", lambda self: plain(self) | {"weights_sha256": "0"})
    refused = cmr("ingest", *photos(9), "-w", root, "--dataset", "a", code=1)
    assert "the weights of 'scenes-tiny' are not those" in refused.stderr


def test_a_killed_ingest_goes_on(cmr, photos, counted, tmp_path, monkeypatch):
    root = tmp_path / "w"
    monkeypatch.setattr(known_vectors, "SECONDS", 0.0)
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
    monkeypatch.setattr(known_vectors, "SECONDS", 0.0)
    monkeypatch.setattr(known_vectors.Encoding, "forget", lambda self: None)
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


def test_all_that_is_new_is_broken(cmr, photos, counted, tmp_path):
    """What was encoded before counts: the new pictures are rejected, and the rest stays."""
    root = tmp_path / "w"
    cmr("ingest", *photos(5), "-w", root, "--dataset", "a")
    (tmp_path / "photos" / "5.png").write_bytes(b"no picture")
    cmr("ingest", *photos(6), "-w", root, "--dataset", "a", "--max-rejects", "0.5")
    rows = connect(str(root)).execute("select visuals, rejects from datasets")
    assert rows.fetchone() == (5, 1)
    assert counted["images"] == 5
