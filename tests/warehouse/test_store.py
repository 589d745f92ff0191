"""The writer: whole files or none, claims, sweeping, and errors in one sentence."""

from __future__ import annotations

import errno
import os
import threading
import time

import pyarrow as pa
import pytest

from cmr.errors import CmrError
from cmr.warehouse import schemas
from cmr.warehouse.layout import check_name, partition
from cmr.warehouse.storage import Storage
from cmr.warehouse.store import Store
from tests.conftest import snapshot

TABLE = pa.table({"text_id": ["a"], "visual_id": ["b"], "relevance": pa.array([1], pa.int32())})


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    """A full disk: one sentence, and neither the file nor a part of it."""
    warehouse = Store.create(str(tmp_path / "w"))
    before = snapshot(tmp_path)

    def full():
        yield TABLE
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CmrError, match="no space left to write"):
        warehouse.write(schemas.QRELS, {"dataset": "d"}, full())
    assert snapshot(tmp_path) == before


def test_sweep_removes_what_nobody_has_named_for_an_hour(tmp_path):
    warehouse = Store.create(str(tmp_path / "w"))
    keep, drop, young = (
        warehouse.write(schemas.QRELS, {"dataset": "d/ü"}, [TABLE]) for _ in range(3)
    )
    for name in (keep, drop):
        os.utime(warehouse.storage.path(name), (time.time() - 3601,) * 2)
    warehouse.sweep(partition("qrels", {"dataset": "d/ü"}), [keep])
    assert [warehouse.storage.exists(name) for name in (keep, drop, young)] == [True, False, True]


def test_what_a_row_named_stays_an_hour_for_its_readers(tmp_path):
    """However old a file is: its hour begins when its row is replaced, or removed."""
    warehouse = Store.create(str(tmp_path / "w"))
    row = dict.fromkeys(schemas.QRELS_SETS.schema.names) | {"dataset": "d", "qrels": "q"}
    first, second = (warehouse.write(schemas.QRELS, {"dataset": "d"}, [TABLE]) for _ in range(2))
    for name in (first, second):
        os.utime(warehouse.storage.path(name), (time.time() - 7200,) * 2)
    ages = [(first, second), (second,), ()]
    for files, old in zip(([first], [second], None), ages, strict=True):
        if files is None:
            warehouse.remove(schemas.QRELS_SETS, "d/q")
        else:
            warehouse.commit(schemas.QRELS_SETS, "d/q", {**row, "files": files})
        changed = dict(zip((first, second), warehouse.storage.states((first, second)), strict=True))
        hour_old = [name for name, (_, at) in changed.items() if time.time() - at / 1e9 > 3600]
        assert hour_old == list(old)
    warehouse.sweep(partition("qrels", {"dataset": "d"}), [])
    assert all(map(warehouse.storage.exists, (first, second)))


def test_a_claim_is_exclusive(tmp_path):
    warehouse = Store.create(str(tmp_path / "w"))
    order = []
    inside = threading.Event()

    def second():
        inside.wait()
        with Store.open(str(tmp_path / "w")).claim("x"):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with warehouse.claim("x"):
        inside.set()
        thread.join(0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_catalogue_rows_must_be_complete(tmp_path):
    warehouse = Store.create(str(tmp_path / "w"))
    with pytest.raises(ValueError, match="lacks"):
        warehouse.commit(schemas.DATASETS, "d", {"dataset": "d"})


def test_object_stores_work_through_fsspec():
    """The same warehouse in fsspec's memory filesystem."""
    warehouse = Store.create("memory://bucket/w")
    file = warehouse.write(schemas.QRELS, {"dataset": "d"}, [TABLE])
    again = Store.open("memory://bucket/w")
    assert again.read({"files": [file]}, schemas.QRELS).to_pylist() == TABLE.to_pylist()
    assert file in Storage("memory://bucket/w").listing("qrels")


@pytest.mark.parametrize("name", ["", " a", "_a", ".a", "a\nb", "x" * 200])
def test_names_that_cannot_be_folders(name):
    with pytest.raises(CmrError):
        check_name("dataset", name)


def test_only_the_warehouse_writes_parquet():
    """Two module families touch Parquet's writer: the warehouse's, and exports out of it."""
    import re
    from pathlib import Path

    import cmr

    root = Path(cmr.__file__).parent
    users = [
        path.relative_to(root).parts[0]
        for path in root.rglob("*.py")
        if re.search(r"ParquetWriter|write_table\(|write_parquet\(", path.read_text())
    ]
    assert set(users) == {"warehouse", "export"}


def test_a_root_with_dots_is_the_folder_that_it_means(tmp_path):
    """DuckDB names files without them, and views compare those names with the catalogue's."""
    (tmp_path / "a").mkdir()
    assert Storage(f"{tmp_path}/a/../w").root == str(tmp_path.resolve() / "w")
