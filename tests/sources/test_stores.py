"""Pictures, shards and tables in an object store: the same as from this disk."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile

import fsspec
import pytest

from cmr.errors import CmrError
from cmr.sources import user_files
from cmr.sources.coco import read_coco
from cmr.sources.images import open_images
from cmr.sources.img2dataset import read_img2dataset
from cmr.sources.pairs import read_pairs
from cmr.sources.webdataset import read_webdataset
from tests.conftest import TOY
from tests.sources.test_formats import CAPTIONS, EXPECTED, NAMES, PICTURES, add, seen

ROOT = "memory://bucket/data"


@pytest.fixture
def store():
    """A store with the same pictures as a folder, a zip, a tar and a compressed tar."""
    fs = fsspec.filesystem("memory")
    plain, packed, zipped = io.BytesIO(), io.BytesIO(), io.BytesIO()
    for out, mode in ((plain, "w"), (packed, "w:gz")):
        with tarfile.open(fileobj=out, mode=mode) as tar:
            for name, data in PICTURES.items():
                add(tar, f"{name}.png", data)
                add(tar, f"{name}.txt", "\n".join(CAPTIONS[NAMES.index(name)]).encode())
    with zipfile.ZipFile(zipped, "w") as archive:
        for name, data in PICTURES.items():
            archive.writestr(f"photos/{name}.png", data)
    for name, data in PICTURES.items():
        fs.pipe(f"/bucket/data/photos/{name}.png", data)
    fs.pipe("/bucket/data/shards/000.tar", plain.getvalue())
    fs.pipe("/bucket/data/photos.tar.gz", packed.getvalue())
    fs.pipe("/bucket/data/photos.zip", zipped.getvalue())
    fs.pipe("/bucket/secret.png", b"secret")
    yield fs
    fs.rm("/bucket", recursive=True)


@pytest.mark.parametrize("images", ["photos", "photos.zip", "photos.tar.gz", "shards/000.tar"])
def test_coco(store, images):
    data = {
        "images": [{"id": n, "file_name": f"{name}.png"} for n, name in enumerate(NAMES)],
        "annotations": [
            {"id": 10 * n + m, "image_id": n, "caption": text}
            for n, told in enumerate(CAPTIONS)
            for m, text in enumerate(told)
        ],
    }
    store.pipe("/bucket/data/captions.json", json.dumps(data).encode())
    assert seen(read_coco(f"{ROOT}/captions.json", f"{ROOT}/{images}")) == EXPECTED


@pytest.mark.parametrize("shards", ["shards", "shards/{000..000}.tar", "shards/*.tar"])
def test_webdataset(store, shards):
    assert seen(read_webdataset([f"{ROOT}/{shards}"])) == EXPECTED


def test_pairs_beside_their_table(store):
    lines = [
        f'"photos/{name}.png","{text.replace(chr(34), chr(34) * 2)}"\n'
        for name, told in zip(NAMES, CAPTIONS, strict=True)
        for text in told
    ]
    store.pipe("/bucket/data/captions.csv", ("image,caption\n" + "".join(lines)).encode())
    assert seen(read_pairs(f"{ROOT}/captions.csv")) == EXPECTED


@pytest.mark.parametrize("layout", ["files", "tar"])
def test_img2dataset(store, layout):
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    rows = {"key": ["000", "001"], "caption": ["a dog", "drei"], "status": ["success"] * 2}
    pq.write_table(pa.table(rows), out)
    store.pipe("/bucket/data/f/00000.parquet", out.getvalue())
    pictures = dict(zip(rows["key"], PICTURES.values(), strict=False))
    if layout == "files":
        for key, data in pictures.items():
            store.pipe(f"/bucket/data/f/00000/{key}.png", data)
    else:
        shard = io.BytesIO()
        with tarfile.open(fileobj=shard, mode="w") as tar:
            for key, data in pictures.items():
                add(tar, f"{key}.png", data)
        store.pipe("/bucket/data/f/00000.tar", shard.getvalue())
    found = seen(read_img2dataset(f"{ROOT}/f"))
    assert found == {PICTURES[NAMES[0]]: ["a dog"], PICTURES[NAMES[1]]: ["drei"]}


def test_no_way_out(store):
    reader = open_images(f"{ROOT}/photos")
    for uri in ("../../secret.png", "a/../../../secret.png", "/bucket/secret.png",
                "memory://bucket/secret.png"):  # fmt: skip
        with pytest.raises(PermissionError, match="leads out of"):
            reader.read(uri)


def test_what_is_not_there(store, cmr, tmp_path):
    with pytest.raises(CmrError, match="there is no folder, zip or tar file"):
        open_images(f"{ROOT}/nothing.zip")
    with pytest.raises(CmrError, match="there is no file"):
        read_webdataset([f"{ROOT}/none.tar"])
    with pytest.raises(FileNotFoundError):
        open_images(f"{ROOT}/photos").read("x.png")
    said = cmr("ingest", "pairs", *TOY, "nosuch://b/x.csv", "-w", tmp_path / "w", code=1).stderr
    assert "cannot open nosuch://b/x.csv" in said
    assert said.count("\n") == 1


def test_a_store_that_fails(store, monkeypatch):
    """Whatever a store raises is an OSError, which readers and ingest expect."""
    reader = open_images(f"{ROOT}/photos")

    def fail(*args, **kwargs):
        raise RuntimeError("503 Slow Down\nrequest 1")

    monkeypatch.setattr(type(store), "cat_file", fail)
    with pytest.raises(OSError, match="503 Slow Down request 1"):
        reader.read("c.png")
    monkeypatch.setattr(type(store), "isfile", fail)
    with pytest.raises(CmrError, match="503 Slow Down"):
        user_files.is_file(f"{ROOT}/captions.json")
