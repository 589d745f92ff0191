"""Scorers, two stages, asymmetric scoring and quantisers through the command line."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from cmr.answers import fetch
from cmr.pipeline.evaluate import evaluate as evaluated
from cmr.pipeline.request import Request
from cmr.score.search.scorer_kinds import OWN
from cmr.sqlfiles import view_names
from cmr.views import connect
from cmr.warehouse.schemas import EMBEDDING_SETS, RUNS
from cmr.warehouse.store import Store

EVERY = ("fp32", "fp16", "bf16", "fp8", "fp8_e5m2", "int8", "int4", "b1")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A data set, evaluated by torch; with equal vectors, and several texts a visual."""
    from tests.conftest import npz_arrays

    folder = tmp_path_factory.mktemp("searches")
    np.savez(folder / "data.npz", **npz_arrays())
    run("ingest", "npz", folder / "data.npz", "-w", folder / "w", "--dataset", "d")
    evaluate(folder / "w", *EVERY)
    return folder / "w"


def no_bar(description, total, unit):
    return contextlib.nullcontext(lambda count: None)


def run(*args, code=0):
    from click.testing import CliRunner

    from cmr.cli.main import main

    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result


def evaluate(root, *precisions, **settings):
    """The runs asked for, without the tables that the command line prints; how many were scored."""
    request = Request(
        dims=(40,), precisions=precisions, candidates=(20,), directions=("t2v", "v2t"), **settings
    )
    done = evaluated(str(root), request, no_bar)
    return len(done.run_ids), len(done.scored)


@pytest.mark.slow
def test_usearch_exact_is_torch(root):
    assert evaluate(root, *EVERY, scorer="usearch-exact") == (16, 16)
    assert evaluate(root, *EVERY, scorer="usearch-exact") == (16, 0)
    con = connect(str(root))
    rows = con.execute(
        "select max(abs(a.value - b.value)), count(*), count(distinct a.precision) "
        "from metrics a join metrics b using (direction, precision, protocol, candidates, measure) "
        "where a.scorer = 'torch' and b.scorer = 'usearch-exact' and a.k is not distinct from b.k "
        "and a.variant = '' and b.variant = ''"
    ).fetchall()
    assert rows[0][0] < 1e-4
    assert rows[0][1:] == (8 * 2 * (3 * 19 + 5), 8)


@pytest.mark.slow
def test_a_curve_of_graphs(root, monkeypatch):
    """Runs of their own, NULL beyond the list, ann_recall, hits, the index's bytes."""
    # What several threads make of so few edges finds now more, now less.
    kind = OWN["usearch-hnsw"]
    alone = replace(kind, build=lambda items, how: kind.build(items, replace(how, threads=1)))
    monkeypatch.setitem(OWN, "usearch-hnsw", alone)
    settings = {"connectivity": (2,), "expansion_add": (4,), "expansion_search": (10, 60)}
    assert evaluate(root, "int8", "b1", scorer="usearch-hnsw", **settings) == (8, 8)
    con = connect(str(root))
    rows = fetch(con, "from runs where scorer = 'usearch-hnsw'").to_pylist()
    assert {row["list_length"] for row in rows} == {10}
    assert all(row["index_bytes"] > row["vector_bytes"] * row["gallery"] for row in rows)
    assert {json.loads(row["scorer_settings"])["expansion_search"] for row in rows} == {10, 60}
    assert {row["variant"] for row in rows} == {"M 2 ef 4/10", "M 2 ef 4/60"}
    found = con.execute(
        "select expansion_search, count(value), count(*) from metrics join runs using (run_id) "
        "where runs.scorer = 'usearch-hnsw' and measure in ('hit_rate', 'recall', 'ndcg') "
        "and protocol = 'full' group by 1 order by 1"
    ).fetchall()
    assert found == [(10, 36, 36), (60, 36, 36)]
    near = con.execute(
        "select value from metrics join runs using (run_id) where measure = 'ann_recall' and "
        "k = 10 and expansion_search = 60"
    ).fetchall()
    assert all(value > 0.95 for (value,) in near)
    stages = con.execute(
        "select distinct stage from timings semi join (from runs where scorer = 'usearch-hnsw') "
        "using (run_id) order by stage"
    ).fetchall()
    assert stages == [("agreement",), ("build",), ("search",), ("write",)]
    for name in view_names("checks"):
        assert fetch(con, f"from {name}").num_rows == 0, name


