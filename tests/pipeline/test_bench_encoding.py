"""`cmr bench --stages encode`: pictures, captions and clips a second."""

from __future__ import annotations

from multiprocessing import forkserver

import pytest

from cmr.pipeline.bench import turns
from tests.clips import make_clip
from tests.conftest import TOY
from tests.pipeline.test_bench import rows
from tests.pipeline.test_searches import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def quick_start():
    """What measures is forked from a process that has imported open_clip, which takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "_PRELOAD", [*turns._PRELOAD, "open_clip"])
        # One that has begun without it ends.
        forkserver._forkserver._stop()
        yield


def test_encoding(tmp_path):
    """Pictures and captions through the embedded model; other weights are refused."""
    root = tmp_path / "w"
    run("ingest", "scenes", "-w", root, "--limit", "8")
    asked = ("bench", "-w", root, "--stages", "encode", "--repeats", "1", "--encode-items", "6")
    result = run(*asked)
    assert "Encoding" in result.stdout
    found = {row["modality"]: row for row in rows(root, "from encoding")}
    assert {side: row["items"] for side, row in found.items()} == {"text": 6, "visual": 6}
    assert all(row["items_per_second"] > 0 and row["peak_bytes"] > 0 for row in found.values())
    result = run(*asked, "--encoder", "ViT-B-32", "--pretrained", "/nowhere", "--force", code=1)
    assert "the model ViT-B-32 has no weights '/nowhere'" in result.stderr


def test_encoding_clips(tmp_path):
    """Clips are decoded and pooled as they were ingested, from the folder that is named."""
    clips = tmp_path / "clips"
    clips.mkdir()
    table = tmp_path / "captions.csv"
    table.write_text("video,caption\n" + "".join(f"c{n}.mp4,clip {n}\n" for n in range(3)))
    for n in range(3):
        (clips / f"c{n}.mp4").write_bytes(make_clip([(80 * n, 30, 30)] * 6))
    root = tmp_path / "w"
    run("ingest", "video", *TOY, "--captions", table, "--clips", clips, "-w", root, "--frames", "2")
    asked = ("bench", "-w", root, "--stages", "encode", "--repeats", "1")
    told = run(*asked)
    assert "encoding of clips is not measured: --images FOLDER" in told.stderr
    run(*asked, "--images", clips)
    found = {row["modality"]: row["items"] for row in rows(root, "from encoding")}
    assert found == {"text": 3, "visual": 3}
    (clips / "c1.mp4").write_bytes(b"noise" * 500)
    broken = run(*asked, "--images", clips, "--force", code=1)
    assert "encoding of clips by" in broken.stderr
    assert "c1.mp4" in broken.stderr
