"""`cmr warehouse` and `cmr runs remove`, on planted damage and beside writers and readers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cmr as package
from cmr.pipeline import remove as removing
from cmr.pipeline.compact import compact
from cmr.warehouse.claims import of_dataset, of_partition
from cmr.warehouse.schemas import RANKS, RUNS
from cmr.warehouse.store import Warehouse
from tests.conftest import npz_arrays, snapshot

# Sums of floats depend on their order in the last digits.
VALUES = """
    select run_id, measure, k, protocol, candidates, round(value, 9) as value
    from metrics order by all
"""
OLD = time.time() - 7200


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("housekeeping")
    np.savez(folder / "d.npz", **npz_arrays(dims=(16,)))
    wh = package.open(folder / "w", create=True)
    wh.ingest("npz", file=folder / "d.npz", dataset="d", model_name="m")
    wh.evaluate(dims=16, precisions="fp32,int8", candidates=20, protocols="full,sampled")
    wh.sql("from metrics")
    return folder / "w"


@pytest.fixture
def root(made, tmp_path):
    """A copy that a test may damage."""
    return Path(shutil.copytree(made, tmp_path / "w"))


def data_files(root, table):
    return sorted(
        path for path in (root / table).rglob("*.parquet") if not path.name.startswith("_")
    )


def plant(root, name, age=OLD, data=b"x"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (age, age))
    return path


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


FOREIGN = (
    "notes.txt", "mine/data.parquet", "ranks/mine.parquet", "ranks/run_id=aa/export.parquet",
    "ranks/run_id=aa/0123456789abcdef.csv", "items/0123456789abcdef.parquet", "embeddings/x.npy",
    "metrics/run_id=aa/mine.txt", "metrics/mine.parquet", ".locks/notes",
    "hits/x/0123456789abcdef.parquet",
    "ranks/draft.part-1", "report.html.part-12345678",
)  # fmt: skip
OURS = (
    "ranks/run_id=aa/0123456789abcdef.parquet",
    "ranks/run_id=aa/0123456789abcdef.parquet.part-12345678",
    "items/dataset=d/modality=text/0123456789abcdef.parquet",
    "runs/0123456789abcdef.parquet.part-12345678",
    "embeddings/dataset=d/model=m/modality=text/dim=16/dim_method=native/precision=fp32/"
    "0123456789abcdef.parquet",
    "materialised/metrics/aa-0123456789abcdef.parquet",
    "materialised/retention/aa-0123456789abcdef.parquet.part-12345678",
    "metrics/run_id=aa/0123456789abcdef-0123456789abcdef0123456789abcdef.parquet",
    ".locks/0123456789abcdef.lock",
)


@pytest.mark.slow
def test_vacuum_takes_its_own_and_nothing_else(cmr, root):
    lines = package.open(root).sql(VALUES).fetchall()
    before = snapshot(root)
    foreign = [plant(root, name) for name in FOREIGN]
    (root / "empty").mkdir()
    outside = plant(root.parent, "elsewhere/run_id=zz/0123456789abcdef.parquet")
    (root / "hits/run_id=zz").symlink_to(outside.parent)
    ours = [plant(root, name) for name in OURS]
    young = plant(root, "ranks/run_id=bb/0123456789abcdef.parquet", age=time.time())
    encoded = plant(root, "materialised/encoding/0123456789abcdef/0123456789abcdef.parquet")
    planted = snapshot(root)
    dry = cmr("warehouse", "vacuum", "-w", root, "--dry-run").stdout
    assert snapshot(root) == planted
    done = cmr("warehouse", "vacuum", "-w", root).stdout
    for name in (path for path in OURS if not path.endswith(".lock")):
        assert name in dry
        assert name in done
    assert not any(path.exists() for path in ours)
    assert all(path.exists() for path in (*foreign, young, encoded, outside, root / "empty"))
    for name in FOREIGN:
        assert name in done
    assert "empty/" in done
    assert not (root / "ranks/run_id=bb/../run_id=aa/0123456789abcdef.parquet").exists()
    cmr("warehouse", "vacuum", "-w", root, "--older", "0", "--unfinished")
    assert not young.exists()
    assert not young.parent.exists()
    assert not encoded.exists()
    for path in foreign:
        path.unlink()
    (root / "hits/run_id=zz").unlink()
    assert outside.exists()
    assert snapshot(root) == before
    assert package.open(root).sql(VALUES).fetchall() == lines


@pytest.mark.slow
@pytest.mark.parametrize(
    ("claim", "name"),
    [
        ("aa", "ranks/run_id=aa/0123456789abcdef.parquet"),
        (of_dataset("d"), "items/dataset=d/modality=text/0123456789abcdef.parquet"),
        (of_dataset("x"), "rejects/dataset=d/0123456789abcdef.parquet"),
        (of_partition("embeddings/dataset=d/model=m/modality=text/dim=8/dim_method=pca/"
                      "precision=fp32"),
         "embeddings/dataset=d/model=m/modality=text/dim=8/dim_method=pca/precision=fp32/"
         "0123456789abcdef.parquet"),
    ],
)  # fmt: skip
def test_vacuum_leaves_what_a_writer_may_still_name(cmr, root, claim, name):
    path = plant(root, name)
    code = (
        "import sys; from cmr.warehouse.store import Warehouse\n"
        f"with Warehouse.open({str(root)!r}).claim({claim!r}): print('held', flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        shown = cmr("warehouse", "vacuum", "-w", root, "--older", "0").stdout
        assert "a writer is active" in shown
        assert path.exists()
        assert (root / f".locks/{claim}.lock").exists()
        holder.communicate()
    cmr("warehouse", "vacuum", "-w", root, "--older", "0")
    assert not path.exists()


@pytest.mark.slow
def test_vacuum_beside_a_writer(cmr, root):
    """Runs are scored again and again while everything that may go goes at once."""
    code = f"""if True:
        import cmr
        wh = cmr.open({str(root)!r})
        print("ready", flush=True)
        for turn in range(12):
            wh.evaluate(dims=16, precisions="fp32,int8", candidates=20, protocols="full,sampled",
                        force=True)
    """
    before = package.open(root).sql("from ranks order by all").fetchall()
    with subprocess.Popen([sys.executable, "-c", code], stdout=-1, text=True) as writer:
        assert writer.stdout.readline() == "ready\n"
        rounds = 0
        while writer.poll() is None:
            cmr("warehouse", "vacuum", "-w", root, "--older", "0")
            rounds += 1
    assert writer.returncode == 0
    assert rounds > 3
    assert package.open(root).sql("from ranks order by all").fetchall() == before
    assert "files are sound" in cmr("warehouse", "verify", "-w", root).stdout


def test_locks_that_wait_survive_their_files_removal(root):
    """A lock file goes while another waits for it: still only one holds the claim."""
    store, inside, most = Warehouse.open(str(root)), [], []

    def work():
        for _ in range(20):
            with Warehouse.open(str(root)).claim("x"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        store.held_claims(remove_older=time.time() + 1)
    assert max(most) == 1
    assert len(most) == 60


def split(root):
    """Cut the ranks of one run into two files that its row names."""
    store = Warehouse.open(str(root))
    row = store.catalogue(RUNS)[0]
    (name,) = [file for file in row["files"] if file.startswith("ranks/")]
    table = store.storage.read(name)
    keys = {"run_id": row["run_id"]}
    halves = [
        store.write(RANKS, keys, [part]) for part in (table.slice(0, 17), pa.table(table.slice(17)))
    ]
    others = [file for file in row["files"] if file != name]
    with store.claim(row["run_id"]):
        store.commit(RUNS, row["run_id"], {**row, "files": [*halves, *others]})
    store.storage.delete(name)
    return row["run_id"], halves


@pytest.mark.slow
def test_compact_merges_and_readers_see_every_row_once(cmr, root):
    assert "nothing to merge" in cmr("warehouse", "compact", "-w", root).stdout
    wh = package.open(root)
    before = wh.sql(VALUES).fetchall()
    run_id, halves = split(root)
    order = f"select * from ranks where run_id = '{run_id}' order by all"
    rows = wh.sql(order).fetchall()
    total = wh.sql("select count(*) from ranks").fetchone()
    assert "1 partitions would be merged" in cmr(
        "warehouse", "compact", "-w", root, "--dry-run").stdout  # fmt: skip
    counts, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            counts.append(wh.sql("select count(*) from ranks").fetchone())

    reader = threading.Thread(target=ask)
    reader.start()
    try:
        done = cmr("warehouse", "compact", "-w", root, "--wait", "2").stdout
        time.sleep(1)
    finally:
        stop.set()
        reader.join()
    assert "1 partitions merged" in done
    assert set(counts) == {total}
    assert len(counts) > 3
    (new,) = [file for file in wh.store.find(RUNS, run_id)["files"] if file.startswith("ranks/")]
    assert wh.sql(order).fetchall() == rows
    assert wh.sql(VALUES).fetchall() == before
    assert all((root / half).exists() for half in halves)
    cmr("warehouse", "vacuum", "-w", root, "--older", "0")
    assert not any((root / half).exists() for half in halves)
    assert (root / new).exists()
    assert wh.sql(VALUES).fetchall() == before
    assert "files are sound" in cmr("warehouse", "verify", "-w", root).stdout


def test_compact_leaves_a_run_that_is_being_written(root):
    run_id, _ = split(root)
    store = Warehouse.open(str(root))
    before = snapshot(root)
    with Warehouse.open(str(root)).claim(run_id):
        done = compact(store, 0, False, lambda *_: __import__("contextlib").nullcontext(len))
    assert done.busy == [f"ranks/run_id={run_id}"]
    assert not done.merged
    assert snapshot(root) == before


@pytest.mark.slow
def test_remove_lists_asks_and_removes(cmr, root):
    before = snapshot(root)
    asked = ("runs", "remove", "precision=int8", "-w", root)
    dry = cmr(*asked, "--dry-run").stdout
    assert "2 runs" in dry
    assert "would be removed" in dry
    assert "give --yes" in cmr(*asked, code=1).stderr
    cmr("runs", "remove", "-w", root, code=2)
    assert "no run matches" in cmr("runs", "remove", "dim=3", "-w", root, code=1).stderr
    assert "no such runs" in cmr("runs", "remove", "-w", root, "--model", "x", code=1).stderr
    assert snapshot(root) == before
    wh = package.open(root)
    gone = [row["run_id"] for row in wh.runs("precision=int8").dicts()]
    others = "select * from metrics where precision = 'fp32' order by all"
    values = wh.sql(others).fetchall()
    assert "2 runs removed" in cmr(*asked, "--yes").stdout
    cmr("warehouse", "vacuum", "-w", root, "--older", "0")
    left = [path for path in snapshot(root) if any(run_id in path for run_id in gone)]
    assert left == []
    assert not any((root / f"ranks/run_id={run_id}").exists() for run_id in gone)
    assert (
        wh.sql("select * from metrics where precision = 'fp32' order by all").fetchall() == values
    )
    done = wh.evaluate(dims=16, precisions="int8", candidates=20, protocols="full,sampled")
    assert sorted(done.scored) == sorted(gone)
    assert wh.sql("from check_files_exist").fetchall() == []


def test_remove_leaves_a_run_that_is_being_scored(cmr, root):
    run_id = package.open(root).runs().dicts()[0]["run_id"]
    with Warehouse.open(str(root)).claim(run_id):
        done = cmr("runs", "remove", "--dataset", "d", "--yes", "-w", root, code=1)
    assert f"stay: {run_id}" in done.stderr
    assert [row["run_id"] for row in package.open(root).runs().dicts()] == [run_id]


@pytest.mark.slow
def test_remove_killed_on_the_way(cmr, root, monkeypatch):
    """After the row is gone nothing is visible; what is left goes with vacuum."""
    wh = package.open(root)
    row = wh.runs().dicts()[0]
    real, calls = wh.store.storage.delete, []

    def killed(name):
        calls.append(name)
        if len(calls) > 1:
            raise KeyboardInterrupt
        real(name)

    with monkeypatch.context() as patched:
        patched.setattr(wh.store.storage, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            removing.remove_runs(wh.store, [row])
    assert calls[0] == f"runs/{row['run_id']}.parquet"
    for table in ("runs", "ranks", "sampled_ranks", "timings", "metrics"):
        found = wh.sql(f"select count(*) from {table} where run_id = '{row['run_id']}'")
        assert found.fetchone() == (0,), table
    assert wh.sql("from check_files_exist").fetchall() == []
    cmr("warehouse", "vacuum", "-w", root, "--older", "0")
    assert not any(row["run_id"] in path for path in snapshot(root))


def test_a_folder_that_may_only_be_read(cmr, root):
    plant(root, OURS[0])
    root.chmod(0o500)
    try:
        assert "read-only" in cmr("warehouse", "vacuum", "-w", root, code=1).stderr
        cmr("warehouse", "vacuum", "-w", root, "--dry-run")
        cmr("warehouse", "verify", "-w", root)
    finally:
        root.chmod(0o700)


def test_durations(cmr, root):
    for good in ("90", "30s", "5m", "1.5h", "2d"):
        cmr("warehouse", "vacuum", "-w", root, "--older", good, "--dry-run")
    for bad in ("soon", "-1h", "nan", ""):
        cmr("warehouse", "vacuum", "-w", root, "--older", bad, "--dry-run", code=2)


def test_object_stores_have_their_age_alone():
    """Without locks: what is young stays, what is named stays, the rest goes."""
    from cmr.pipeline.vacuum import vacuum
    from cmr.warehouse.verify import verify

    store = Warehouse.create("memory://vacuum/w")
    left = store.write(RANKS, {"run_id": "aa"}, [])
    assert [one.path for one, _ in vacuum(store).kept] == [left]
    assert [one.path for one in vacuum(store, older=-10).removed] == [left]
    assert not store.storage.exists(left)
    found = verify(store, lambda *_: __import__("contextlib").nullcontext(lambda count: None))
    assert {one.state for one in found} == {"ok"}
