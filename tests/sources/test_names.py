"""Names that are the same to a reader are found; what fits two files is nobody's."""

from __future__ import annotations

import tarfile
import unicodedata
import zipfile

import pytest

from cmr.pipeline.contents import hash_contents
from cmr.progressbar import no_bar
from cmr.sources.images import open_images
from cmr.sources.names import SeveralFitError
from cmr.sources.pairs import read_pairs
from cmr.sources.video import read_video

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
FILES = [
    f"{NFD}.png", "sub/b.png", "with space.jpg", "100%25.png", "Upper.JPG", f"{NFD}/in.png",
    "stem.jpeg", "both.jpg", "both.JPG", "one.jpg", "one.png", "deep/er/x.png",
]  # fmt: skip
FOUND = {
    f"{NFC}.png": f"{NFD}.png", f"{NFD}.png": f"{NFD}.png", "sub\\b.png": "sub/b.png",
    "./sub/b.png": "sub/b.png", "sub//b.png": "sub/b.png", "with%20space.jpg": "with space.jpg",
    "100%25.png": "100%25.png", "Upper.jpg": "Upper.JPG", "sub/b.PNG": "sub/b.png",
    f"{NFC}/in.png": f"{NFD}/in.png", f"{NFC}%2Fin.png": f"{NFD}/in.png", "stem": "stem.jpeg",
    "both.jpg": "both.jpg", "both.JPG": "both.JPG",
    # The root is called val: names that begin with it, or with the path to it.
    "val/sub/b.png": "sub/b.png", "/home/me/val/sub/b.png": "sub/b.png",
    "C:\\data\\val\\sub\\b.png": "sub/b.png", "../val/one.png": "one.png",
    "deep/er/x.png": "deep/er/x.png",
}  # fmt: skip
NOT_FOUND = [
    "upper.jpg",
    "other/sub/b.png",
    "b.txt",
    "",
    "sub",
    "../x.png",
    "/etc/passwd",
    "stem.png",
]


@pytest.fixture(params=["folder", "zip", "tar", "store"])
def images(request, tmp_path):
    root = tmp_path / "val"
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    if request.param == "folder":
        yield open_images(str(root))
    elif request.param == "zip":
        with zipfile.ZipFile(tmp_path / "val.zip", "w") as archive:
            for name in FILES:
                archive.write(root / name, name)
        yield open_images(str(tmp_path / "val.zip"))
    elif request.param == "tar":
        with tarfile.open(tmp_path / "val.tar", "w") as archive:
            for name in FILES:
                archive.add(root / name, name)
        yield open_images(str(tmp_path / "val.tar"))
    else:
        fsspec = pytest.importorskip("fsspec")
        store = fsspec.filesystem("memory")
        for name in FILES:
            store.pipe(f"/names/val/{name}", name.encode())
        yield open_images("memory://names/val")
        store.rm("/names", recursive=True)


def test_found(images):
    for name, meant in FOUND.items():
        assert images.locate(name) == meant, name
        assert images.read(name) == meant.encode(), name
    for name in NOT_FOUND:
        assert images.locate(name) is None, name
        with pytest.raises(OSError):  # noqa: PT011
            images.read(name)
    for name in ("both.Jpg", "one"):
        with pytest.raises(SeveralFitError, match=r"it may be .* or "):
            images.locate(name)
        with pytest.raises(OSError, match="it may be"):
            images.read(name)


def test_the_end_of_a_member_s_path(tmp_path):
    """An archive's members are often below a folder that the table does not name."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("photos/a/x.png", "photos/b/x.png", "photos/y.png", "win\\z.png", "dir/"):
            archive.writestr(name, name)
    images = open_images(str(tmp_path / "a.zip"))
    assert images.locate("y.png") == "photos/y.png"
    assert images.locate("a/x.png") == "photos/a/x.png"
    assert images.read("win/z.png") == images.read("z.png")
    assert images.locate("o/y.png") is None
    with pytest.raises(SeveralFitError):
        images.locate("x.png")


def test_clips_have_other_endings(tmp_path):
    folder = tmp_path / "clips"
    (folder / "video3").mkdir(parents=True)
    for name in ("video0.avi", "video1.mp4", "video1.webm", "video2.txt", "video3.webm", "v4.mp4"):
        (folder / name).write_bytes(name.encode())
    table = tmp_path / "captions.csv"
    names = ["video0", "video0.mp4", "video1.webm", "video1", "video2", "video3", "clips/v4.avi"]
    table.write_text("video,caption\n" + "".join(f"{name},of {name}\n" for name in names))
    found = read_video(str(table), str(folder))
    # video0 and video0.mp4 are one clip.
    assert {item.item_id: item.uri for item in found.visuals} == {
        "video0": "video0.avi", "video1.webm": "video1.webm", "video1": "video1",
        "video2": "video2", "video3": "video3.webm", "clips/v4.avi": "v4.mp4",
    }  # fmt: skip
    assert [one.visual_id for one in found.judgments[:2]] == ["video0", "video0"]
    _, missing = hash_contents(found, 1, no_bar)
    reasons = {one.source_row: one.reason for one in missing}
    assert "it may be video1.mp4 or video1.webm" in reasons["video1"]
    assert reasons["video2"] == (f"the file is missing, which {table}: row 4 (line 6) names")
    assert not read_pairs(str(table), str(folder)).visuals[0].uri.endswith(".avi")


def test_spellings_of_one_file_are_one_picture(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / f"{NFD}.png").write_bytes(b"x")
    table = tmp_path / "a.csv"
    table.write_text(f"image,caption\n{NFC}.png,a\n{NFD}.png,b\np/{NFC}.PNG,c\n", encoding="utf-8")
    found = read_pairs(str(table), str(tmp_path / "p"))
    assert [(one.item_id, one.uri) for one in found.visuals] == [(f"{NFC}.png", f"{NFD}.png")]
    assert len(found.texts) == 3
