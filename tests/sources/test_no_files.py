"""What is no plain file where one is named: pipes, links in circles, sockets, folders, devices.

Each is a sentence or a reject, and nothing is waited for: a pipe here has no writer.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import tarfile
import threading
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from cmr.plain import check_plain, open_plain, other_than_plain
from cmr.sources.images import open_images
from tests.conftest import TOY

ROWS = 6
SECONDS = 60


def png(number):
    out = io.BytesIO()
    Image.new("RGB", (24, 24), (40 * number, 255 - 40 * number, 90)).save(out, "PNG")
    return out.getvalue()


def pipe(path):
    os.mkfifo(path)


def circle(path):
    path.symlink_to(path.name)


def listener(path):
    with socket.socket(socket.AF_UNIX) as made:
        # A socket's path is at most 107 bytes long.
        here = os.open(path.parent, os.O_RDONLY)
        try:
            made.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def folder(path):
    path.mkdir()


def device(path):
    path.symlink_to("/dev/zero")


KINDS = {
    pipe: "it is a pipe",
    circle: "it is a circular link",
    listener: "it is a socket",
    folder: "it is a folder",
    device: "it is a device",
}


def within(seconds, call, *pipes):
    """What a call returns or raises; a failure of the test if it takes longer."""
    found = []

    def work():
        try:
            found.append((call(), None))
        except BaseException as error:
            found.append((None, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        for path in pipes:
            # A writer that comes and goes lets the reader end.
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        pytest.fail("it waits for a pipe")
    ((value, error),) = found
    if error is not None:
        raise error
    return value


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Small whole inputs of every source."""
    at = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)
    vectors = {side: rng.standard_normal((ROWS, 8)).astype(np.float32) for side in "tv"}
    rows = range(ROWS)
    for side, array in vectors.items():
        np.save(at / f"{side}.npy", array)
        head = np.array(array.shape, "<u4").tobytes()
        (at / f"{side}.fbin").write_bytes(head + array.tobytes())
    np.savez(at / "d.npz", text_8=vectors["t"], video_8=vectors["v"], ground_truth=np.arange(ROWS))
    np.save(at / "pairs.npy", np.arange(ROWS))
    pairs = pa.table({"text": list(rows), "visual": list(rows)})
    pq.write_table(pairs, at / "pairs.parquet")
    with pa.ipc.new_file(str(at / "pairs.arrow"), pairs.schema) as out:
        out.write_table(pairs)
    (at / "pairs.csv").write_text("text,visual\n" + "".join(f"{n},{n}\n" for n in rows))
    (at / "pairs.jsonl").write_text("".join(f'{{"text": {n}, "visual": {n}}}\n' for n in rows))
    (at / "ids.txt").write_text("".join(f"x{n}\n" for n in rows))
    (at / "ids.json").write_text(json.dumps([f"x{n}" for n in rows]))
    (at / "photos").mkdir()
    for n in rows:
        (at / "photos" / f"{n}.png").write_bytes(png(n))
    captioned = [{"image": f"{n}.png", "caption": f"c {n}"} for n in rows]
    (at / "c.csv").write_text("image,caption\n" + "".join(f"{n}.png,c {n}\n" for n in rows))
    (at / "c.json").write_text(json.dumps(captioned))
    pq.write_table(pa.Table.from_pylist(captioned), at / "c.parquet")
    with zipfile.ZipFile(at / "photos.zip", "w") as archive:
        for n in rows:
            archive.writestr(f"{n}.png", png(n))
    (at / "wds").mkdir()
    for path in (at / "photos.tar", at / "wds" / "0.tar"):
        with tarfile.open(path, "w") as tar:
            for name, data in (
                (f"{n}.{e}", d) for n in rows for e, d in (("png", png(n)), ("txt", b"c"))
            ):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    (at / "coco.json").write_text(
        json.dumps(
            {
                "images": [{"id": n, "file_name": f"{n}.png"} for n in rows],
                "annotations": [{"id": n, "image_id": n, "caption": f"c {n}"} for n in rows],
            }
        )
    )
    (at / "hf").mkdir()
    told = {"image": [{"bytes": png(n), "path": None} for n in rows], "caption": ["c"] * ROWS}
    pq.write_table(pa.table(told), at / "hf" / "test-00000-of-00001.parquet")
    (at / "fetched" / "00000").mkdir(parents=True)
    keys = [f"{n:05}" for n in rows]
    told = {"key": keys, "caption": keys, "status": ["success"] * ROWS}
    pq.write_table(pa.table(told), at / "fetched" / "00000.parquet")
    for n, key in enumerate(keys):
        (at / "fetched" / "00000" / f"{key}.jpg").write_bytes(png(n))
    for name, side in (("img_emb", "v"), ("text_emb", "t")):
        (at / "clip" / name).mkdir(parents=True)
        np.save(at / "clip" / name / f"{name}_0.npy", vectors[side])
    (at / "clip" / "metadata").mkdir()
    told = {"image_path": keys, "caption": keys}
    pq.write_table(pa.table(told), at / "clip" / "metadata" / "metadata_0.parquet")
    (at / "q.trec").write_text("".join(f"{n} 0 {n} 1\n" for n in rows))
    (at / "q.json").write_text(json.dumps({str(n): [str(n)] for n in rows}))
    return at


