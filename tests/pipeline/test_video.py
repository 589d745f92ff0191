"""Clips: which frames are taken, what is refused by name, and the vector of a clip."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cmr.encode.frame_choice import read_clip
from cmr.encode.models import resolve
from cmr.encode.openclip import OpenClip
from cmr.views import connect
from tests.clips import make_clip, make_sound
from tests.conftest import TOY

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (30, 200, 200)]


BROKEN = {
    "sound": (make_sound, "no picture, only sound"),
    "empty": (lambda: b"", "the file is empty"),
    "noise": (lambda: b"noise" * 500, "not a complete clip"),
    "cut": (lambda: cut(make_clip(COLOURS * 10)), "not a complete clip"),
    "cut_mkv": (lambda: cut(make_clip(COLOURS * 10, kind="matroska")), "cut off"),
}


def cut(data):
    return data[: len(data) // 2]


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_clip(name):
    make, reason = BROKEN[name]
    with pytest.raises(ValueError, match=reason):
        read_clip(make(), 4, "uniform")


@pytest.fixture
def folder(tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    for n, colour in enumerate(COLOURS):
        (clips / f"video{n}.mp4").write_bytes(make_clip([colour] * 3 + [(9, 9, 9)] * 3))
    return clips


@pytest.mark.slow
def test_ingest_video(cmr, folder, tmp_path):
    """A clip's vector is the unit mean of its frames' unit vectors; the rest is told by name."""
    for name, (make, _) in BROKEN.items():
        (folder / f"{name}.mp4").write_bytes(make())
    names = [*(f"video{n}" for n in range(5)), *BROKEN, "missing"]
    table = tmp_path / "captions.csv"
    table.write_text("video,caption\n" + "".join(f"{n},a clip of {n}\n" for n in names))
    root = tmp_path / "w"
    ingest = ("ingest", "video", *TOY, "--captions", table, "--clips", folder, "-w", root)
    refused = cmr(*ingest, code=1)
    assert "--max-rejects" in refused.stderr
    assert not root.exists()
    cmr(*ingest, "--frames", "2", "--max-rejects", "0.9", "--model-name", "m")
    con = connect(str(root))
    rejects = dict(con.execute("select source_row, reason from rejects").fetchall())
    assert set(rejects) == {*(f"{name}.mp4" for name in BROKEN), "missing"}
    assert "only sound" in rejects["sound.mp4"]
    items = con.execute(
        "select item_id, duration from items where modality = 'visual' order by ordinal"
    ).fetchall()
    assert [name for name, _ in items] == [f"video{n}" for n in range(5)]
    assert all(duration == pytest.approx(0.6, abs=0.1) for _, duration in items)
    encoder = OpenClip(resolve("scenes-tiny", None))
    frames = read_clip((folder / "video3.mp4").read_bytes(), 2, "uniform").frames
    assert len(frames) == 2
    each = encoder.encode_images([encoder.preprocess(frame) for frame in frames])
    each /= np.linalg.norm(each, axis=1, keepdims=True)
    mean = each.mean(0) / np.linalg.norm(each.mean(0))
    query = "select vector from embeddings where modality = 'visual' and item_id = 'video3'"
    stored = np.array(con.execute(query).fetchone()[0])
    np.testing.assert_allclose(stored, mean, atol=1e-5)
    settings = con.execute(
        "select settings from embedding_sets where modality = 'visual'"
    ).fetchone()[0]
    asked = {"frames": "2", "sampling": "uniform", "pooling": "mean of unit vectors"}
    assert asked.items() <= json.loads(settings).items()
    again = cmr(*ingest, "--frames", "2", "--max-rejects", "0.9", "--model-name", "m")
    assert "already there" in again.stderr
    other = cmr(*ingest, "--frames", "3", "--max-rejects", "0.9", "--model-name", "m", code=1)
    assert "choose another --model-name" in other.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_ingest_msrvtt(cmr, folder, tmp_path, kind):
    path = tmp_path / f"test.{kind}"
    if kind == "csv":
        rows = "".join(f"ret{n},msr{n},video{n},caption {n}\n" for n in range(5))
        path.write_text(f"key,vid_key,video_id,sentence\n{rows}")
        more = ()
    else:
        videos = [
            {"video_id": f"video{n}", "split": "test" if n < 4 else "train"} for n in range(5)
        ]
        sentences = [
            {"video_id": f"video{n % 5}", "caption": f"caption {n}", "sen_id": n} for n in range(10)
        ]
        path.write_text(json.dumps({"videos": videos, "sentences": sentences}))
        more = ("--split", "test")
    root = tmp_path / "w"
    cmr("ingest", "msrvtt", *TOY, "--captions", path, "--clips", folder, "-w", root,
        "--sampling", "middle", *more)  # fmt: skip
    count = connect(str(root)).execute("select texts, visuals from datasets").fetchone()
    assert count == ((5, 5) if kind == "csv" else (8, 4))
