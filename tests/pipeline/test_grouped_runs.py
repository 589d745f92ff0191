"""The protocol grouped: visuals ranked by the best of their captions, as video papers do."""

from __future__ import annotations

import json
import shutil

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

import cmr as api
from cmr.answers import fetch
from cmr.cli.main import main
from cmr.errors import CmrError
from cmr.pipeline.judged_data import find_dataset, load_judged_data
from cmr.pipeline.request import Request
from cmr.views import connect
from tests import warehouses
from tests.conftest import unanswered
from tests.reference import grouped


def unit(vectors):
    vectors = vectors.astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def arrays():
    """Captions of a video apart, videos without one, and no equal vectors."""
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 46, 170)
    content = rng.standard_normal((50, 24))
    texts = content[truth] + 2 * rng.standard_normal((170, 24))
    return {
        "ground_truth": truth,
        "text_24": texts.astype(np.float32),
        "video_24": content.astype(np.float32),
    }


@pytest.fixture(scope="module")
def clips(tmp_path_factory, arrays):
    """The root of a warehouse of them, which nobody changes."""
    folder = tmp_path_factory.mktemp("clips")
    np.savez(folder / "clips.npz", **arrays)
    root = str(folder / "w")
    done(["ingest", "npz", str(folder / "clips.npz"), "-w", root, "--dataset", "clips"])
    return root


@pytest.fixture(scope="module")
def evaluated(clips, tmp_path_factory):
    """The same with every protocol, which nobody changes either."""
    root = str(tmp_path_factory.mktemp("evaluated") / "w")
    shutil.copytree(clips, root)
    with unanswered():
        done(
            ["evaluate", "-w", root, "--dims", "24,8", "--precisions", "fp32,int8",
             "--draws", "40", "--candidates", "10,30", "--k", "3",
             "--protocols", "full,expected,sampled,grouped,grouped_expected,grouped_sampled"]
        )  # fmt: skip
    return root


def done(command):
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.stderr


def copied(root, folder):
    """A copy of a warehouse, to be changed."""
    return shutil.copytree(root, str(folder / "w"))


def test_figures_of_clip4clip(evaluated, arrays):
    """R@1, R@5, R@10, median and mean rank are those of its code, on the same scores."""
    truth = arrays["ground_truth"]
    there = np.unique(truth)
    scores = unit(arrays["text_24"]) @ unit(arrays["video_24"])[there].T
    wanted = grouped.figures(grouped.by_video(scores, np.searchsorted(there, truth)))
    rows = api.open(evaluated).sql(
        "select measure || coalesce('@' || k, '') as name, value, candidates, queries, direction "
        "from metrics where protocol = 'grouped' and dim = 24 and precision = 'fp32'"
    )
    found = {row["name"]: row for row in rows.pl().to_dicts()}
    assert {(row["candidates"], row["direction"], row["queries"]) for row in found.values()} == {
        (len(there), "v2t", len(there))
    }
    for k in (1, 5, 10):
        for measure in ("hit_rate", "recall"):
            assert found[f"{measure}@{k}"]["value"] * 100 == pytest.approx(wanted[f"R{k}"], 1e-12)
    assert found["median_rank"]["value"] == wanted["MR"]
    assert found["mean_rank"]["value"] == pytest.approx(wanted["MeanR"], 1e-12)


def test_lists_are_of_captions_ranked_singly(cmr, tmp_path, clips, no_answer):
    """--hits alone with grouped protocols is refused; beside others, they are said to have none."""
    root = copied(clips, tmp_path)
    asked = ("evaluate", "-w", root, "--dims", "24", "--precisions", "fp32", "--hits", "5")
    refused = cmr(*asked, "--protocols", "grouped,grouped_expected", code=1)
    assert (
        "--hits 5 stores lists of captions, which --protocols grouped,grouped_expected does not "
        "rank; add full, or leave --hits out"
    ) in " ".join(refused.stderr.split())
    assert not fetch(connect(root), "from runs").num_rows
    done = cmr(*asked, "--protocols", "full,grouped")
    said = "--hits is of captions ranked singly: runs of grouped captions store no lists"
    assert " ".join(done.stderr.split()).count(said) == 1
    rows = fetch(connect(root), "select qrels, direction, hits from runs order by all").to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("default", "t2v", 5),
        ("default", "v2t", 5),
        ("grouped", "v2t", 0),
    ]
    # The same again is all there already.
    assert "all exist already" in cmr(*asked, "--protocols", "full,grouped").stderr


