"""What sources say of items beside captions and media is kept, by the item that it is said of."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import cmr
from cmr.api.ingestion import ingest_source
from cmr.errors import CmrError
from cmr.sources.arrays import read_arrays
from cmr.sources.attributes import values_in
from cmr.sources.coco import read_coco
from cmr.sources.hf import read_hf
from cmr.sources.img2dataset import read_img2dataset
from cmr.sources.karpathy import read_karpathy
from cmr.sources.pairs import read_pairs
from cmr.sources.webdataset import read_webdataset
from tests.conftest import npz_arrays, snapshot

CELLS = [
    ("dog", ("dog",)), ("  dog ", ("dog",)), ("", ()), (None, ()), (True, ("true",)),
    (3, ("3",)), (3.0, ("3",)), (0.5, ("0.5",)), (float("nan"), ()), (float("inf"), ()),
    (["dog", "cat", "dog"], ("dog", "cat")), ('["dog", "cat"]', ("dog", "cat")),
    ([1, 2], ("1", "2")), ([0.1, 0.2], ()), ({"a": 1}, ()), (b"dog", ()), ("x" * 1001, ()),
    (np.array(["a", "b"]), ("a", "b")), (date(2024, 5, 6), ("2024-05-06",)), ("\ud800", ()),
    ("a\0", ()), (10**5000, ()), ("[sic]", ("[sic]",)),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "values"), CELLS, ids=range(len(CELLS)))
def test_cells(cell, values):
    assert values_in(cell) == values


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for n, name in enumerate("abc"):
        Image.new("RGB", (24, 24), (40 * n, 90, 200)).save(folder / f"{name}.png")
    return folder


def told(items):
    return {item.item_id: item.attributes for item in items if item.attributes}


ROWS = [
    ("a.png", "a dog", "pets", "ann", ["x", "y"]), ("a.png", "one dog", "pets", "bob", ["x"]),
    ("b.png", "a car", "traffic", "ann", []), ("c.png", "a tree", None, "bob", ["z"]),
]  # fmt: skip
HEAD = ("image", "caption", "category", "who", "tags")


def test_columns_of_pairs(photos, tmp_path):
    columns = dict(zip(HEAD, map(list, zip(*ROWS, strict=True)), strict=True))
    more = {"vector": [[0.5]] * 4, "thumb": [b"x"] * 4, "split": ["test"] * 4}
    pq.write_table(pa.table(columns | more), tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text(
        "".join(json.dumps(dict(zip(HEAD, row, strict=True))) + "\n" for row in ROWS)
    )
    with (tmp_path / "t.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([HEAD, *((*row[:4], json.dumps(row[4])) for row in ROWS)])
    for ending in ("parquet", "jsonl", "csv"):
        found = read_pairs(str(tmp_path / f"t.{ending}"), str(photos))
        # All captions of a picture agree on its category: it is the picture's.
        assert told(found.visuals) == {
            "a.png": (("category", "pets"),),
            "b.png": (("category", "traffic"),),
        }
        assert told(found.texts) == {
            "0": (("who", "ann"), ("tags", "x"), ("tags", "y")),
            "1": (("who", "bob"), ("tags", "x")),
            "2": (("who", "ann"),),
            "3": (("who", "bob"), ("tags", "z")),
        }


def test_columns_of_downloads(photos, tmp_path):
    data = [(photos / f"{name}.png").read_bytes() for name in "abc"]
    table = {"caption": ["a dog", "a car", "it"], "kind": ["pets", "traffic", None], "n": [1, 2, 3]}
    (tmp_path / "hf").mkdir()
    pq.write_table(
        pa.table({**table, "image": [{"bytes": one} for one in data], "split": ["test"] * 3}),
        tmp_path / "hf" / "test-00000-of-00001.parquet",
    )
    expected = [(("kind", "pets"), ("n", "1")), (("kind", "traffic"), ("n", "2")), (("n", "3"),)]
    found = read_hf(str(tmp_path / "hf"))
    assert [item.attributes for item in found.visuals] == expected
    (tmp_path / "i2d").mkdir()
    more = {"key": ["0", "1", "2"], "status": ["success"] * 3, "jpg": data, "width": [24] * 3}
    pq.write_table(pa.table({**table, **more}), tmp_path / "i2d" / "00000.parquet")
    found = read_img2dataset(str(tmp_path / "i2d"))
    assert [item.attributes for item in found.visuals] == expected


def test_categories_of_coco(photos, tmp_path):
    images = [{"id": n, "file_name": f"{name}.png", "license": n} for n, name in enumerate("abc")]
    texts = [{"id": n, "image_id": n, "caption": "it", "worker": "w"} for n in range(3)]
    kinds = [{"id": 7, "name": "dog", "supercategory": "animal"}, {"id": 8, "name": "cat"}]
    objects = [{"id": n, "image_id": n % 2, "category_id": 7 + n // 3} for n in range(4)]
    captions, instances = tmp_path / "captions.json", tmp_path / "instances.json"
    captions.write_text(json.dumps({"images": images, "annotations": texts}))
    instances.write_text(json.dumps({"annotations": objects, "categories": kinds}))
    found = read_coco(str(captions), str(photos), instances=str(instances))
    dog = (("category", "dog"), ("supercategory", "animal"))
    assert told(found.visuals) == {
        "0": (("license", "0"), *dog),
        "1": (("license", "1"), *dog, ("category", "cat")),
        "2": (("license", "2"),),
    }
    assert set(told(found.texts).values()) == {(("worker", "w"),)}
    instances.write_text(json.dumps({"annotations": objects}))
    with pytest.raises(CmrError, match=r"instances.json lacks the lists 'categories'"):
        read_coco(str(captions), str(photos), instances=str(instances))
    instances.write_text(json.dumps({"annotations": objects, "categories": kinds[1:]}))
    with pytest.raises(CmrError, match=r"annotations\[0\] has the unknown category 7"):
        read_coco(str(captions), str(photos), instances=str(instances))


def test_fields_of_karpathy(photos, tmp_path):
    entry = {
        "filename": "a.png", "split": "test", "imgid": 4, "sentids": [1], "place": "park",
        "sentences": [{"raw": "a dog", "tokens": ["a"], "sentid": 1, "imgid": 4, "mood": "fun"}],
    }  # fmt: skip
    (tmp_path / "k.json").write_text(json.dumps({"images": [entry]}))
    found = read_karpathy(str(tmp_path / "k.json"), str(photos))
    assert told(found.visuals) == {"4": (("place", "park"),)}
    assert told(found.texts) == {"1": (("mood", "fun"),)}


def test_json_of_webdataset(photos, tmp_path):
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for name, data in (
            ("s.png", (photos / "a.png").read_bytes()),
            ("s.txt", b"a dog"),
            ("s.json", b'{"caption": "x", "topic": ["a", "b"], "sha256": "0", "deep": {"a": 1}}'),
            ("t.png", (photos / "b.png").read_bytes()),
            ("t.txt", b"a car"),
            ("t.json", b"not JSON"),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    found = read_webdataset([str(tmp_path / "0.tar")])
    assert told(found.visuals) == {"s": (("topic", "a"), ("topic", "b"))}
    assert not found.rejects


def test_columns_of_labels(tmp_path):
    np.save(tmp_path / "t.npy", np.eye(2, dtype=np.float32))
    (tmp_path / "ids.csv").write_text("id,caption,kind\nq,a dog,pets\nr,a car,\n")
    path = str(tmp_path / "t.npy")
    found = read_arrays(path, path, text_ids=str(tmp_path / "ids.csv"))
    assert told(found.texts) == {"q": (("kind", "pets"),)}
    assert told(found.visuals) == {}


@pytest.mark.slow
def test_ingest_again(tmp_path):
    """The same is a no-op; what is said more is added, without a new fingerprint."""
    np.savez(tmp_path / "d.npz", **npz_arrays(dims=(16,)))
    ids = tmp_path / "ids.csv"

    def ingest(columns):
        head = ",".join(["id", *columns])
        body = "".join(
            ",".join([str(n), *(f"{name}{n % 3}" for name in columns)]) + "\n" for n in range(30)
        )
        ids.write_text(f"{head}\n{body}")
        wh = cmr.open(tmp_path / "w", create=True)
        wh.ingest("npz", file=str(tmp_path / "d.npz"), visual_ids=str(ids), dataset="d")
        rows = wh.sql("select name, count(*) as n from attributes group by name").dicts()
        found = {row["name"]: row["n"] for row in rows}
        return found, wh.sql("select fingerprint from datasets").dicts()

    none, fingerprint = ingest([])
    assert none == {}
    # As a warehouse of an earlier version, of whose data the source now says more.
    assert ingest(["kind"]) == ({"kind": 30}, fingerprint)
    before = snapshot(tmp_path / "w")
    assert ingest(["kind"]) == ({"kind": 30}, fingerprint)
    assert snapshot(tmp_path / "w") == before
    assert ingest(["other"]) == ({"kind": 30, "other": 30}, fingerprint)
    assert ingest([]) == ({"kind": 30, "other": 30}, fingerprint)
    # What is damaged is made again.
    for file in (tmp_path / "w" / "attributes" / "dataset=d").rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-40])
    assert ingest(["kind"]) == ({"kind": 30}, fingerprint)


def test_one_file_as_ids_and_as_captions_says_it_once(tmp_path):
    """Both readings find every further column of it."""
    np.savez(tmp_path / "x.npz", **npz_arrays(texts=20, visuals=10, dims=(8,)))
    table = tmp_path / "texts.csv"
    table.write_text(
        "item_id,text,kind\n" + "".join(f"t{n:02},caption {n},{'ab'[n % 2]}\n" for n in range(20))
    )
    root = str(tmp_path / "w")
    ingest_source(
        root, "npz", "d", file=str(tmp_path / "x.npz"), text_ids=str(table), captions=str(table)
    )
    rows = cmr.open(root).sql("from attributes where name = 'kind' order by item_id").dicts()
    assert [(row["item_id"], row["value"]) for row in rows] == [
        (f"t{n:02}", "ab"[n % 2]) for n in range(20)
    ]