@pytest.mark.slow
def test_two_stages(root):
    """A shortlist of everything, ranked again by fp32, is fp32's ranking; bytes are of both."""
    assert evaluate(root, "int4", "b1", rescore="fp32", oversample=(1, 6)) == (8, 8)
    con = connect(str(root))
    con.execute("create temp table measured as from metrics")
    rows = con.execute(
        "select a.oversample, a.direction, a.vector_bytes, a.rescore_bytes, x.value, y.value, "
        "r.value from runs a join measured x using (run_id) join measured y on y.direction = "
        "a.direction and y.precision = 'fp32' and y.scorer = 'torch' and y.variant = '' "
        "join measured r on r.run_id = a.run_id and r.measure = 'ann_recall' and r.k = 10 "
        "where a.rescore = 'fp32' and a.precision = 'b1' and x.measure = 'recall' and x.k = 5 "
        "and x.protocol = 'full' and y.measure = 'recall' and y.k = 5 and y.protocol = 'full'"
    ).fetchall()
    assert {row[:4] for row in rows} == {
        (times, way, 5 + 160, 160) for times in (1, 6) for way in ("t2v", "v2t")
    }
    for times, _, _, _, value, fine, agreement in rows:
        if times == 6:
            assert value == pytest.approx(fine)
            assert agreement == 1
        else:
            assert agreement < 1
    stages = con.execute(
        "select distinct stage from timings semi join (from runs where rescore = 'fp32') "
        "using (run_id) order by stage"
    ).fetchall()
    assert stages == [("agreement",), ("rescore",), ("shortlist",), ("write",)]


@pytest.mark.slow
def test_quantizers_live_side_by_side(root):
    """Sets and runs of their own, calibrated on each direction's gallery; absmax keeps its ids."""
    warehouse = Store.open(str(root))
    before = {row["run_id"] for row in warehouse.catalogue(RUNS)}
    every = ("absmax", "calibrated", "rotated")
    assert evaluate(root, "fp32", "int8", "b1", quantizers=every) == (14, 8)
    runs = {row["run_id"]: row for row in warehouse.catalogue(RUNS)}
    new = [row for name, row in runs.items() if name not in before]
    assert {row["quantizer"] for row in new} == {"calibrated", "rotated"}
    sets = {row["set_id"]: row for row in warehouse.catalogue(EMBEDDING_SETS)}
    for row in new:
        if row["quantizer"] == "calibrated":
            gallery = "visual" if row["direction"] == "t2v" else "text"
            for side in ("text", "visual"):
                coded = sets[row[f"{side}_set"]]
                assert sets[coded["calibration_set"]]["modality"] == gallery
                assert len(coded["range_low"]) == 40
    con = connect(str(root))
    audit = fetch(con, "from quantizer_audit where precision = 'int8'").to_pylist()
    assert len(audit) == 2 + 4 + 2
    assert all(row["error"] > 0 and row["used_codes"] <= row["codes_there"] for row in audit)
    rows = con.execute(
        "select count(*), count(distinct set_id) from embeddings where precision = 'int8' "
        "and modality = 'text' and dim = 40"
    ).fetchall()
    assert rows == [(4 * 60, 4)]
    found = run(
        "compare", "precision=b1,quantizer=absmax,scorer=torch,rescore=none",
        "precision=b1,quantizer=rotated", "-w", root,
    )  # fmt: skip
    assert "b1, rotated (" in found.stdout