@pytest.mark.slow
def test_every_row_names_its_protocol(evaluated):
    con = connect(evaluated)
    for view in ("metrics", "earned_metrics", "leaderboard", "per_query"):
        rows = fetch(
            con,
            f"select distinct protocol, qrels, direction from {view} inner join runs "
            "using (run_id)" if view == "per_query" else
            f"select distinct protocol, qrels, direction from {view}",
        ).to_pylist()  # fmt: skip
        singly = {"full", "expected", "sampled"}
        assert {row["protocol"] for row in rows if row["qrels"] == "default"} == singly
        apart = {"grouped", "grouped_expected", "grouped_sampled"}
        assert {row["protocol"] for row in rows if row["qrels"] == "grouped"} == apart
        assert {row["direction"] for row in rows if row["qrels"] == "grouped"} == {"v2t"}


def test_pools_chance_and_checks(evaluated, arrays):
    """Chance is K / C of C videos; pools of all videos are the gallery; every check passes."""
    con = connect(evaluated)
    videos = len(np.unique(arrays["ground_truth"]))
    rows = fetch(
        con, "from metrics where starts_with(protocol, 'grouped') and measure = 'recall'"
    ).to_pylist()
    assert {row["candidates"] for row in rows} == {10, 30, videos}
    for row in rows:
        assert row["chance"] == pytest.approx(min(1, row["k"] / row["candidates"]), 1e-12)
        assert row["ci_low"] <= row["value"] <= row["ci_high"]
    whole = api.open(evaluated).metrics(protocol="grouped", measure="mrr").pl().to_dicts()
    same = api.open(evaluated).metrics(
        protocol="grouped_expected", candidates=videos, measure="mrr", k=1
    )
    assert [row["value"] for row in same.pl().to_dicts()] == pytest.approx(
        [row["value"] for row in whole], 1e-9
    )


@pytest.mark.slow
def test_doctor(evaluated, cmr):
    assert "all 17 checks pass" in cmr("doctor", "-w", evaluated).stdout


def test_nothing_is_mixed(evaluated, cmr):
    """Baselines, retention and comparisons stay within one protocol."""
    con = connect(evaluated)
    rows = fetch(
        con,
        "select x.grouped as mine, y.grouped as its from retention inner join runs as x "
        "using (run_id) inner join runs as y on y.run_id = retention.baseline",
    ).to_pylist()
    assert {(row["mine"], row["its"]) for row in rows} == {(False, False), (True, True)}
    one, other = "dim=24,precision=fp32,direction=v2t", "dim=8,precision=int8,direction=v2t"
    singly = cmr("compare", one, other, "-w", evaluated).stdout
    assert "grouped" not in singly
    apart = cmr("compare", one, other, "-w", evaluated, "--pools", "grouped").stdout
    assert "grouped, whole gallery" in apart
    assert apart.count("hit_rate@10") >= 1
    ids = {
        row["grouped"]: row["run_id"]
        for row in fetch(con, "from runs where direction = 'v2t' and dim = 24").to_pylist()
    }
    said = cmr("compare", ids[True], ids[False], "-w", evaluated, code=1).stderr
    assert f"--pools full: run {ids[True]} ranks grouped captions" in said
    with pytest.raises(Exception, match="the runs differ in data set, judgments or direction"):
        con.execute(f"from compare('{ids[True]}', '{ids[False]}')").fetchall()


@pytest.mark.slow
def test_printed_and_exported(evaluated, cmr, tmp_path):
    """What has a row for both says which is which; there are no lists of texts to export."""
    printed = cmr("recommend", "-w", evaluated).stdout
    assert "v2t grouped" in printed
    assert "clips, captions grouped" in printed
    singly = ("dim=24,precision=int8", "--baseline", "dim=24,precision=fp32", "--margin", ".9")
    assert "grouped" not in cmr("gate", *singly, "-w", evaluated).stdout
    apart = (f"qrels=grouped,{singly[0]}", "--baseline", f"qrels=grouped,{singly[2]}", *singly[3:])
    assert "clips v2t grouped" in cmr("gate", *apart, "-w", evaluated).stdout
    (run_id,) = (
        api.open(evaluated)
        .sql("select run_id from runs where grouped and dim = 24 and precision = 'fp32'")
        .fetchone()
    )
    out = ("--out", tmp_path / "trec", "-w", evaluated)
    said = cmr("export", "trec", "--run", run_id, *out, code=1).stderr
    assert "which have no lists of texts to export" in " ".join(said.split())
    chosen = ("--dim", 24, "--precision", "fp32", "--direction", "v2t")
    cmr("export", "trec", *chosen, *out)


