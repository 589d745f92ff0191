"""A file that another process replaces while it is read is read again, and is whole then."""

from __future__ import annotations

import os
import threading

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cmr import answers
from cmr.errors import CmrError


def test_a_file_replaced_again_and_again(tmp_path, monkeypatch):
    """Of other size each time, far more often than a warehouse does it."""
    monkeypatch.setattr(answers, "TRIES", 100)
    path, stop, failed = tmp_path / "r.parquet", threading.Event(), []

    def write(size):
        table = pa.table({"a": ["x" * size] * 3})
        pq.write_table(table, tmp_path / ".part")
        os.replace(tmp_path / ".part", path)

    def replace():
        size = 1
        while not stop.is_set():
            size = size * 37 % 4001
            write(size)

    write(5)
    plain = duckdb.connect()
    writer = threading.Thread(target=replace)
    writer.start()
    try:
        for _ in range(200):
            try:
                plain.sql(f"from '{path}'").to_arrow_table()
            except duckdb.Error as error:
                failed.append(error)
        found = [answers.fetch(plain, f"from '{path}'").num_rows for _ in range(30)]
    finally:
        stop.set()
        writer.join()
    # Else this shows nothing.
    assert failed
    assert found == [3] * 30


def test_a_damaged_file_is_a_sentence_still(tmp_path):
    table = pa.table({"a": ["x" * 100] * 3})
    pq.write_table(table, tmp_path / "r.parquet")
    data = (tmp_path / "r.parquet").read_bytes()
    (tmp_path / "r.parquet").write_bytes(data[: len(data) // 2] + data[-8:])
    with pytest.raises(CmrError):
        answers.fetch(duckdb.connect(), f"from '{tmp_path}/r.parquet'")