def test_asymmetric(root):
    """fp32 queries, coded gallery: each direction its own; the gallery's bytes are the codes'."""
    assert evaluate(root, "int8", "b1", asymmetric=True) == (4, 4)
    con = connect(str(root))
    rows = con.execute(
        "select runs.direction, runs.precision, runs.vector_bytes, t.precision, v.precision "
        "from runs join embedding_sets t on t.set_id = text_set "
        "join embedding_sets v on v.set_id = visual_set where query_precision = 'fp32' order by all"
    ).fetchall()
    assert rows == [
        ("t2v", "b1", 5, "fp32", "b1"),
        ("t2v", "int8", 40, "fp32", "int8"),
        ("v2t", "b1", 5, "b1", "fp32"),
        ("v2t", "int8", 40, "int8", "fp32"),
    ]


@pytest.mark.slow
def test_the_command_line(root):
    """--explain shows the stages; the table leads with what is known of lists."""
    args = ("evaluate", "-w", root, "--dims", "40", "--candidates", "20", "--precisions", "b1",
            "--scorer", "usearch-hnsw", "--rescore", "int8", "--oversample", "1")  # fmt: skip
    shown = run(*args, "--explain").stdout
    for word in ("usearch b1", "top 10", "of 10", "int8", "rescored by int8 x1"):
        assert word in shown, word
    done = run(*args)
    assert "2 runs of data on d: 2 scored" in done.stderr
    assert "Searches that return lists, whole gallery" in done.stdout
    assert "M 16 ef 128/64, rescored by int8 x1" in done.stdout


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["--scorer", "usearch-hnsw", "--expansion-search", "8"], "usearch would search with 10"),
        (["--expansion-search", "80"], "--expansion-search is only for --scorer usearch-hnsw"),
        (["--scorer", "usearch-exact", "--asymmetric"], "needs --scorer torch"),
        (["--rescore", "int4", "--precisions", "int8"], "int4 is no finer than int8"),
        (["--rescore", "fp32", "--k", "30", "--list-length", "20"], "K = 30 needs a list"),
        (["--list-length", "20"], "others rank everything"),
        (["--rescore", "fp99"], "unknown precision 'fp99'"),
        (["--rescore", "fp32", "--hits", "11"], "--hits 11 is more than the list of 10"),
    ],
)
def test_what_does_not_go_together(root, args, reason):
    result = run("evaluate", "-w", root, "--dims", "40", "--candidates", "20", *args, code=1)
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_a_warehouse_from_before_is_read_and_goes_on(tmp_path):
    """Without the columns that were added: nothing is scored again, everything can be asked."""
    from tests.conftest import npz_arrays

    np.savez(tmp_path / "data.npz", **npz_arrays())
    run("ingest", "npz", tmp_path / "data.npz", "-w", tmp_path / "w", "--dataset", "d")
    root = tmp_path / "w"
    assert evaluate(root, "fp32", "int8", hits=3) == (4, 4)
    kept = values_of(root)
    added = {
        "runs": RUNS.schema.names[RUNS.schema.names.index("quantizer") :],
        "embedding_sets": EMBEDDING_SETS.schema.names[
            EMBEDDING_SETS.schema.names.index("quantizer") :
        ],
        "hits": ["exact_above"],
    }
    for table, names in added.items():
        for path in (root / table).rglob("*.parquet"):
            pq.write_table(pq.ParquetFile(path).read().drop_columns(names), path)
    assert values_of(root) == kept
    assert evaluate(root, "fp32", "int8", hits=3) == (4, 0)
    assert evaluate(root, "int8", k=(7,)) == (2, 0)
    assert evaluate(root, "int8", quantizers=("absmax", "rotated")) == (4, 2)
    con = connect(str(root))
    found = con.execute("select quantizer, variant, count(*) from runs group by all order by all")
    assert found.fetchall() == [("absmax", "", 2), ("rotated", "rotated", 2), (None, "", 2)]
    assert con.execute("select count(*) from hits where exact_above is null").fetchone() == (
        2 * 3 * (60 + 22),
    )


def values_of(root):
    rows = connect(str(root)).execute(
        "select run_id, protocol, candidates, measure, k, round(value, 9), variant from metrics "
        "order by all"
    )
    return rows.fetchall()
