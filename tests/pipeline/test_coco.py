"""COCO ingest on real files: every kind of picture, broken ones, a folder and a zip."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from cmr.encode.decode import decode
from cmr.encode.models import ASSETS, EMBEDDED, resolve
from cmr.sources.scenes_draw import render, scenes
from cmr.views import connect
from tests.conftest import TOY


def picture_bytes(image, form="JPEG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.fixture
def coco(tmp_path):
    """Twelve pictures of every kind, two captions each; one cut, one no picture, one gone."""
    drawn = scenes("test", 12)
    photos = [render(scene) for scene in drawn]
    rotated = Image.Exif()
    rotated[0x0112] = 6
    files = {
        "plain.jpg": picture_bytes(photos[0]),
        "alpha.png": picture_bytes(photos[1].convert("RGBA"), "PNG"),
        "grey.jpg": picture_bytes(photos[2].convert("L")),
        "cmyk.jpg": picture_bytes(photos[3].convert("CMYK")),
        "exif.jpg": picture_bytes(photos[4].rotate(90, expand=True), exif=rotated, quality=100),
        "palette.png": picture_bytes(photos[5].convert("P"), "PNG"),
        "deep.png": picture_bytes(Image.fromarray(np.full((9, 9), 40000, np.uint16)), "PNG"),
        "héllo wörld.jpg": picture_bytes(photos[7]),
        "sub/nested.webp": picture_bytes(photos[8], "WEBP"),
        "cut.jpg": picture_bytes(photos[9])[:700],
        "text.jpg": b"<html>404</html>",
    }
    folder = tmp_path / "images"
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    names = [*files, "gone.jpg"]
    images = [
        {"id": 100 + n, "file_name": name, "width": 64, "height": 64}
        for n, name in enumerate(names)
    ]
    captions = [
        {"id": 2 * n + m, "image_id": 100 + n, "caption": drawn[n].captions[m]}
        for n in range(12)
        for m in range(2)
    ]
    captions.append({"id": 90, "image_id": 100, "caption": "  "})
    captions.append({"id": 91, "image_id": 7, "caption": "of nothing"})
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"images": images, "annotations": captions}))
    return path, folder


def test_every_kind_of_picture(cmr, coco, tmp_path):
    path, folder = coco
    root = tmp_path / "w"
    result = cmr("ingest", "coco", *TOY, "--annotations", path, "--images", folder, "-w", root,
                 "--dataset", "c", "--max-rejects", "0.3")  # fmt: skip
    assert "18 texts, 9 visuals, 18 pairs" in result.stderr
    con = connect(str(root))
    rejects = dict(con.execute("select source_row, reason from rejects").fetchall())
    assert set(rejects) == {"cut.jpg", "text.jpg", "gone.jpg", "annotations[24]", "annotations[25]"}
    assert "missing" in rejects["gone.jpg"]
    assert "truncated" in rejects["cut.jpg"]
    assert "5 rejected" in result.stderr
    rows = con.execute(
        "select item_id, uri, length(content_hash) from items where modality = 'visual' "
        "order by ordinal"
    ).fetchall()
    assert [row[0] for row in rows] == [str(100 + n) for n in range(9)]
    assert {row[2] for row in rows} == {64}
    again = cmr("ingest", "coco", *TOY, "--annotations", path, "--images", folder, "-w", root,
                "--dataset", "c", "--max-rejects", "0.3")  # fmt: skip
    assert "already there" in again.stderr


def test_a_zip_gives_the_same(cmr, coco, tmp_path):
    path, folder = coco
    archive = tmp_path / "images.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for file in folder.rglob("*.*"):
            out.write(file, f"val/{file.relative_to(folder)}")
    vectors = []
    for images in (folder, archive):
        root = tmp_path / f"w-{images.name}"
        cmr("ingest", "coco", *TOY, "--annotations", path, "--images", images, "-w", root,
            "--dataset", "c", "--max-rejects", "0.4", "--limit", "8")  # fmt: skip
        con = connect(str(root))
        vectors.append(
            con.execute("select item_id, vector from embeddings order by all").fetchall()
        )
    assert len(vectors[0]) == 8 + 16
    assert vectors[0] == vectors[1]


def test_too_many_rejects(cmr, coco, tmp_path):
    path, folder = coco
    root = tmp_path / "w"
    result = cmr(
        "ingest", "coco", *TOY, "--annotations", path, "--images", folder, "-w", root, code=1
    )
    assert "pictures cannot be used, more than the 0 that --max-rejects allows" in result.stderr
    assert not root.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "holds a list"),
        ("{", "not a readable JSON"),
        ('{"images": []}', "lacks the list 'annotations'"),
        ('{"images": [{"id": 1}], "annotations": []}', "images[0] lacks file_name"),
        ('{"images": [{"id": 1, "file_name": "a"}], "annotations": []}', "no text has a relevant"),
        (
            '{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}],'
            ' "annotations": []}',
            "repeats the image id 1",
        ),
    ],
)
def test_malformed_json(cmr, tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    result = cmr("ingest", "coco", *TOY, "--annotations", tmp_path / "a.json", "--images", tmp_path,
                 "-w", tmp_path / "w", code=1)  # fmt: skip
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_no_way_out_of_the_folder(cmr, tmp_path):
    """A file name that leads out of the image folder is a reject, not a read."""
    (tmp_path / "secret.jpg").write_bytes(picture_bytes(render(scenes("test", 1)[0])))
    (tmp_path / "images").mkdir()
    data = {
        "images": [{"id": 1, "file_name": "../secret.jpg"}],
        "annotations": [{"id": 1, "image_id": 1, "caption": "x"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(data))
    result = cmr("ingest", "coco", *TOY, "--annotations", tmp_path / "a.json", "--images",
                 tmp_path / "images", "-w", tmp_path / "w", "--max-rejects", "1",
                 code=1)  # fmt: skip
    assert "no picture of any caption can be read" in result.stderr


def test_decode_turns_and_converts():
    scene = render(scenes("test", 1)[0])
    rotated = Image.Exif()
    rotated[0x0112] = 6
    turned = decode(picture_bytes(scene.rotate(90, expand=True), "PNG", exif=rotated))
    np.testing.assert_array_equal(np.asarray(turned), np.asarray(scene))
    for mode in ("L", "CMYK", "RGBA", "P", "1"):
        data = picture_bytes(scene.convert(mode), "JPEG" if mode == "CMYK" else "PNG")
        assert decode(data).mode == "RGB"
    for data in (b"", b"GIF89a", picture_bytes(scene)[:500]):
        with pytest.raises(ValueError, match=r"picture|decode"):
            decode(data)


def test_weights_are_never_made_up(cmr, coco, tmp_path):
    path, folder = coco
    base = ("ingest", "coco", *TOY, "--annotations", path, "--images", folder, "-w", tmp_path / "w")
    result = cmr(*base, "--model", "ViT-B-32", code=1)
    assert "needs --pretrained" in result.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    config = (ASSETS / EMBEDDED / "open_clip_config.json").read_text()
    (empty / "open_clip_config.json").write_text(config)
    result = cmr(*base, "--model", f"local-dir:{empty}", "--max-rejects", "1", code=1)
    assert "cannot load the model empty" in result.stderr
    assert not (tmp_path / "w").exists()


def test_batch_size_does_not_change_vectors():
    """Pictures and captions encode alike in batches of 1 and of 16, to 1e-5."""
    from cmr.encode.batches import How, encode_images
    from cmr.encode.openclip import OpenClip
    from cmr.sources.scenes import read_scenes

    collection = read_scenes(limit=16)
    encoder = OpenClip(resolve(EMBEDDED, None))
    found = []
    for size in (1, 16):
        parts = []
        encode_images(
            encoder, collection.visuals, collection.reader, How(size, 2),
            lambda items, vectors, frames, parts=parts: parts.append(vectors),
        )  # fmt: skip
        found.append(np.concatenate(parts))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    captions = [item.text for item in collection.texts]
    singly = np.concatenate([encoder.encode_texts([caption]) for caption in captions])
    np.testing.assert_allclose(singly, encoder.encode_texts(captions), atol=1e-5)
