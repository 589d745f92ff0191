"""`import cmr`: results in every form, vectors without a copy, the command line's own answers."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import cmr as package
from cmr import CmrError
from cmr.precision import ROWS, precision_of
from tests.conftest import npz_arrays
from tests.reference.counts import values

# Those whose codes one set of vectors has, whichever side is searched.
SHARED = [row.name for row in ROWS if row.quantizer is None]

DIMS = (16, 40)


@pytest.fixture(scope="module")
def wh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    np.savez(folder / "d.npz", **npz_arrays(dims=DIMS))
    opened = package.open(folder / "w", create=True)
    assert opened.ingest("npz", file=folder / "d.npz", dataset="d", model_name="m").new
    opened.evaluate(dims=DIMS, precisions=SHARED, candidates=20, k=(1, 5))
    return opened


def test_import_is_light_and_changes_nothing():
    code = """if True:
        import sys, cmr
        heavy = ("torch", "duckdb", "polars", "pyarrow", "numpy", "click")
        print([name for name in heavy if name in sys.modules])
        assert cmr.open and cmr.Warehouse.__module__ == "cmr.api.warehouse"
        print([name for name in ("torch", "polars", "click") if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]
    assert (files("cmr") / "py.typed").is_file()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        package.nothing  # noqa: B018


@pytest.mark.slow
def test_threads_logging_and_warnings_stay(wh):
    import logging
    import warnings

    import numba
    import torch

    def state():
        root = logging.getLogger()
        return (
            torch.get_num_threads(), torch.get_num_interop_threads(), numba.get_num_threads(),
            root.level, list(root.handlers), list(warnings.filters),
            torch.get_float32_matmul_precision(),
        )  # fmt: skip

    before = state()
    wh.evaluate(dims=16, precisions="bf16,int8", candidates=20, force=True, directions="t2v")
    wh.sql("from leaderboard")
    wh.embeddings(modality="text").torch()
    assert state() == before


def test_forms_of_a_result(wh):
    found = wh.sql("select dim, count(*) as n, sum(queries) as q, null::int as z from runs "
                   "group by dim order by dim")  # fmt: skip
    assert found.columns == ["dim", "n", "q", "z"]
    rows = found.fetchall()
    assert [row[0] for row in rows] == list(DIMS)
    assert found.fetchone() == rows[0] == next(iter(found))
    assert found.dicts()[1]["dim"] == 40
    assert found.pl()["n"].to_list() == found.df()["n"].tolist() == [row[1] for row in rows]
    arrays = found.numpy()
    assert arrays["q"].dtype == np.int64
    assert arrays["q"].tolist() == [int(row[2]) for row in rows]
    assert np.isnan(arrays["z"]).all()
    assert pa.table(found).equals(found.arrow())
    assert pl.DataFrame(found).equals(found.pl())
    assert len(found) == 2
    html = wh.sql("select '<script>' as caption")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_numbers_are_not_copied(wh):
    found = wh.sql("select range / 3 as score from range(100)")
    column = found.arrow()["score"]
    assert column.num_chunks == 1
    assert found.numpy()["score"].ctypes.data == column.chunk(0).buffers()[1].address


@pytest.mark.slow
def test_parameters_and_own_tables(wh):
    assert wh.sql("select count(*) from runs where dim = ?", [16]).fetchone()[0] > 0
    assert wh.sql("select $a + 1 as b", {"a": 1}).fetchone() == (2,)
    mine = pl.DataFrame({"dim": [16], "price": [3]})
    joined = "select distinct price from runs join prices using (dim)"
    assert wh.sql(joined, prices=mine).fetchall() == [(3,)]
    assert wh.sql(joined, prices=wh.sql("select 16 as dim, 3 as price")).fetchall() == [(3,)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("drop view runs", "only reads"),
        ("copy runs to 'x.csv'", "only reads"),
        ("", "empty"),
        ("select nothing from runs", "nothing"),
        ("select 1; create table t (a int)", "only reads"),
    ],
)
def test_wrong_queries(wh, query, says):
    for ask in (wh.sql, wh.stream):
        with pytest.raises(CmrError, match=says):
            ask(query)


