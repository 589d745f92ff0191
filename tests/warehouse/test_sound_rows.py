"""Catalogue rows are read once, but never one whose file may have changed."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cmr import caches, kept_files
from cmr.errors import CmrError, DamageWarning
from cmr.identity import kept_name
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
    monkeypatch.setattr(sound_rows, "_SURE_NS", 60_000_000_000)
    warehouse.commit(QRELS_SETS, "d/q", ROW)
    warehouse.catalogue(QRELS_SETS)
    warehouse.catalogue(QRELS_SETS)
    assert len(opened) == 2


@pytest.mark.parametrize(("times", "reads"), [((7, 11), 1), ((10_000_000, 11), 2), ((7, 0), 2)])
def test_times_in_whole_seconds_are_waited_for(warehouse, opened, monkeypatch, times, reads):
    """They may be a file system's that counts seconds: a row changed one ago is read again."""
    began = time.time_ns() // 1_000_000_000 * 1_000_000_000
    content, inode = (began - 1_000_000_000 + rest for rest in times)
    monkeypatch.setattr(sound_rows, "_state", lambda _: (1, content, inode, 2))
    warehouse.catalogue(QRELS_SETS)
    warehouse.catalogue(QRELS_SETS)
    assert len(opened) == reads


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


@pytest.fixture
def many(warehouse, own_cache, monkeypatch):
    """As many rows as are worth keeping, which another process has read."""
    monkeypatch.setattr(sound_rows, "_SOUND", {})
    monkeypatch.setattr(sound_rows, "_RECALLED", set())
    monkeypatch.setattr(sound_rows, "_REMEMBERED", set())
    for n in range(1, sound_rows._WORTH):
        made = datetime(2026, 1, n, 3, 4, 5, n, tzinfo=UTC)
        warehouse.commit(QRELS_SETS, f"d/q{n}", ROW | {"qrels": f"q{n}", "created_at": made})
    time.sleep(0.05)
    assert len(warehouse.catalogue(QRELS_SETS)) == sound_rows._WORTH
    later_process()
    return warehouse


def later_process():
    for memory in (sound_rows._SOUND, sound_rows._RECALLED, sound_rows._REMEMBERED):
        memory.clear()


def kept(own_cache):
    return list(own_cache.glob("rows-*/qrels_sets-*.json"))


def test_a_later_process_opens_no_file(many, own_cache, opened):
    assert len(kept(own_cache)) == 1
    found = many.catalogue(QRELS_SETS)
    assert opened == []
    assert found == many.catalogue(QRELS_SETS, strict=True)
    assert len(opened) == sound_rows._WORTH
    assert found[1]["created_at"] == datetime(2026, 1, 1, 3, 4, 5, 1, tzinfo=UTC)


def test_few_rows_are_not_kept(many, own_cache):
    for path in kept(own_cache):
        path.unlink()
    many.remove(QRELS_SETS, "d/q1")
    many.catalogue(QRELS_SETS)
    assert kept(own_cache) == []


def test_what_changes_meanwhile_is_read(many, opened):
    many.remove(QRELS_SETS, "d/q1")
    many.commit(QRELS_SETS, "d/q2", ROW | {"qrels": "q2", "judgments": 7})
    found = {row["qrels"]: row for row in many.catalogue(QRELS_SETS)}
    assert opened == [catalogue_path(QRELS_SETS, "d/q2")]
    assert "q1" not in found
    assert found["q2"]["judgments"] == 7


def test_rows_are_kept_anew_where_many_were_read(many, own_cache, opened):
    (before,) = kept(own_cache)
    for n in range(sound_rows._WORTH):
        many.commit(QRELS_SETS, f"d/r{n}", ROW | {"qrels": f"r{n}"})
    time.sleep(0.05)
    many.catalogue(QRELS_SETS)
    (after,) = kept(own_cache)
    assert after != before
    later_process()
    opened.clear()
    assert len(many.catalogue(QRELS_SETS)) == 2 * sound_rows._WORTH
    assert opened == []