VECTORS = ("arrays", "--texts", "{}/t.npy", "--visuals", "{}/v.npy")
PHOTOS = ("--images", "{}/photos", *TOY)
# What is replaced, and the command that names it.
NAMED = [
    ("t.npy", VECTORS),
    ("v.fbin", ("arrays", "--texts", "{}/t.fbin", "--visuals", "{}/v.fbin")),
    *((f"pairs.{end}", (*VECTORS, "--pairs", f"{{}}/pairs.{end}"))
      for end in ("npy", "csv", "parquet", "arrow", "jsonl")),
    *((f"ids.{end}", (*VECTORS, "--text-ids", f"{{}}/ids.{end}")) for end in ("txt", "json")),
    ("ids.txt", (*VECTORS, "--captions", "{}/ids.txt")),
    ("d.npz", ("npz", "{}/d.npz")),
    *((f"c.{end}", ("pairs", f"{{}}/c.{end}", *PHOTOS)) for end in ("csv", "json", "parquet")),
    *((f"photos.{end}", ("pairs", "{}/c.csv", "--images", f"{{}}/photos.{end}", *TOY))
      for end in ("zip", "tar")),
    ("wds/0.tar", ("webdataset", "{}/wds/0.tar", *TOY)),
    ("wds/0.tar", ("webdataset", "{}/wds/*.tar", *TOY)),
    ("coco.json", ("coco", "--annotations", "{}/coco.json", *PHOTOS)),
    ("hf/test-00000-of-00001.parquet", ("hf", "{}/hf", *TOY)),
    ("fetched/00000.parquet", ("img2dataset", "{}/fetched", *TOY)),
    ("clip/img_emb/img_emb_0.npy", ("clip-retrieval", "{}/clip")),
    ("clip/metadata/metadata_0.parquet", ("clip-retrieval", "{}/clip")),
    ("c.json", ("msrvtt", "--captions", "{}/c.json", "--clips", "{}/photos", *TOY)),
    ("weights.pt", ("pairs", "{}/c.csv", "--images", "{}/photos", "--model", "ViT-B-32",
                    "--pretrained", "{}/weights.pt")),
    ("q.trec", ("qrels", "{}/q.trec")),
    ("q.json", ("qrels", "{}/q.json")),
]  # fmt: skip
# A folder may be meant where others are: of shards, pictures, weights.
FOLDERS_TOO = {"photos.zip", "photos.tar", "weights.pt", "wds/0.tar", "fetched/00000.parquet"}


