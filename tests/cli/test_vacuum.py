"""`cmr warehouse vacuum`: what nothing names goes, and nothing else, beside writers too."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

import cmr as package
from cmr.warehouse.claims import of_dataset, of_partition
from cmr.warehouse.schemas import RANKS
from cmr.warehouse.store import Store
from tests.cli.housekeeping import VALUES, copied, plant
from tests.conftest import snapshot


@pytest.fixture
def root(once, tmp_path):
    """A copy that a test may damage."""
    return copied(once, tmp_path)


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
        "import sys; from cmr.warehouse.store import Store\n"
        f"with Store.open({str(root)!r}).claim({claim!r}): print('held', flush=True); "
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
    store, inside, most = Store.open(str(root)), [], []

    def work():
        for _ in range(20):
            with Store.open(str(root)).claim("x"):
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

    store = Store.create("memory://vacuum/w")
    left = store.write(RANKS, {"run_id": "aa"}, [])
    assert [one.path for one, _ in vacuum(store).kept] == [left]
    assert [one.path for one in vacuum(store, older=-10).removed] == [left]
    assert not store.storage.exists(left)
    found = verify(store, lambda *_: __import__("contextlib").nullcontext(lambda count: None))
    assert {one.state for one in found} == {"ok"}
