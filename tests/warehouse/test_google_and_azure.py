"""Warehouses at gs:// and az://, on servers of loopback; each skips where its server is missing.

gs://: pip install gcsfs gcp-storage-emulator. az://: pip install adlfs, npm install -g azurite.
"""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pyarrow as pa
import pytest

from cmr.warehouse.remote import remote
from tests.conftest import npz_arrays
from tests.pipeline.test_interrupted import rows
from tests.stores import free_port, server

GRID = ("--dims", "16", "--precisions", "fp32,int8", "--candidates", "20", "--hits", "3")
# What Azurite is reached by, as its documentation gives it.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture
def gs(tmp_path):
    pytest.importorskip("gcsfs", reason="needs gcsfs (the extra gcs)")
    pytest.importorskip("gcp_storage_emulator", reason="needs gcp-storage-emulator")
    port = free_port()
    code = (
        "import sys; from gcp_storage_emulator.server import create_server; "
        f"create_server('127.0.0.1', {port}, True, default_bucket='bucket').run()"
    )
    with server(
        [sys.executable, "-c", code], port, STORAGE_EMULATOR_HOST=f"http://127.0.0.1:{port}"
    ):
        yield "gs://bucket/w"


@pytest.fixture
def az(tmp_path):
    pytest.importorskip("adlfs", reason="needs adlfs (the extra azure)")
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("needs azurite-blob, of the npm package azurite")
    port = free_port()
    reach = (
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
        f"AccountKey={KEY};BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    )
    command = [program, "--location", str(tmp_path / "az"), "--blobPort", str(port)]
    command += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with server(command, port, AZURE_STORAGE_CONNECTION_STRING=reach):
        from azure.storage.blob import BlobServiceClient

        BlobServiceClient.from_connection_string(reach).create_container("bucket")
        yield "az://bucket/w"


@pytest.fixture(params=["gs", "az"])
def url(request):
    found = request.getfixturevalue(request.param)
    yield found
    # fsspec would go on with the server that is gone.
    remote(found).fs.clear_instance_cache()
    remote.cache_clear()


def test_every_command(url, cmr, tmp_path):
    """The rows of a local warehouse, shards included, and nothing left of them."""
    np.savez(tmp_path / "d.npz", **npz_arrays())
    local = tmp_path / "w"
    for where in (local, url):
        cmr("ingest", "npz", tmp_path / "d.npz", "--dataset", "d", "-w", where)
    cmr("evaluate", *GRID, "-w", local)
    for part in (("--shard", "0/2"), ("--shard", "1/2"), ("--merge",)):
        cmr("evaluate", *GRID, *part, "-w", url)
    assert rows(url) == rows(local)
    assert "nothing to do" in cmr("evaluate", *GRID, "-w", url).stderr
    assert remote(url).listing("partial_counts") == {}
    assert "files are sound" in cmr("warehouse", "verify", "-w", url).stdout
    cmr("export", "csv", "metrics", "-w", url, "-o", tmp_path / "metrics.csv")
    cmr("runs", "remove", "precision=int8", "--yes", "-w", url)
    assert "2" in cmr("sql", "select count(*) from runs", "--format", "csv", "-w", url).stdout


def test_a_file_is_there_whole_or_not_at_all(url):
    """An upload that breaks off in its second part leaves nothing, and a row shows its change."""
    files = remote(url)
    schema = pa.schema([("a", pa.int64())])

    def broken():
        yield pa.table({"a": np.random.default_rng(0).integers(0, 2**60, 2_000_000)})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_parquet("t/a.parquet", schema, broken())
    assert not files.exists("t/a.parquet")
    files.put("t/row", b"1")
    before = files.listing("t")
    files.put("t/row", b"2")
    assert files.listing("t") != before
    assert files.read("t/row") == b"2"
