"""A warehouse on S3: every command, the requests it takes, and what is never seen half-written."""

from __future__ import annotations

import contextlib
import itertools
import os

import numpy as np
import pytest
from click.testing import CliRunner

from cmr.cli.main import main
from cmr.errors import CmrError
from cmr.views import connect
from cmr.warehouse import schemas
from cmr.warehouse.remote import remote
from cmr.warehouse.storage import Storage
from cmr.warehouse.store import Store
from tests.conftest import npz_arrays, unanswered
from tests.pipeline.test_interrupted import rows
from tests.report.conftest import without_drawing
from tests.stores import BUCKET

pytestmark = pytest.mark.slow

GRID = ("--dims", "16", "--precisions", "fp16,int8", "--candidates", "20")
NUMBER = itertools.count()
FILLED = f"s3://{BUCKET}/filled"

# The store's library tries again and again, minutes in all.
SLOW = pytest.mark.skipif(
    not os.environ.get("CMR_CLUSTER_TESTS"),
    reason="waits for a store that fails; CMR_CLUSTER_TESTS=1 runs it",
)


def fresh(url):
    """Forget what this process knows of a warehouse, as another process would not know it."""
    remote.cache_clear()
    return url


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "d.npz"
    np.savez(path, **npz_arrays())
    return path


@pytest.fixture
def url(s3):
    s3.calm()
    return f"s3://{BUCKET}/w{next(NUMBER)}"


@pytest.fixture(scope="module")
def both(s3, data, tmp_path_factory):
    """The same two commands on a store and on a disk."""
    local = tmp_path_factory.mktemp("local") / "w"
    for root in (FILLED, local):
        for command in (("ingest", "npz", data), ("evaluate", *GRID)):
            with unanswered() if root == local else contextlib.nullcontext():
                done = CliRunner().invoke(main, [*map(str, command), "-w", str(root)])
            assert done.exit_code == 0, done.output
    return local


@pytest.fixture
def filled(s3, both):
    s3.calm()
    return fresh(FILLED)


def test_every_command(filled, both, cmr, data, tmp_path, monkeypatch):
    """The rows are a local warehouse's, and each command reads them; what it draws is no matter."""
    without_drawing(monkeypatch)
    assert rows(filled) == rows(both)
    for command in (
        ("runs", "list"),
        (
            "runs",
            "diff",
            "dim=16,precision=fp16,direction=t2v",
            "dim=16,precision=int8,direction=t2v",
        ),
        ("compare", "dim=16,precision=fp16", "dim=16,precision=int8"),
        ("recommend", "--retain", "0.5"),
        ("report", "--out", tmp_path / "report"),
    ):
        assert cmr(*command, "-w", filled).stdout
    assert "already there" in cmr("ingest", "npz", data, "-w", filled).stderr


def test_requests_of_reading(s3, filled, cmr):
    """Each row and file is read once, nothing of the data is listed, and nothing asked in vain."""
    runs, sets, datasets = 4, 4 + 4, 1
    cmr("runs", "list", "-w", filled)
    assert s3.counts() == {"LIST": 2, "GET": 1 + runs + datasets}

    s3.calm()
    cmr("sql", "select count(*) from ranks", "-w", fresh(filled))
    seen = s3.counts()
    # Marker (by the command and by its connection), rows, and of every file of ranks its size and
    # its end, which is all of a small one; twice at most, where two threads open it at once.
    assert 0 <= seen["GET"] - (2 + runs + sets + datasets + runs) <= runs
    assert seen["HEAD"] == runs
    assert seen["LIST"] == 5
    assert not any("prefix" in path and "ranks" in path for _, path in s3.requests)

    s3.calm()
    cmr("evaluate", *GRID, "-w", fresh(filled))
    seen = s3.counts()
    assert set(seen) <= {"LIST", "GET", "HEAD"}
    # Does every file of every finished run still exist?
    assert seen["HEAD"] == runs * 3
    items, kept = 3, 2 * runs

    # A run's row is asked for by its id before it is scored, and comes once more with the list.
    assert seen["GET"] <= 4 + datasets + 2 * (runs + sets) + items + kept
    assert seen["LIST"] <= 15


def test_what_is_not_committed_is_not_seen(s3, filled, cmr):
    warehouse = Store.open(filled)
    (row,) = warehouse.catalogue(schemas.DATASETS)
    before = connect(filled).execute("select count(*) from qrels").fetchone()
    table = warehouse.read(row, schemas.QRELS)
    warehouse.write(schemas.QRELS, {"dataset": row["dataset"]}, [table])
    assert connect(filled).execute("select count(*) from qrels").fetchone() == before


