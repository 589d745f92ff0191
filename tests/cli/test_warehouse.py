"""`cmr warehouse size` and `verify`, on planted damage."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

import cmr as package
from tests.cli.housekeeping import copied, data_files, plant


@pytest.fixture
def root(once, tmp_path):
    """A copy that a test may damage."""
    return copied(once, tmp_path)


def test_size_is_that_of_the_files(cmr, root):
    plant(root, "notes/mine.txt", data=b"12345")
    plant(root, "ranks/run_id=aa/0123456789abcdef.parquet", data=b"1234567")
    shown = cmr("warehouse", "size", "-w", root, "--files").stdout
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    for table in ("ranks", "embeddings", "items", "runs"):
        files = [path for path in data_files(root, table) if "run_id=aa" not in str(path)]
        rows = sum(pq.read_metadata(path).num_rows for path in files)
        total = sum(path.stat().st_size for path in files)
        found = [int(word.replace(",", "")) for word in lines[table]]
        assert found == [len(files), rows, total]
    assert lines["unknown"][-1] == "notes/mine.txt"
    assert "left over" in shown
    assert "ranks/run_id=aa/0123456789abcdef.parquet" in shown


def test_every_data_file_has_its_checksum(cmr, root):
    shown = cmr("warehouse", "verify", "-w", root).stdout
    assert "files are sound" in shown
    assert "without a checksum" not in shown
    sums = "select unnest(files) as file, unnest(checksums) as digest from "
    wh = package.open(root)
    for table in ("datasets", "embedding_sets", "runs"):
        for file, digest in wh.sql(sums + table).fetchall():
            assert digest == wh.store.storage.checksum(file)


@pytest.mark.parametrize("table", ["ranks", "embeddings", "items", "qrels", "timings", "rejects"])
def test_one_flipped_bit_is_found(cmr, root, table):
    path = data_files(root, table)[0]
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    name = str(path.relative_to(root))
    done = cmr("warehouse", "verify", "-w", root, code=1)
    assert name in done.stdout
    assert "1 file damaged or missing" in done.stderr
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_files_damaged_rows_and_anchors_are_found(cmr, root):
    gone, cut = data_files(root, "ranks")[0], data_files(root, "runs")[1]
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:100])
    anchor = root / "hits/run_id=__anchor__/_anchor.parquet"
    anchor.write_bytes(b"PAR1")
    (root / "frames/dataset=__anchor__/model=__anchor__/_anchor.parquet").unlink()
    done = cmr("warehouse", "verify", "-w", root, code=1)
    assert "4 files damaged or missing" in done.stderr
    for path, state in ((gone, "missing"), (cut, "damaged"), (anchor, "damaged")):
        (line,) = [line for line in done.stdout.splitlines() if str(path.relative_to(root)) in line]
        assert state in line
    refused = cmr("warehouse", "vacuum", "-w", root, "--older", "0", code=1)
    assert "not a readable Parquet file" in refused.stderr


def without_checksums(root):
    """As an earlier version wrote it."""
    for path in [*root.glob("*/*.parquet")]:
        table = pq.read_table(path)
        if "checksums" in table.column_names:
            pq.write_table(table.drop_columns(["checksums", "footers", "row_checksum"]), path)


def test_rows_of_an_earlier_version(cmr, root):
    without_checksums(root)
    wh = package.open(root)
    assert wh.sql("select count(*) from runs where checksums is null").fetchone() == (4,)
    shown = cmr("warehouse", "verify", "-w", root).stdout
    line = next(line for line in shown.splitlines() if line.strip().startswith("ranks"))
    assert line.split()[-1] == "4"
    assert "without a checksum but readable" in shown
    # The fingerprint of an embedding set is that of its file, and was there before.
    line = next(line for line in shown.splitlines() if line.strip().startswith("embeddings"))
    assert line.split()[-1] == "0"
    path = data_files(root, "sampled_ranks")[0]
    path.write_bytes(path.read_bytes()[:-30])
    assert str(path.relative_to(root)) in cmr("warehouse", "verify", "-w", root, code=1).stderr
    # A run that is scored again is recorded, beside rows that are not.
    wh.evaluate(dims=16, precisions="fp32,int8", candidates=20, protocols="full,sampled",
                directions="t2v", force=True)  # fmt: skip
    assert wh.sql("select count(*) from runs where checksums is null").fetchone() == (2,)