@pytest.mark.slow
def test_report(clips, cmr, tmp_path, no_answer):
    """A subject of its own, whose tables, plots and leaderboard name the protocol."""
    root = copied(clips, tmp_path)
    asked = ("--protocols", "grouped,grouped_expected", "--candidates", 10)
    cmr("evaluate", "-w", root, "--dims", 24, "--precisions", "fp32", *asked)
    cmr("report", "-w", root, "--out", tmp_path / "r")
    found = json.loads((tmp_path / "r" / "experiment_summary.json").read_text())
    schema = json.loads((tmp_path / "r" / "experiment_summary.schema.json").read_text())
    jsonschema.validate(found, schema)
    names = {row["protocol"] for row in found["leaderboard"] if row["qrels"] == "grouped"}
    assert names == {"grouped", "grouped_expected"}
    table = next((tmp_path / "r" / "tables").glob("*grouped_gallery.md")).read_text()
    assert "clips, clips, captions grouped, whole gallery" in table
    page = (tmp_path / "r" / "index.html").read_text()
    assert "captions grouped, whole gallery" in page
    assert "each by the best of its captions" in page


def test_finished_runs_are_reused(evaluated, cmr, tmp_path, no_answer):
    root = copied(evaluated, tmp_path)
    again = cmr(
        "evaluate", "-w", root, "--dims", "24", "--precisions", "fp32", "--protocols",
        "grouped", "--k", "2",
    ).stderr  # fmt: skip
    assert "1 runs of clips on clips, captions grouped: all exist already" in again
    one = api.open(root).metrics(protocol="grouped", measure="recall", k=2, dim=24)
    assert len(one.pl().to_dicts()) == 2


def test_cross_fitted(evaluated):
    rows = fetch(
        connect(evaluated),
        "select distinct fit from earned_metrics where protocol = 'grouped' and dim = 8",
    ).to_pylist()
    assert rows == [{"fit": "cross-fitted"}]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--scorer", "usearch-hnsw"), "needs --scorer torch without --rescore"),
        (("--scorer", "usearch-exact"), "needs --scorer torch without --rescore"),
        (("--rescore", "fp32", "--precisions", "int8"), "needs --scorer torch without --rescore"),
        (("--directions", "t2v"), "is of v2t alone"),
        (("--shard", "0/2"), "is counted here and as a whole"),
        (
            ("--candidates", "999", "--protocols", "grouped_expected"),
            "sizes from 1 to 44, or --protocols grouped",
        ),
    ],
)
def test_what_cannot_be(evaluated, cmr, options, sentence):
    result = cmr("evaluate", "-w", evaluated, "--protocols", "full,grouped", *options, code=1)
    assert sentence in " ".join(result.stderr.split())


def test_a_caption_of_two_visuals(tmp_path):
    """Which of them it describes is not said, so nothing is grouped by it."""
    warehouse = warehouses.new(tmp_path / "w")
    relevance = np.zeros((4, 3), dtype=int)
    relevance[[0, 1, 2, 3, 3], [0, 1, 2, 0, 2]] = 1
    warehouses.add_dataset(warehouse, "d", relevance)
    row = find_dataset(warehouse, "d")
    request = Request("d", protocols="grouped", directions="v2t")
    with pytest.raises(CmrError, match="'t3' belongs to several visuals"):
        load_judged_data(warehouse, row, request)


def test_not_by_other_judgments(evaluated, cmr, tmp_path):
    """They say what is relevant, not whose caption a text is; and the name is taken."""
    root = copied(evaluated, tmp_path)
    (tmp_path / "q.tsv").write_text("query-id\tcorpus-id\tscore\n0\t0\t1\n")
    named = ("ingest", "qrels", tmp_path / "q.tsv", "-w", root, "--name")
    cmr(*named, "other", "--direction", "t2v")
    more = ("--protocols", "grouped", "--qrels", "other")
    assert "leave --qrels out" in cmr("evaluate", "-w", root, *more, code=1).stderr
    assert "choose another --name" in cmr(*named, "grouped", code=1).stderr
