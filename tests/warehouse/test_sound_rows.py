"""Catalogue rows are read once a process, but never one whose file may have changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cmr.errors import DamageWarning
from cmr.warehouse import sound_rows
from cmr.warehouse.layout import catalogue_path
from cmr.warehouse.schemas import QRELS_SETS
from cmr.warehouse.store import Store

ROW = dict.fromkeys(QRELS_SETS.schema.names) | {
    "dataset": "d",
    "qrels": "q",
    "judgments": 6,
    "files": [],
}


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    """One with a row that was written a moment ago, which is long ago here."""
    made = Store.create(str(tmp_path / "w"))
    made.commit(QRELS_SETS, "d/q", ROW)
    monkeypatch.setattr(sound_rows, "_SURE_NS", 20_000_000)
    time.sleep(0.05)
    return made


def row_file(warehouse):
    return Path(warehouse.storage.path(catalogue_path(QRELS_SETS, "d/q")))


@pytest.fixture
def opened(monkeypatch):
    """The files that were opened for their rows."""
    files, read = [], sound_rows.Storage.read_small

    def noted(self, relative):
        files.append(relative)
        return read(self, relative)

    monkeypatch.setattr(sound_rows.Storage, "read_small", noted)
    return files


def test_a_row_is_read_once(warehouse, opened):
    first = warehouse.catalogue(QRELS_SETS)
    assert len(opened) == 1
    first[0]["qrels"] = "changed by the reader"
    for root in (warehouse.root, f"{warehouse.root}/"):
        (row,) = Store.open(root).catalogue(QRELS_SETS)
        assert (row["dataset"], row["qrels"]) == ("d", "q")
    assert len(opened) == 1


def test_a_row_that_was_just_written_is_read_again(warehouse, opened, monkeypatch):
    """A file system may give two changes of one moment the same time."""
    monkeypatch.setattr(sound_rows, "_SURE_NS", 2_000_000_000)
    warehouse.commit(QRELS_SETS, "d/q", ROW)
    warehouse.catalogue(QRELS_SETS)
    warehouse.catalogue(QRELS_SETS)
    assert len(opened) == 2


def test_a_row_that_is_replaced_is_read_again(warehouse):
    """Of as many bytes, and with the time of the one before it."""
    (first,) = warehouse.catalogue(QRELS_SETS)
    path = row_file(warehouse)
    before = os.stat(path)
    warehouse.commit(QRELS_SETS, "d/q", {**ROW, "judgments": 7})
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (second,) = warehouse.catalogue(QRELS_SETS)
    assert (first["judgments"], second["judgments"]) == (6, 7)


def test_a_damaged_row_is_noticed(warehouse):
    """As many bytes, and the time of the last change as it was."""
    warehouse.catalogue(QRELS_SETS)
    path = row_file(warehouse)
    before = os.stat(path)
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.warns(DamageWarning):
        assert warehouse.catalogue(QRELS_SETS) == []


def test_a_row_that_is_removed_is_gone(warehouse):
    assert len(warehouse.catalogue(QRELS_SETS)) == 1
    warehouse.remove(QRELS_SETS, "d/q")
    assert warehouse.catalogue(QRELS_SETS) == []
