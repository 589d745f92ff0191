"""What `cmr evaluate` ends with: a table of 80 columns and a sentence that is true."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest

import cmr as package
from cmr.report.plots import style
from cmr.report.summary_json import schema
from cmr.views import connect
from tests.conftest import unanswered


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("answer")


@pytest.fixture
def evaluate(cmr, npz, path):
    def run(*more):
        if not (path / "w").exists():
            cmr("ingest", "npz", npz(), "-w", path / "w", "--dataset", "d")
        return cmr("evaluate", "-w", path / "w", "--candidates", "20,10", *more).stdout

    return run


@pytest.mark.slow
def test_one_run(evaluate):
    """Of one representation there is nothing to recommend, and it is not said that there is."""
    found = evaluate("--dims", "40", "--precisions", "int8", "--directions", "t2v",
                     "--protocols", "full")  # fmt: skip
    assert "Leaderboard, whole gallery" in found
    assert found.count("40 native int8") == 1
    assert found.endswith(
        "one representation, so there is nothing to choose from; native fp32 was not evaluated: "
        "add --dims 40 --precisions fp32.\n"
    )


@pytest.mark.slow
def test_too_few_to_say(evaluate):
    """The baseline is named, whatever else is wrong."""
    found = evaluate("--dims", "40", "--precisions", "int8,int4")
    assert found.endswith(
        "d, data: nothing is recommended: 22 visual items are too few: at least 30 are needed "
        "(baseline: 40 native int8).\n"
    )


@pytest.fixture(scope="module")
def large(path):
    """900 pairs that are found well, and 900 that are not, at 40 dimensions."""
    rng = np.random.default_rng(5)
    visuals = rng.standard_normal((900, 40), dtype=np.float32)
    truth = np.arange(900)
    wh = package.open(path / "large", create=True)
    near = visuals + 0.6 * rng.standard_normal(visuals.shape, dtype=np.float32)
    wh.ingest_arrays(near, visuals, truth, dataset="near", model="m")
    wh.ingest_arrays(rng.permutation(near), visuals, truth, dataset="far", model="m")
    return path / "large"


@pytest.fixture
def said(cmr, large):
    """The sentence that an evaluation of a data set ends with."""

    def run(dataset, *options):
        more = ("--protocols", "full", "-w", large)
        return cmr("evaluate", "--dataset", dataset, *options, *more).stdout.splitlines()[-1]

    return run


@pytest.mark.slow
def test_only_lifted(said):
    """A dimension above the native one adds nothing that others could be held against."""
    assert said("near", "--dims", "64,80", "--precisions", "int8") == (
        "near, m: nothing is recommended: native fp32 was not evaluated: add --dims 40 "
        "--precisions fp32; an expanded dimension cannot be the baseline."
    )


@pytest.mark.slow
def test_without_native_fp32(said):
    sentence = said("near", "--dims", "40,64", "--precisions", "int8,b1")
    assert sentence.startswith("near, m: none smaller than the baseline, 40 native int8, is sure")
    assert sentence.endswith("Native fp32 was not evaluated: add --dims 40 --precisions fp32.")


@pytest.mark.slow
def test_against_native_fp32(said):
    """What is left open has native fp32 too; what is asked for whole has nothing else."""
    sentence = said("near", "--dims", "40")
    assert sentence.startswith("near, m: 40 native int4 is the smallest that is sure to keep 99%")
    assert "of the baseline, 40 native fp32, over the whole gallery, in every direction" in sentence
    assert "20 bytes a vector, 12.5% of its size" in sentence
    assert "was not evaluated" not in sentence


@pytest.mark.slow
def test_near_chance(cmr, large, said, monkeypatch):
    """Vectors that do not belong to the items keep all of nothing, and are not recommended."""
    sentence = said("far", "--precisions", "int8", "--dims", "8")
    assert sentence.startswith("far, m: only one representation")
    sentence = said("far", "--dims", "8")
    assert sentence.startswith("far, m: nothing is recommended: ")
    assert "@10 0.0" in sentence
    assert "is not clearly above chance 0.011 (baseline: 40 native fp32)" in sentence
    advised = cmr("recommend", "--dataset", "far", "-w", large).stdout
    assert "nothing is recommended" in advised.splitlines()[-1]
    assert advised.count("none") == 2 * 8
    rows = package.open(large).recommend(0.5, dataset="far").dicts()
    assert {(row["run_id"], row["point_run_id"], row["smallest"]) for row in rows} == {(None,) * 3}
    monkeypatch.setattr(style, "DPI", 30)
    cmr("report", "--dataset", "far", "-w", large, "--out", large / "report")
    summary = json.loads((large / "report" / "experiment_summary.json").read_text())
    jsonschema.validate(summary, json.loads(schema()))
    (found,) = summary["answers"]
    assert found["smallest_sure"] is None
    assert "not clearly above chance" in found["why_not"]
    page = (large / "report" / "index.html").read_text()
    assert "No representation is recommended." in page
    assert "keeps at least" not in page


@pytest.mark.slow
def test_the_default_grid_has_its_baseline(large):
    """Native fp32 beside the published grid, exactly once; in lists and two stages ranked whole."""
    wh = package.open(large)
    count = (
        "select dim, precision, scorer, rescore, count(*) as n from runs "
        "where dataset = 'near' and precision = 'fp32' group by all"
    )
    for options in ({"dims": 8}, {"precisions": "int8", "rescore": "fp32"},
                    {"precisions": "int8", "scorer": "usearch-hnsw"},
                    {"precisions": "fp32,int8", "dims": 40}):  # fmt: skip
        wh.evaluate("near", protocols="full", **options)
        assert wh.sql(count).dicts() == [
            {"dim": 40, "precision": "fp32", "scorer": "torch", "rescore": None, "n": 2}
        ]


@pytest.mark.slow
def test_many_rows(evaluate):
    """The best of each direction, and how many more there are; a line has 80 columns."""
    found = evaluate("--dims", "4,8,12,16,24,32", "--precisions", "fp32,int8,int4",
                     "--dim-methods", "pca,random")  # fmt: skip
    lines = found.splitlines()
    assert sum(line.strip().startswith("t2v ") for line in lines) == 12
    assert any('more: cmr sql "from leaderboard"' in line for line in lines)
    table = [line.rstrip() for line in lines if not line.startswith("d, data: ")]
    assert max(map(len, table)) <= 80


def table(found):
    """A row by its direction and representation, its cells by their headings."""
    lines = [line.split() for line in found.splitlines() if line.startswith((" t2v", " v2t"))]
    return {(line[0], " ".join(line[1:4])): line[4:] for line in lines}


@pytest.mark.slow
def test_what_was_just_scored(evaluate, path):
    """The protocol and C asked for now, whatever there is of before, and what the same keeps."""
    with unanswered():
        evaluate("--dims", "40,8", "--precisions", "fp32,b1")
    found = evaluate("--dims", "8", "--precisions", "b1", "--candidates", "12,15")
    assert "Leaderboard, expected, C = 15" in found
    shown = table(found)
    assert set(shown) == {("t2v", "8 pca b1"), ("v2t", "8 pca b1")}
    con = connect(str(path / "w"))
    # Of the baseline, which was evaluated at C = 10 and 20 alone.
    value = dict(con.execute(
        "select direction || ' ' || dim || ' ' || precision, value "
        "from metrics_for(15, 10, held_out := true) "
        "where measure = 'recall' and k = 10"
    ).fetchall())  # fmt: skip
    for way, who in shown:
        mine, base = (value[f"{way} {one}"] for one in ("8 b1", "40 fp32"))
        assert shown[way, who][1] == f"{mine:.4f}"
        assert shown[way, who][-1] == f"{mine / base:.1%}"
    found = evaluate("--dims", "40,8", "--precisions", "b1", "--protocols", "full")
    assert "Leaderboard, whole gallery" in found
    kept = dict(con.execute(
        "select direction || ' ' || dim, recall_10_kept from tradeoffs where precision = 'b1'"
    ).fetchall())  # fmt: skip
    for (way, who), cells in table(found).items():
        assert cells[-1] == f"{kept[f'{way} {who.split()[0]}']:.1%}"
    found = evaluate("--dims", "8", "--precisions", "b1", "--protocols", "sampled",
                     "--candidates", "14")  # fmt: skip
    assert "Leaderboard, sampled, C = 14" in found
    assert "kept is empty where the baseline was not evaluated this way" in found


@pytest.mark.slow
def test_few_at_chance_are_not_ranked(cmr, tmp_path):
    """Nine queries that find nothing: no share that is kept, and no front, beside the reason."""
    rng = np.random.default_rng(0)
    visuals, texts = rng.standard_normal((2, 9, 16), dtype=np.float32)
    wh = package.open(tmp_path / "w", create=True)
    wh.ingest_arrays(texts, visuals, np.arange(9), dataset="d", model="m")
    options = ("--dims", "16,8", "--precisions", "fp32,int8", "--protocols", "full")
    found = cmr("evaluate", *options, "-w", tmp_path / "w").stdout
    assert "kept and * mean nothing so near chance, and are left out" in found
    table = [line for line in found.splitlines() if line.split()[:1] in (["t2v"], ["v2t"])]
    assert len(table) == 8
    assert not any("%" in line or "*" in line for line in table)
    assert "9 visual items are too few" in found.splitlines()[-1]