@pytest.mark.parametrize("fault", ["damaged", "open", "another schema"])
def test_what_does_not_fit_is_not_believed(many, own_cache, opened, monkeypatch, fault):
    (path,) = kept(own_cache)
    if fault == "damaged":
        path.write_bytes(path.read_bytes().replace(b'"judgments": 6', b'"judgments": 9'))
    elif fault == "open":
        path.chmod(0o666)
    else:
        monkeypatch.setattr(sound_rows, "_stem", lambda table: f"{table.name}-other")
    assert {row["judgments"] for row in many.catalogue(QRELS_SETS)} == {6}
    assert len(opened) == sound_rows._WORTH


def test_a_damaged_row_is_found_where_all_is_read(many, monkeypatch):
    """As `cmr warehouse verify` does, even where the file system knows of no change."""
    path = Path(many.storage.path(catalogue_path(QRELS_SETS, "d/q3")))
    state = sound_rows._state(str(path))
    path.write_bytes(path.read_bytes()[::-1])
    monkeypatch.setattr(sound_rows, "_state", lambda _: state)
    assert len(many.catalogue(QRELS_SETS)) == sound_rows._WORTH
    with pytest.raises(CmrError, match="q3"):
        many.catalogue(QRELS_SETS, strict=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: [],
        lambda rows: None,
        lambda rows: {path: [[1, 2, 3, 4]] for path in rows},
        lambda rows: {path: [state, None] for path, (state, _) in rows.items()},
        lambda rows: {path: [state, {}] for path, (state, _) in rows.items()},
        lambda rows: {
            path: [state, values | {"created_at": "yesterday"}]
            for path, (state, values) in rows.items()
        },
        lambda rows: {
            path: [state, values | {"created_at": 10**30}] for path, (state, values) in rows.items()
        },
        lambda rows: {path: [None, values] for path, (_, values) in rows.items()},
        lambda rows: dict(zip(rows, reversed(rows.values()), strict=True)),
    ],
)
def test_another_layout_is_passed_over(many, own_cache, opened, change):
    """What is under the right name, and not what this version writes, is written again."""
    (path,) = kept(own_cache)
    changed = change(json.loads(path.read_bytes()))
    path.unlink()
    stem, data = sound_rows._stem(QRELS_SETS), json.dumps(changed).encode()
    poisoned = path.with_name(kept_name(stem, data, "json"))
    poisoned.write_bytes(data)
    poisoned.chmod(0o600)
    found = many.catalogue(QRELS_SETS)
    assert found == many.catalogue(QRELS_SETS, strict=True)
    assert kept(own_cache) == [path]


def test_text_that_is_no_json_is_passed_over(many, own_cache, opened):
    (path,) = kept(own_cache)
    path.unlink()
    for data in (b"{", b"\xff\xfe", b"[" * 100_000):
        path.with_name(kept_name(sound_rows._stem(QRELS_SETS), data, "json")).write_bytes(data)
    assert len(many.catalogue(QRELS_SETS)) == sound_rows._WORTH
    assert kept(own_cache) == [path]


def test_an_old_copy_hides_no_new_one(many, own_cache, opened, monkeypatch, tmp_path):
    """Where the folder that is looked into first cannot be written any more."""
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    monkeypatch.setattr(caches, "folder", lambda: other)
    monkeypatch.setattr(caches, "readable", lambda: [own_cache, other])
    for path in Path(many.root, QRELS_SETS.name).rglob("q*.parquet"):
        os.utime(path, (0, 0))
    time.sleep(0.05)
    many.catalogue(QRELS_SETS)
    later_process()
    opened.clear()
    assert len(many.catalogue(QRELS_SETS)) == sound_rows._WORTH
    assert opened == []


def test_what_could_not_be_put_in_place_is_not_taken_for_kept(many, own_cache, monkeypatch):
    def fail(*_):
        raise OSError

    monkeypatch.setattr(kept_files.os, "replace", fail)
    assert kept_files.keep(many.root, "stem", b"data", "json") is None


def test_without_a_cache_every_process_reads(many, opened, monkeypatch):
    monkeypatch.setattr(caches, "folder", lambda: None)
    monkeypatch.setattr(caches, "readable", list)
    assert len(many.catalogue(QRELS_SETS)) == len(opened) == sound_rows._WORTH