def test_stream(wh):
    query = "from sampled_ranks order by all"
    reader = wh.stream(query, rows=100)
    batches = list(reader)
    assert len(batches) > 1
    assert pa.Table.from_batches(batches).equals(wh.sql(query).arrow().combine_chunks())
    failing = wh.stream(
        "select case when range > 500000 then error('late') else range end as a from range(900000)"
    )
    with pytest.raises(CmrError, match="late"):
        list(failing)


@pytest.mark.slow
@pytest.mark.parametrize("precision", SHARED)
@pytest.mark.parametrize("modality", ["text", "visual"])
def test_vectors_share_arrows_memory(wh, precision, modality):
    import torch

    found = wh.embeddings("d", "m", modality=modality, dim=40, precision=precision)
    table = found.arrow()
    floats = precision in ("fp32", "fp16")
    column = table["vector" if floats else "codes"]
    assert column.num_chunks == 1
    owner = (column.chunk(0).flatten() if floats else column.chunk(0)).buffers()[1]
    array, tensor = found.numpy(), found.torch()
    assert array.ctypes.data == owner.address == tensor.data_ptr()
    assert np.shares_memory(array, np.frombuffer(owner, np.uint8))
    assert not array.flags.writeable
    assert array.nbytes == len(found) * found.row["vector_bytes"]
    kinds = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16,
             "int8": torch.int8}  # fmt: skip
    assert tensor.dtype == kinds.get(precision, torch.uint8)
    if not floats:
        assert np.shares_memory(found.scales, table["scale"].chunk(0).to_numpy())
    assert found.ids == table["item_id"].to_pylist()
    items = f"select item_id from items where modality = '{modality}' order by ordinal"
    assert found.ids == [row[0] for row in wh.sql(items).fetchall()]


@pytest.mark.slow
@pytest.mark.parametrize("precision", SHARED)
def test_decoded_vectors(wh, precision):
    """Against the plain decoder of the reference, and what came in."""
    found = wh.embeddings(modality="text", dim=40, precision=precision)
    expected = values(found.encoded())
    row = precision_of(precision)
    if row.is_integer and row.has_scale:
        expected = expected * found.scales[:, None].astype(np.float64)
    np.testing.assert_allclose(found.floats(), expected, atol=1e-7)
    if precision == "fp32":
        assert np.shares_memory(found.floats(), found.numpy())
        with pytest.raises(CmrError, match="no integer codes"):
            found.integers()
    if precision == "bf16":
        assert np.array_equal(found.torch().float().numpy(), found.floats())
    blocks = [block for _, block in found.blocks(7)]
    assert sum(map(len, blocks)) == len(found)
    assert pa.Table.from_batches(found.batches(7)).num_rows == len(found)


def test_which_vectors_are_meant(wh):
    assert (wh.embeddings(modality="text").dim, wh.embeddings(modality="text").precision) == (
        40, "fp32",
    )  # fmt: skip
    assert wh.embeddings(modality="text", dim=16).dim == 16
    with pytest.raises(CmrError, match="text or visual"):
        wh.embeddings(modality="video")
    with pytest.raises(CmrError, match=r"dim=17; there are 40 native fp32, .* 16 native b1"):
        wh.embeddings(modality="text", dim=17)
    with pytest.raises(CmrError, match="no data set 'x'"):
        wh.embeddings("x", modality="text")
    with pytest.raises(CmrError, match="no warehouse"):
        package.open("/nowhere/at/all")


@pytest.mark.slow
def test_the_command_line_finds_it_done(wh, cmr):
    asked = ("--dims", "16,40", "--precisions", ",".join(SHARED), "--candidates", "20")
    assert "all exist already" in cmr("evaluate", "-w", wh.root, *asked, "--k", "1,5").stderr
    shown = cmr("sql", "from leaderboard order by all", "-w", wh.root, "--format", "json").stdout
    same = wh.sql("from leaderboard order by all").dicts()
    assert [row["recall_10"] for row in json.loads(shown)] == [row["recall_10"] for row in same]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"dims": "a"}, "dims has 'a'"),
        ({"dims": []}, "dims is empty"),
        ({"dims": 1.5}, "whole numbers"),
        ({"protocols": "all"}, "there are expected, full, sampled"),
        ({"draws": 0}, "draws is 0"),
        ({"candidates": 9999}, "more than the gallery"),
        ({"precisions": "fp7"}, "fp7"),
    ],
)
def test_wrong_evaluations(wh, wrong, says):
    with pytest.raises(CmrError, match=says):
        wh.evaluate(**{"dims": 16, "candidates": 20, **wrong})


