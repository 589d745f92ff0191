"""What stands in a warehouse in place of a file: nothing waits for it, and it is named."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from cmr.errors import CmrError
from cmr.warehouse.storage import Storage
from tests import warehouses
from tests.sources.test_no_files import SECONDS, circle, folder, pipe, within

PLACES = ("runs/r.parquet", "ranks/run_id=r/*", "datasets/d.parquet", "runs/_anchor.parquet",
          "ranks/run_id=__anchor__/_anchor.parquet")  # fmt: skip


@pytest.fixture
def root(tmp_path):
    made = warehouses.new(tmp_path / "w")
    relevance = np.eye(6, 5, dtype=int)
    warehouses.add_dataset(made, "d", relevance)
    for name in ("r", "s"):
        scores = np.random.default_rng(0).random((6, 5))
        warehouses.add_run(made, name, "d", scores, relevance)
    return tmp_path / "w"


@pytest.mark.slow
@pytest.mark.parametrize("make", [pipe, circle, folder])
@pytest.mark.parametrize("place", PLACES)
def test_whatever_stands_in_place_of_a_file(cmr, root, place, make):
    (path,) = root.glob(place)
    path.unlink()
    make(path)
    pipes = [path] if make is pipe else []
    ask = lambda: cmr("sql", "select run_id from runs order by all", "-w", root, "--format", "csv")  # noqa: E731
    first = within(SECONDS, ask, *pipes)
    data = lambda: cmr("sql", "select count(*) from ranks", "-w", root, "--format", "csv")  # noqa: E731
    counted = within(SECONDS, data, *pipes)
    lost = place.startswith(("runs/r.", "datasets/"))
    if lost and make is pipe:
        assert str(path) in first.stderr
    if place.startswith("ranks/run_id=r/"):
        assert str(path) in counted.stderr
    assert first.stdout.split()[-1] == ("run_id" if place.startswith("datasets/") else "s")
    check = lambda: cmr("warehouse", "verify", "-w", root, code=1)  # noqa: E731
    if make is pipe:
        within(SECONDS, check, *pipes)


def test_reading_waits_for_no_pipe(tmp_path):
    pipe(tmp_path / "p.parquet")
    storage = Storage(str(tmp_path))
    assert storage.listing("") == ["p.parquet"]
    for read in (storage.read, storage.footer, storage.checksum, storage.read_bytes):
        with pytest.raises((CmrError, OSError), match="it is a pipe"):
            within(SECONDS, lambda read=read: read("p.parquet"), tmp_path / "p.parquet")


def test_a_folder_whose_name_is_no_utf8(cmr, root, tmp_path, monkeypatch):
    """Relative paths lead below it, too."""
    odd = tmp_path / os.fsdecode(b"\xff")
    odd.mkdir()
    shutil.copytree(root, odd / "w")
    monkeypatch.chdir(odd)
    for command in (("sql", "from runs"), ("runs", "list"), ("doctor",)):
        error = cmr(*command, "-w", "w", code=1).stderr
        assert error.startswith("cmr: the warehouse's path")
        assert error.count("\n") == 1
