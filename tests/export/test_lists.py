"""TREC, ranx, MTEB and CLIP_benchmark, read by those tools, give cmr's own figures."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import unquote

import ir_measures
import numpy as np
import pytest
import pytrec_eval

import cmr as package
from cmr.export.lists import falling
from tests.export.conftest import TEXTS, VISUALS, run
from tests.plain_ranx import plain_ranx

ONE = ("--precision", "int8", "--direction")


def ours(root, direction, precision="int8"):
    """{(measure, k): value} of one run over the whole gallery."""
    rows = package.open(root).metrics(
        protocol="full", direction=direction, precision=precision, dim=24
    )
    return {(row["measure"], row["k"]): row["value"] for row in rows.arrow().to_pylist()}


@pytest.mark.parametrize("direction", ["t2v", "v2t"])
def test_trec_by_pytrec_eval(odd, tmp_path, direction):
    run("export", "trec", "-w", odd, *ONE, direction, "--top", 0, "-o", tmp_path / "t")
    with (tmp_path / "t/qrels.txt").open() as qrels, (tmp_path / "t/run.txt").open() as lists:
        judged, found = pytrec_eval.parse_qrel(qrels), pytrec_eval.parse_run(lists)
    assert len(found) == len(judged) <= max(TEXTS, VISUALS)
    names = {"recall": "recall", "hit_rate": "success", "ndcg": "ndcg_cut", "precision": "P"}
    wanted = {f"{name}.1,5,10" for name in names.values()} | {"recip_rank", "map"}
    by_query = pytrec_eval.RelevanceEvaluator(judged, wanted).evaluate(found)
    mine = ours(odd, direction)
    pairs = {(kind, k): f"{name}_{k}" for kind, name in names.items() for k in (1, 5, 10)}
    pairs |= {("mrr", None): "recip_rank", ("map", None): "map"}
    for key, name in pairs.items():
        assert mine[key] == pytest.approx(np.mean([q[name] for q in by_query.values()]), abs=1e-9)


def test_trec_by_ir_measures_and_ids_that_come_back(odd, tmp_path):
    done = run("export", "trec", "-w", odd, *ONE, "t2v", "--top", 0, "-o", tmp_path / "t")
    assert "percent-encoded" in done.stderr
    qrels = list(ir_measures.read_trec_qrels(str(tmp_path / "t/qrels.txt")))
    lists = list(ir_measures.read_trec_run(str(tmp_path / "t/run.txt")))
    assert len(lists) == TEXTS * VISUALS
    assert {unquote(row.doc_id) for row in lists} == {f'图 "{n}",\t.jpg' for n in range(VISUALS)}
    assert {unquote(row.query_id) for row in qrels} == {f"text {n} 100%" for n in range(TEXTS)}
    names = {ir_measures.R: "recall", ir_measures.nDCG: "ndcg", ir_measures.Success: "hit_rate"}
    wanted = {kind @ k: (name, k) for kind, name in names.items() for k in (1, 5, 10)}
    wanted |= {ir_measures.RR: ("mrr", None), ir_measures.AP: ("map", None)}
    theirs = ir_measures.calc_aggregate(list(wanted), qrels, lists)
    mine = ours(odd, "t2v")
    for measure, key in wanted.items():
        assert mine[key] == pytest.approx(theirs[measure], abs=1e-9), key


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_stored_hits_and_scoring_again_give_the_same(odd, tmp_path):
    """The same command before and after hits are stored."""
    import shutil

    root = tmp_path / "w"
    shutil.copytree(odd, root)
    options = ("export", "trec", "-w", root, *ONE, "v2t", "--top", 7, "--only", "run", "-o")
    run(*options, tmp_path / "scored.txt")
    run("evaluate", "-w", root, "--dims", 24, "--precisions", "int8", "--protocols", "full",
        "--hits", 9)  # fmt: skip
    assert list((root / "hits").rglob("run_id=*/*.parquet"))
    run(*options, tmp_path / "stored.txt")
    assert (tmp_path / "stored.txt").read_bytes() == (tmp_path / "scored.txt").read_bytes()


def test_ties_are_told_and_scores_fall(published, tmp_path):
    """Bits tie all the time: the list is one order of them, and says so."""
    done = run("export", "trec", "-w", published, "--dim", 16, "--precision", "b1", "--direction",
               "t2v", "--top", 0, "--only", "run", "-o", tmp_path / "run.txt")  # fmt: skip
    assert "queries have a relevant item that ties" in done.stderr
    by_query = {}
    for line in (tmp_path / "run.txt").read_text().splitlines():
        query, _, _, rank, score, _ = line.split()
        by_query.setdefault(query, []).append((int(rank), np.float32(score)))
    assert len(by_query) == 60
    for rows in by_query.values():
        assert [rank for rank, _ in rows] == list(range(1, 31))
        assert (np.diff([score for _, score in rows]) < 0).all()


def test_falling():
    equal = np.zeros((2, 500), np.float32)
    equal[1] = 0.7
    equal[1, 300:] = 0.7 - 1e-7
    found = falling(equal)
    assert (np.diff(found, axis=1) < 0).all()
    assert np.abs(found - equal).max() < 1e-4
    plain = -np.sort(-np.random.default_rng(0).random((3, 50)).astype(np.float32))
    assert np.array_equal(falling(plain), plain)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The 'future.infer_string'")
def test_ranx(odd, tmp_path):
    import pandas

    run("export", "ranx", "-w", odd, *ONE, "t2v", "--top", 0, "-o", tmp_path / "r")
    # tests/sql compares all measures.
    wanted = {"recall@1": ("recall", 1), "ndcg@10": ("ndcg", 10)}
    # ranx asks for columns of objects, and pandas 3 makes texts of another type.
    with pandas.option_context("future.infer_string", False), plain_ranx() as ranx:
        judged = ranx.Qrels.from_parquet(str(tmp_path / "r/qrels.parquet"))
        lists = ranx.Run.from_parquet(str(tmp_path / "r/run.parquet"))
        theirs = ranx.evaluate(judged, lists, list(wanted))
    mine = ours(odd, "t2v")
    for name, key in wanted.items():
        assert mine[key] == pytest.approx(theirs[name], abs=1e-9), name
    assert "text 3 100%" in judged.keys()  # noqa: SIM118


@pytest.mark.slow
def test_mteb(odd, tmp_path):
    """MTEB's own class reads the result; its evaluator's trec_eval scores the predictions."""
    pytest.importorskip("mteb", reason="mteb is not installed")
    from mteb.results import TaskResult

    run("export", "mteb", "-w", odd, *ONE, "t2v", "--top", 0, "-o", tmp_path / "none")
    assert not (tmp_path / "none/predictions").exists()
    run("export", "mteb", "-w", odd, *ONE, "t2v", "--task", "Flickr30kT2IRetrieval", "-o",
        tmp_path / "m")  # fmt: skip
    folder = tmp_path / "m/results/m__x/no_revision_available/experiments/precision_int8"
    result = TaskResult.from_disk(folder / "Flickr30kT2IRetrieval.json", load_historic_data=False)
    mine = ours(odd, "t2v")
    (scores,) = result.scores["test"]
    assert result.get_score() == scores["ndcg_at_10"] == mine["ndcg", 10]
    assert scores["recall_at_5"] == mine["recall", 5]
    assert scores["hit_rate_at_1"] == mine["hit_rate", 1]
    assert result.languages == ["eng"]
    assert result.task.metadata.name == "Flickr30kT2IRetrieval"
    saved = json.loads(
        (tmp_path / "m/predictions/Flickr30kT2IRetrieval_predictions.json").read_text()
    )
    assert saved["mteb_model_meta"] == {"model_name": "m/x", "revision": None}
    lists = saved["default"]["test"]
    judged = {}
    qrels = package.open(odd).sql("from qrels").arrow().to_pylist()
    for row in qrels:
        judged.setdefault(row["text_id"], {})[row["visual_id"]] = row["relevance"]
    found = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut.10"}).evaluate(lists)
    mean = np.mean([query["ndcg_cut_10"] for query in found.values()])
    assert mean == pytest.approx(mine["ndcg", 10], abs=1e-9)


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_mtebs_own_cache_finds_the_results(odd, tmp_path):
    """Under the given revisions or none; what is not the model's own output is an experiment."""
    mteb = pytest.importorskip("mteb", reason="mteb is not installed")
    task = "Flickr30kT2IRetrieval"
    for precision, experiment in (("fp32", None), ("int8", "precision_int8")):
        run("export", "mteb", "-w", odd, "--dim", 24, "--direction", "t2v", "--precision",
            precision, "--task", task, "--revision", "abc", "--dataset-revision", "1.0", "-o",
            tmp_path / precision)  # fmt: skip
        cache = mteb.ResultCache(tmp_path / precision)
        meta = mteb.models.ModelMeta.model_validate(
            json.loads(next((tmp_path / precision).rglob("model_meta.json")).read_text())
        )
        assert (meta.name, meta.revision, meta.embed_dim) == ("m/x", "abc", 24)
        assert meta.experiment_name == experiment
        found = cache.load_task_result(task, meta)
        rows = package.open(odd).metrics(
            protocol="full", direction="t2v", precision=precision, dim=24, measure="ndcg", k=10
        )
        assert [found.get_score()] == rows.arrow()["value"].to_pylist()
        assert found.dataset_revision == "1.0"
        results = cache.load_results(include_remote=False, load_experiments="match_name")
        (model,) = results.model_results
        assert (model.model_name, model.model_revision) == ("m/x", "abc")
        assert [one.task_name for one in model.task_results] == [task]


@pytest.mark.slow
def test_clip_benchmark(odd, tmp_path):
    out = tmp_path / "result.json"
    run("export", "clip-benchmark", "-w", odd, "--precision", "fp32", "-o", out)
    result = json.loads(out.read_text())
    assert (result["model"], result["pretrained"]) == ("m", "x")
    assert (result["task"], result["language"]) == ("zeroshot_retrieval", "en")
    for name, direction in (("image", "t2v"), ("text", "v2t")):
        for k in (1, 5, 10):
            value = result["metrics"][f"{name}_retrieval_recall@{k}"]
            assert value == ours(odd, direction, "fp32")["hit_rate", k]
    assert "2 representations" in run("export", "clip-benchmark", "-w", odd, code=1).stderr
    text = run("export", "clip-benchmark", "-w", odd, "--table").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["model_fullname"] for row in rows] == ["m x"] * 2
    by_precision = {row["precision"]: row for row in rows}
    kept = float(by_precision["fp32"]["image_retrieval_recall@5"])
    assert kept == result["metrics"]["image_retrieval_recall@5"]
    # Their own `build` flattens the JSON to the same columns.
    assert {*result["metrics"], *result, "model_fullname"} - {"metrics"} == set(rows[0])