@pytest.mark.slow
def test_metrics_at_any_k_and_c(wh):
    settings = {"dim": 40, "precision": "int8", "direction": "t2v"}
    kept = wh.metrics(protocol="full", measure="recall", k=5, **settings)
    at = wh.sql(
        "select value from metrics_at(5) where dim = 40 and precision = 'int8' and "
        "direction = 't2v' and protocol = 'full' and measure = 'recall'"
    )
    assert kept.numpy()["value"] == pytest.approx(at.numpy()["value"])
    new = wh.metrics(protocol="full", measure="recall", k=3, **settings).dicts()
    assert [row["k"] for row in new] == [3]
    wide = wh.metrics(protocol="expected", candidates=25, measure="mrr", **settings).dicts()
    assert [row["candidates"] for row in wide] == [25]
    one = wh.metrics(kept.dicts()[0]["run_id"][:8], protocol="full", k=1).dicts()
    assert {row["run_id"] for row in one} == {kept.dicts()[0]["run_id"]}
    with pytest.raises(CmrError, match="not a setting of a run"):
        wh.metrics(colour="red")
    with pytest.raises(CmrError, match="there are no runs with dim=7"):
        wh.metrics(dim=7)
    with pytest.raises(CmrError, match="nothing was measured"):
        wh.metrics(measure="beauty")


@pytest.mark.slow
def test_compare_and_recommend_as_the_command_line(wh, cmr):
    a, b = "dim=40,precision=fp32,direction=t2v", "dim=16,precision=b1,direction=t2v"
    rows = wh.compare(a, b, k=5).dicts()
    shown = cmr("compare", a, b, "--k", "5", "-w", wh.root).stdout
    assert {row["measure"] for row in rows} == {"hit_rate", "recall", "mrr", "ndcg", "map"}
    for row in rows:
        assert f"{row['difference']:.4f}" in shown
        assert row["run_a"] in [one["run_id"] for one in wh.runs(a).dicts()]
    found = wh.recommend(0.9, k=5).dicts()
    shown = cmr("recommend", "--retain", "0.9", "--k", "5", "-w", wh.root).stdout
    assert found[0]["smallest"] is None or found[0]["smallest"] in shown
    assert len(found) == 8
    with pytest.raises(CmrError, match="K = 77 was not evaluated"):
        wh.recommend(k=77)


@pytest.mark.slow
def test_arrays_in_memory_give_the_same(tmp_path):
    arrays = npz_arrays(dims=(16,))
    np.savez(tmp_path / "d.npz", **arrays)
    opened = package.open(tmp_path / "w", create=True)
    opened.ingest("npz", file=tmp_path / "d.npz", dataset="file")
    opened.ingest_arrays(
        arrays["text_16"], arrays["video_16"], arrays["ground_truth"], dataset="memory", model="m"
    )
    for dataset in ("file", "memory"):
        opened.evaluate(dataset, dims=16, precisions="fp32", protocols="full")
    ranks = "select direction, query_id, above, tied from ranks join runs using (run_id)"
    both = [opened.sql(f"{ranks} where dataset = '{name}' order by direction, above, tied").numpy()
            for name in ("file", "memory")]  # fmt: skip
    assert np.array_equal(both[0]["above"], both[1]["above"])
    assert np.array_equal(both[0]["tied"], both[1]["tied"])
    for wrong, says in (
        ((arrays["text_16"], arrays["video_16"]), "truth must say"),
        ((arrays["text_16"][0], arrays["video_16"]), "numbers"),
        ((arrays["text_16"], arrays["video_16"], [999] * 60), "outside"),
        ((arrays["text_16"], arrays["video_16"], [0.5] * 60), "row numbers"),
    ):
        with pytest.raises(CmrError, match=says):
            opened.ingest_arrays(*wrong, dataset="wrong", model="m")


def test_unknown_sources_and_options(wh, tmp_path):
    with pytest.raises(CmrError, match="no source 'nosuch'"):
        wh.ingest("nosuch")
    with pytest.raises(CmrError, match="has no 'colour'"):
        wh.ingest("npz", file="x.npz", colour="red")
    with pytest.raises(CmrError, match="needs file"):
        wh.ingest("npz")