def test_a_failed_upload_leaves_nothing(s3, url):
    warehouse = Store.create(url)
    before = warehouse.storage.listing("")

    def broken():
        yield schemas.QRELS.schema.empty_table()
        raise OSError("the disk under the data is gone")

    with pytest.raises(CmrError, match="the disk under the data is gone"):
        warehouse.write(schemas.QRELS, {"dataset": "d"}, broken())
    assert warehouse.storage.listing("") == before


def test_a_large_file_is_hashed_as_it_goes_up(s3, url):
    """An upload in several parts; size and checksum are known without reading it again."""
    storage = Store.create(url).storage
    storage.remote.fs.default_block_size = 5 * 2**20
    rng = np.random.default_rng(0)
    values = schemas.pa.table({"x": rng.standard_normal(1_500_000)})
    s3.calm()
    size = storage.write("embeddings/x.parquet", values.schema, [values], compression="none")
    known = storage.checksum("embeddings/x.parquet")
    assert s3.counts()["GET"] == 0
    again = Storage(fresh(url))
    assert again.checksum("embeddings/x.parquet") == known
    assert again.size("embeddings/x.parquet") == size > 10 * 2**20
    assert again.read("embeddings/x.parquet") == values


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("s3://no-such-bucket/w", "there is no warehouse at s3://no-such-bucket/w"),
        ("nowhere://x/w", "Protocol not known: nowhere"),
    ],
)
def test_wrong_urls(s3, cmr, where, says):
    assert says in cmr("sql", "from runs", "-w", where, code=1).stderr


def test_no_server_is_a_sentence(s3, cmr, monkeypatch):
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        said = cmr("sql", "from runs", "-w", fresh("s3://bucket/w"), code=1).stderr
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        remote.cache_clear()
    assert said.startswith("cmr: s3://bucket/w")
    assert "connect" in said


def test_other_urls(cmr, data, tmp_path):
    """file:// is a local folder; memory:// any store that fsspec knows."""
    cmr("ingest", "npz", data, "-w", f"file://{tmp_path}/a%20b")
    assert (tmp_path / "a b" / "datasets" / "d.parquet").is_file()
    cmr("ingest", "npz", data, "-w", "memory://other/w")
    cmr("evaluate", *GRID, "-w", "memory://other/w")
    asked = cmr(
        "sql", "select count(*) as n from runs", "--format", "csv", "-w", "memory://other/w"
    )
    assert asked.stdout == "n\n4\n"


@SLOW
def test_a_store_that_fails_and_is_slow(s3, url, both, data, cmr):
    """500, 503 and delays: what was asked is asked again, and no count is lost or doubled."""
    s3.delay = 0.01
    s3.fail = lambda n, method, path: {0: 500, 7: 503}.get(n % 15)
    cmr("ingest", "npz", data, "-w", url)
    for part in (("--shard", "0/2"), ("--shard", "1/2"), ("--merge",)):
        fresh(url)
        cmr("evaluate", *GRID, *part, "-w", url)
    s3.calm()
    assert rows(fresh(url)) == rows(both)
    assert Storage(url).listing("partial_counts") == []


@SLOW
def test_a_store_that_only_fails(s3, filled, cmr):
    """In the middle of the work: one sentence, and afterwards the same command goes on."""
    grid = (*GRID[:3], "int4", *GRID[4:])
    s3.fail = lambda n, method, path: 503 if method == "PUT" and "/ranks/" in path else None
    said = cmr("evaluate", *grid, "-w", filled, code=1).stderr
    assert said.startswith(f"cmr: {FILLED}/ranks/")
    assert "Traceback" not in said
    s3.calm()
    assert "2 scored" in cmr("evaluate", *grid, "-w", fresh(FILLED)).stderr
    assert "all 17 checks pass" in cmr("doctor", "-w", FILLED).stdout


def test_a_missing_file_is_named(s3, filled, cmr):
    storage = Storage(filled)
    lost = next(name for name in storage.listing("ranks") if "anchor" not in name)
    storage.delete(lost)
    for command in (("sql", "select min(above) from ranks"), ("evaluate", *GRID)):
        said = cmr(*command, "-w", fresh(filled), code=1).stderr
        assert lost in said
        assert "Traceback" not in said