@pytest.mark.parametrize(("name", "command"), NAMED, ids=lambda part: str(part)[:40])
def test_every_path_of_every_source(cmr, inputs, tmp_path, name, command):
    at = shutil.copytree(inputs, tmp_path / "in")
    for make, said in KINDS.items():
        if make is folder and name in FOLDERS_TOO:
            continue
        path = at / name
        path.unlink(missing_ok=True)
        make(path)
        asked = [part.format(at) for part in command]
        run = lambda asked=asked: cmr("ingest", *asked, "-w", tmp_path / "w", code=1)  # noqa: E731
        error = within(SECONDS, run, *([path] if make is pipe else [])).stderr
        assert said in error
        assert str(path) in error
        assert error.startswith("cmr: ")
        assert error.count("\n") == 1
        path.rmdir() if make is folder else path.unlink()
    assert not (tmp_path / "w").exists()


@pytest.mark.slow
@pytest.mark.parametrize("make", KINDS)
def test_a_picture_that_is_none_is_a_reject(cmr, inputs, tmp_path, make):
    at = shutil.copytree(inputs, tmp_path / "in")
    for command, path in (
        (("coco", "--annotations", "{}/coco.json", *PHOTOS), at / "photos" / "3.png"),
        (("img2dataset", "{}/fetched", *TOY), at / "fetched" / "00000" / "00003.jpg"),
    ):
        path.unlink()
        make(path)
        asked = [part.format(at) for part in command]
        base = ("ingest", *asked, "--max-rejects", "0.5", "-w", tmp_path / "w", "--device", "cpu")
        error = within(SECONDS, lambda base=base: cmr(*base), *([path] if make is pipe else []))
        assert f"{ROWS - 1} texts, {ROWS - 1} visuals" in error.stderr
        assert "1 rejected" in error.stderr


def test_a_circle_hides_no_neighbour(inputs, tmp_path):
    photos = shutil.copytree(inputs / "photos", tmp_path / "photos")
    (photos / "circle").symlink_to("circle")
    reader = open_images(str(photos))
    assert reader.locate("./photos/1.PNG") == "1.png"
    with pytest.raises(OSError, match="circular link"):
        reader.read("circle")


def test_metadata_that_are_no_folder_are_not_passed_over(cmr, inputs, tmp_path):
    at = shutil.copytree(inputs / "clip", tmp_path / "clip")
    shutil.rmtree(at / "metadata")
    pipe(at / "metadata")
    error = cmr("ingest", "clip-retrieval", at, "-w", tmp_path / "w", code=1).stderr
    assert "lacks metadata/metadata_0.parquet" in error


def test_members_that_are_no_files_are_not_read(inputs, tmp_path):
    """Of a tar: links and devices. Of a zip: what is marked as a link is only its bytes."""
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in (("l.png", tarfile.SYMTYPE), ("h.png", tarfile.LNKTYPE),
                           ("c.png", tarfile.CHRTYPE), ("f.png", tarfile.FIFOTYPE)):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/hostname"
            tar.addfile(info)
        info = tarfile.TarInfo("a.png")
        info.size = len(png(0))
        tar.addfile(info, io.BytesIO(png(0)))
    reader = open_images(str(path))
    assert reader.read("a.png") == png(0)
    for name in ("l.png", "h.png", "c.png", "f.png"):
        with pytest.raises(FileNotFoundError):
            reader.read(name)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        info = zipfile.ZipInfo("l.png")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/hostname")
    assert open_images(str(tmp_path / "x.zip")).read("l.png") == b"/etc/hostname"


def test_names_that_no_file_can_have(tmp_path):
    for name in ("a\0b", "\ud800", "x" * 5000):
        with pytest.raises(OSError):  # noqa: PT011
            open_plain(tmp_path / name)
    for name in ("a\0b", "\ud800", "nothing"):
        assert other_than_plain(tmp_path / name) == ""
        with pytest.raises(FileNotFoundError):
            check_plain(tmp_path / name)
    (tmp_path / "plain").write_text("x")
    (tmp_path / "link").symlink_to("plain")
    with open_plain(tmp_path / "link") as file:
        assert file.read() == b"x"
