"""Shards: any cut of the work adds up to what one pass counts, and no shard counts twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cmr.engine.grid import cut, parse
from cmr.errors import CmrError
from cmr.warehouse.storage import Storage
from tests.conftest import npz_arrays, snapshot
from tests.pipeline.test_interrupted import rows

GRID = (
    "--dims", "24,40", "--precisions", "fp16,bf16,int8,int4,b1", "--candidates", "20,25",
    "--draws", "2",
)  # fmt: skip
SMALL = ("--dims", "16", "--precisions", "int8", "--candidates", "20")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "d.npz"
    np.savez(path, **npz_arrays(700, 310, (16, 40)))
    return path


@pytest.fixture
def root(cmr, data, tmp_path):
    cmr("ingest", "npz", data, "-w", tmp_path / "w")
    return tmp_path / "w"


def test_cuts_cover_every_cell_once():
    rng = np.random.default_rng(0)
    for _ in range(50):
        texts, visuals = rng.integers(1, 60, 2)
        shards = int(rng.integers(1, min(texts, visuals) + 1))
        seen = np.zeros((texts, visuals), int)
        for block in cut(int(texts), int(visuals), shards):
            seen[slice(*block.texts), slice(*block.visuals)] += 1
        assert (seen == 1).all()
    # Read little: a hundred thousand queries by ten million items is cut along the items.
    assert all(block.texts == (0, 10**5) for block in cut(10**5, 10**7, 16))
    with pytest.raises(CmrError, match="do not make 7 shards"):
        cut(2, 3, 7)


def test_numbers_from_0_and_from_1_name_every_shard():
    assert {parse(f"{at}/3")[0] for at in (0, 1, 2)} == {parse(f"{at}/3")[0] for at in (1, 2, 3)}
    for wrong in ("4/3", "1/0", "a/2", "1", "-1/2"):
        with pytest.raises(CmrError, match="--shard"):
            parse(wrong)


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_shards_equal_one_pass(cmr, data, root, tmp_path):
    """Every table's rows, for codes and floats, both directions, and drawn pools."""
    whole = tmp_path / "whole"
    cmr("ingest", "npz", data, "-w", whole)
    cmr("evaluate", *GRID, "-w", whole)
    cmr("evaluate", *GRID, "--prepare", "-w", root)
    for shard in (3, 1, 4, 2, 5, 0):
        cmr("evaluate", *GRID, "--shard", f"{shard}/6", "-w", root)
    merged = cmr("evaluate", *GRID, "--merge", "-w", root)
    assert "20 scored" in merged.stderr
    assert rows(root) == rows(whole)
    storage = Storage(str(root))
    assert [storage.listing(name) for name in ("partial_counts", "tasks", "thresholds")] == [[]] * 3
    assert "nothing to do" in cmr("evaluate", *GRID, "--merge", "-w", root).stderr


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_missing_damaged_and_other_shards(cmr, root):
    """Each is a sentence that says what to do, and doing it mends it."""
    shard = ("evaluate", *SMALL, "-w", root, "--shard")
    merge = ("evaluate", *SMALL, "--merge", "-w", root)
    fresh = snapshot(root)
    assert "no shard of 16 native int8" in cmr(*merge, code=1).stderr
    assert snapshot(root) == fresh
    cmr(*shard, "0/3")
    cmr(*shard, "2/3")
    said = cmr(*merge, code=1).stderr
    assert "shard 1 of 3 of 16 native int8 is missing" in said
    assert "--shard 1/3" in said
    cmr(*shard, "1/3")

    other = ("evaluate", "--dims", "40", *SMALL[2:], "--merge", "-w", root)
    assert "no shard of 40 native int8 with these settings" in cmr(*other, code=1).stderr

    storage = Storage(str(root))
    before = storage.listing("")
    victim = Path(storage.path(storage.listing("partial_counts")[0]))
    data = bytearray(victim.read_bytes())
    data[len(data) // 3] ^= 255
    victim.write_bytes(data)
    said = cmr(*merge, code=1).stderr
    assert "is damaged" in said
    assert storage.listing("") == before
    again = said.split("--shard ")[1].split()[0]
    assert "1 representations counted" in cmr(*shard, again).stderr
    assert "2 scored" in cmr(*merge).stderr


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_a_shard_counted_twice_counts_once(cmr, root):
    """Whoever does it again finds it done; a file that nothing names is never summed."""
    shard = ("evaluate", *SMALL, "-w", root, "--shard")
    for given in ("0/2", "1/2"):
        cmr(*shard, given)
    assert "1 there already" in cmr(*shard, "0/2").stderr
    storage = Storage(str(root))
    name = storage.listing("partial_counts")[0]
    copy = name.replace(".parquet", "0.parquet")
    storage.write_bytes(copy, storage.read_bytes(name))
    cmr("evaluate", *SMALL, "--merge", "-w", root)
    assert "all 17 checks pass" in cmr("doctor", "-w", root).stdout


@pytest.mark.parametrize(
    "wrong", [("--shard", "0/2", "--merge"), ("--shards", "3"), ("--merge", "--engine", "ray")]
)
def test_what_does_not_go_together(cmr, root, wrong):
    assert "go" in cmr("evaluate", *wrong, "-w", root, code=2).stderr


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_lists_of_shards_are_the_whole_list(cmr, data, root, tmp_path):
    """The same rows of hits, ties at the end too: b1 of 16 dimensions has few different scores."""
    asked = ("--dims", "16", "--precisions", "int8,b1", "--candidates", "20", "--hits", "7")
    whole = tmp_path / "whole"
    cmr("ingest", "npz", data, "-w", whole)
    cmr("evaluate", *asked, "-w", whole)
    for shard in range(6):
        cmr("evaluate", *asked, "--shard", f"{shard}/6", "-w", root)
    cmr("evaluate", *asked, "--merge", "-w", root)
    found = rows(root)
    assert found == rows(whole)
    assert len(found["hits"]) > 2 * 7 * 700
